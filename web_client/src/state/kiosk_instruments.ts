// The instruments on the nurse's rail: which stand large, what each one's tile says, what is done with it. Pure, no words.
import type { Encounter, Instrument, InstrumentKind, KioskState, Reading, TrayItem, Waveform } from "../protocol/types";
import { isAsked, usable } from "./kiosk_view";

/** `protocol.readings.CAMERAS`. */
const CAMERAS: ReadonlySet<InstrumentKind> = new Set<InstrumentKind>(["skin_camera", "otoscope", "intraoral_camera", "ultrasound"]);

/** Cards for so few instruments fill the rail; with more, each has a numbered tile that never moves. */
export const CARDS_ONLY = 4;

/** Below it a device may stop in the middle of a measurement. */
export const LOW_PERCENT = 20;

export const isCamera = (instrument: Instrument): boolean => CAMERAS.has(instrument.kind);

/** Where the doctor can be shown or made to hear something: what the gateway lets a nurse switch. */
export const inCall = (encounter: Encounter): boolean => encounter.stage === "in_call" || encounter.stage === "interrupted";

/** A request that still wants something: a camera that the doctor sees, a stethoscope that is heard, has been given. */
export function pulses(state: KioskState, instrument: Instrument): boolean {
  return isAsked(instrument) && state.shown !== instrument.instrument_id && state.listening !== instrument.instrument_id;
}

/** What its readings and streams carry. An instrument that does not say is named as its device. */
const deviceOf = (instrument: Instrument): string => instrument.device_id || instrument.instrument_id;

/** Reached by radio: it can be paired again, and another device can take its place. */
export const byRadio = (instrument: Instrument): boolean => instrument.device_id.startsWith("ble:");

/** Paired on this screen: it can be forgotten here. The others stand in the vehicle's configuration. */
export const pairedHere = (instrument: Instrument): boolean => instrument.instrument_id.startsWith("ble-");

/** The stream of an instrument that runs now. */
export function streamOf(encounter: Encounter | null, instrument: Instrument): Waveform | null {
  return encounter?.waveforms.find((stream) => stream.device.device_id === deviceOf(instrument)) ?? null;
}

/** The newest reading an instrument gave in this file; one of a known time and without its own doubt stands first. */
export function lastReading(encounter: Encounter | null, instrument: Instrument): Reading | null {
  const own = (encounter?.readings ?? []).filter((reading) => reading.device.device_id === deviceOf(instrument));
  return own.reduce<Reading | null>(
    (newest, reading) => (newest === null || Date.parse(reading.received_at) >= Date.parse(newest.received_at) ? reading : newest), null);
}

/** Photos of this camera in this file. */
export function photosOf(encounter: Encounter | null, instrument: Instrument): number {
  return (encounter?.stills ?? []).filter((still) => still.device.device_id === deviceOf(instrument)).length;
}

/** What this instrument gave that waits in the tray. */
export function inTray(tray: readonly TrayItem[], instrument: Instrument): number {
  return tray.filter((item) => item.reading.device.device_id === deviceOf(instrument)).length;
}

export const lowBattery = (instrument: Instrument): boolean => instrument.battery !== null && instrument.battery < LOW_PERCENT;

/** Something goes on with it now. */
export function isActive(state: KioskState, instrument: Instrument): boolean {
  return (
    instrument.state === "measuring" ||
    instrument.live.length > 0 ||
    state.shown === instrument.instrument_id ||
    state.listening === instrument.instrument_id ||
    state.cuff?.instrument_id === instrument.instrument_id ||
    streamOf(state.encounter, instrument) !== null
  );
}

export interface RailPlan {
  /** Large, in this order: what the doctor asks, what goes on, what the nurse touched. */
  readonly cards: readonly Instrument[];
  /** Every instrument in its place; empty when all stand large. */
  readonly tiles: readonly Instrument[];
}

/** What stands large and what is a tile. `focus` is the instrument a hand or its own news brought forward. */
export function railPlan(state: KioskState, focus: string | null): RailPlan {
  const { instruments } = state;
  if (instruments.length <= CARDS_ONLY) return { cards: [...instruments].sort((a, b) => rank(state, a) - rank(state, b)), tiles: [] };
  const cards = instruments
    .filter((each) => pulses(state, each) || isActive(state, each) || each.instrument_id === focus)
    .sort((a, b) => place(state, a) - place(state, b));
  return { cards, tiles: instruments };
}

/** With cards alone nothing moves but what is asked for. */
const rank = (state: KioskState, instrument: Instrument): number => (pulses(state, instrument) ? 0 : 1);

function place(state: KioskState, instrument: Instrument): number {
  if (pulses(state, instrument)) return 0;
  return isActive(state, instrument) ? 1 : 2;
}

/** The instrument that just began, ended or failed a measurement: it comes forward by itself. */
export function turned(before: KioskState | null, now: KioskState): string | null {
  if (before === null || now.encounter === null) return null;
  const was = new Map(before.instruments.map((each) => [each.instrument_id, each.state]));
  const news = now.instruments.filter((each) => {
    const state = was.get(each.instrument_id);
    return state !== undefined && state !== each.state && (each.state === "measuring" || each.state === "done" || (each.state === "failed" && state !== "absent"));
  });
  // Several at once: the radio or a hub went away, and the strip above says so.
  return news.length === 1 ? (news[0]?.instrument_id ?? null) : null;
}

/** What a tile says in one word, the most pressing first. */
export type TileWord = "asked" | "absent" | "failed" | "measuring" | "shown" | "listening" | "tray" | "again" | "value" | "photo" | "asleep" | "ready";

export function tileWord(state: KioskState, instrument: Instrument): TileWord {
  if (pulses(state, instrument)) return "asked";
  if (instrument.state === "absent") return "absent";
  if (!usable(instrument)) return "failed";
  if (state.shown === instrument.instrument_id) return "shown";
  if (state.listening === instrument.instrument_id) return "listening";
  if (isActive(state, instrument)) return "measuring";
  if (inTray(state.tray, instrument) > 0) return "tray";
  const last = lastReading(state.encounter, instrument);
  if (last !== null) return last.kind === "unreadable" ? "again" : "value";
  if (photosOf(state.encounter, instrument) > 0) return "photo";
  // "Done" with nothing in this file was done for another one: the nurse is not to look for a result.
  return instrument.state === "asleep" ? "asleep" : "ready";
}
