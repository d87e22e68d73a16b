// What the screens show of a `KioskState`: pure functions, no words, no DOM.
import type {
  Instrument, InstrumentKind, KioskState, Patient, PrescriptionState, PrescriptionView, Reading, ReadingKind,
} from "../protocol/types";

export type Screen = "starting" | "sign_in" | "home" | "patient" | "ready" | "waiting" | "call" | "after" | "tray" | "devices";

/** Which screen stands. `at` is where the nurse went by hand. */
export function screenOf(state: KioskState | null, at: Place): Screen {
  if (state === null) return "starting";
  if (state.nurse === null) return "sign_in";
  if (at === "tray" || at === "devices") return at;
  if (at === "home") return "home";
  if (state.encounter === null) return at === "patient" ? "patient" : "home";
  switch (state.encounter.stage) {
    case "ready":
      return "ready";
    case "waiting":
      return "waiting";
    case "in_call":
    case "interrupted":
      return "call";
    case "after":
      return "after";
  }
}

/** Where the nurse stands by hand: `stage` follows the encounter. */
export type Place = "stage" | "home" | "patient" | "tray" | "devices";

/** A doctor who appears, or any step of the encounter, calls the nurse back from wherever they are. */
export function placeAfter(at: Place, before: KioskState | null, now: KioskState): Place {
  const was = before?.encounter ?? null;
  const is = now.encounter;
  if (now.nurse === null) return "stage";
  if (is === null) return was === null ? at : "home";
  if (was === null) return before === null ? at : "stage";
  const rang = was.stage !== is.stage && is.stage === "in_call" && was.stage !== "interrupted";
  return rang || was.encounter_id !== is.encounter_id ? "stage" : at;
}

export type Tone = "done" | "look" | "stop" | "plain";

/** An instrument that keeps nobody from measuring: present, or asleep until it is used. */
export function usable(instrument: Instrument): boolean {
  return instrument.problem === null && instrument.state !== "absent" && instrument.state !== "failed";
}

export function instrumentTone(instrument: Instrument): Tone {
  if (!usable(instrument)) return "look";
  return instrument.state === "asleep" ? "plain" : "done";
}

/** A request that the kiosk pulses for. */
export function isAsked(instrument: Instrument): boolean {
  return instrument.request?.state === "asked";
}

/** Newest first, as the nurse looks for it. */
export function newestFirst(readings: readonly Reading[]): readonly Reading[] {
  return [...readings].sort((a, b) => Date.parse(b.received_at) - Date.parse(a.received_at));
}

/** Instruments that stay on the patient and give a reading every few seconds. */
const RUNNING: ReadonlySet<ReadingKind> = new Set<ReadingKind>(["oximetry", "heart_rate"]);

/** A running series is shown large once, not each time. */
const SERIES_MS = 60_000;

function goesOn(reading: Reading, before: readonly Reading[]): boolean {
  return RUNNING.has(reading.kind) && before.some((each) =>
    each.kind === reading.kind && each.device.device_id === reading.device.device_id && Date.parse(reading.received_at) - Date.parse(each.received_at) < SERIES_MS);
}

/** Readings that came with this state and were not there before: shown large for some seconds. */
export function arrived(before: KioskState | null, now: KioskState): readonly Reading[] {
  const was = before?.encounter ?? null;
  const is = now.encounter;
  if (was === null || is === null || was.encounter_id !== is.encounter_id) return [];
  const known = new Set(was.readings.map((reading) => reading.reading_id));
  return is.readings.filter((reading) => !known.has(reading.reading_id) && !goesOn(reading, was.readings));
}

/** What the nurse still has to do with a prescription; null: nothing, or nothing yet. */
export type PaperTask = "hand_over" | "look" | "print_again";

const TASKS: Readonly<Partial<Record<PrescriptionState, PaperTask>>> = {
  printed: "hand_over",
  print_ambiguous: "look",
  print_failed: "print_again",
};

export function paperTask(prescription: PrescriptionView): PaperTask | null {
  return TASKS[prescription.state] ?? null;
}

/** Nothing more is expected of it. */
export function paperDone(prescription: PrescriptionView): boolean {
  return prescription.state === "handed_over" || prescription.state === "refused";
}

export interface Paper {
  readonly patient: Patient;
  readonly prescription: PrescriptionView;
}

/** Every prescription that is not in the patient's hand, of the open encounter and of earlier ones. */
export function openPapers(state: KioskState): readonly Paper[] {
  const cases = [...(state.encounter === null ? [] : [state.encounter]), ...state.unfinished];
  return cases.flatMap(({ patient, prescriptions }) =>
    prescriptions.filter((each) => !paperDone(each) && each.state !== "draft").map((prescription) => ({ patient, prescription })),
  );
}

/** What should have left by now: the outbox, and what a doctor's page in a call has not confirmed. */
export function toSend(state: KioskState): number {
  const { encounter, outbox } = state;
  // Before a doctor is there, nobody could have confirmed anything.
  const inCall = encounter !== null && encounter.stage !== "ready" && encounter.stage !== "waiting";
  return outbox + (inCall ? encounter.unacknowledged : 0);
}

/** `2026-01-02T…` as milliseconds; null when there is none. */
export function at(instant: string | null): number | null {
  return instant === null ? null : Date.parse(instant);
}

export function kindsOf(state: KioskState): readonly InstrumentKind[] {
  return [...new Set(state.instruments.map((instrument) => instrument.kind))];
}

/** Peak of the microphone above which a voice is heard, of full scale: -40 dBFS, speech at arm's length. */
export const VOICE_LEVEL = 0.01;

export type Hearing = "listening" | "heard" | "quiet";

/** How long a nurse is given to say something before the check says that little is heard. */
export const QUIET_AFTER_MS = 12_000;

/** What the sound check says, from the loudest level so far. */
export function hearing(loudest: number, listenedMs: number): Hearing {
  if (loudest >= VOICE_LEVEL) return "heard";
  return listenedMs > QUIET_AFTER_MS ? "quiet" : "listening";
}
