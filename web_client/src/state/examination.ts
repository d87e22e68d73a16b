// What the doctor looks through and listens with: which instruments give a picture or a sound, and what is on now. Pure.
import type { Instrument, InstrumentKind, MediaState, Situation } from "../protocol/types";

/** `protocol.readings.CAMERAS`: what gives a picture. */
const CAMERAS: ReadonlySet<InstrumentKind> = new Set<InstrumentKind>([
  "skin_camera",
  "otoscope",
  "intraoral_camera",
  "ultrasound",
]);

export const isCamera = (instrument: Instrument): boolean => CAMERAS.has(instrument.kind);
export const isStethoscope = (instrument: Instrument): boolean => instrument.kind === "stethoscope";

/** The examination camera whose picture the doctor sees; null: the room. */
export const shownCamera = (situation: Situation | null): Instrument | null =>
  named(situation, situation?.media.shown ?? null);

/** The stethoscope whose sound comes; null: none. */
export const heardStethoscope = (situation: Situation | null): Instrument | null =>
  named(situation, situation?.media.stethoscope ?? null);

function named(situation: Situation | null, id: string | null): Instrument | null {
  return situation?.instruments.find((instrument) => instrument.instrument_id === id) ?? null;
}

/** Whether an instrument can be turned on now: one that is absent or failed cannot. */
export const usable = (instrument: Instrument): boolean =>
  instrument.state !== "absent" && instrument.state !== "failed";

/** Whether a wish that was sent stands: the vehicle says what is on once it is. */
export const fulfilled = (wish: string | null, media: MediaState, kind: "camera" | "stethoscope"): boolean =>
  wish === (kind === "camera" ? media.shown : media.stethoscope);
