// What readings say, ordered for the panel: which quantity is which, the newest of each kind, and what runs live. Pure.
import type { Instrument, Quantity, Reading, ReadingKind } from "../protocol/types";
import type { ReadingView } from "./doctor_record";

/** The order of the panel: it never changes, so that an eye finds its place. */
export const KINDS = [
  "blood_pressure",
  "oximetry",
  "heart_rate",
  "temperature",
  "glucose",
  "weight",
  "body_composition",
  "ecg_recording",
  "unreadable",
] as const satisfies readonly ReadingKind[];

export type Measure =
  | "systolic"
  | "diastolic"
  | "mean_pressure"
  | "cuff_pressure"
  | "pulse"
  | "rr_interval"
  | "saturation"
  | "saturation_fast"
  | "saturation_slow"
  | "perfusion"
  | "temperature"
  | "glucose"
  | "hba1c"
  | "ketone"
  | "weight"
  | "height"
  | "bmi"
  | "fat"
  | "fat_free_mass"
  | "soft_lean_mass"
  | "water_mass"
  | "metabolism"
  | "muscle_percentage"
  | "muscle_mass"
  | "impedance";

/** By LOINC where there is one (gateway/peripherals/codes.py). */
const BY_LOINC: Readonly<Record<string, Measure>> = {
  "8480-6": "systolic",
  "8462-4": "diastolic",
  "8478-0": "mean_pressure",
  "8867-4": "pulse",
  "2708-6": "saturation",
  "59408-5": "saturation",
  "8310-5": "temperature",
  "2339-0": "glucose",
  "15074-8": "glucose",
  "41653-7": "glucose",
  "4548-4": "hba1c",
  "53060-9": "ketone",
  "29463-7": "weight",
  "8302-2": "height",
  "39156-5": "bmi",
  "41982-0": "fat",
  "73964-9": "muscle_mass",
};

const BY_MDC: Readonly<Record<number, Measure>> = {
  150021: "systolic",
  150022: "diastolic",
  150023: "mean_pressure",
  150300: "cuff_pressure",
  147842: "pulse",
  149530: "pulse",
  149546: "pulse",
  147240: "rr_interval",
  150456: "saturation",
  150588: "saturation",
  150580: "saturation_fast",
  150584: "saturation_slow",
  150448: "perfusion",
  188756: "fat_free_mass",
  188760: "soft_lean_mass",
  188764: "water_mass",
  188768: "metabolism",
  188772: "muscle_percentage",
  188776: "muscle_mass",
  188780: "impedance",
};

/** Which measure a quantity is; null for one that has no words here. */
export const measureOf = (quantity: Quantity): Measure | null =>
  BY_LOINC[quantity.loinc] ?? BY_MDC[quantity.mdc] ?? null;

/** The large number of a kind; the others stand small beside it. */
const MAIN: Readonly<Record<ReadingKind, readonly Measure[]>> = {
  blood_pressure: ["systolic", "diastolic"],
  oximetry: ["saturation"],
  heart_rate: ["pulse"],
  temperature: ["temperature"],
  glucose: ["glucose"],
  weight: ["weight"],
  body_composition: ["fat"],
  ecg_recording: [],
  unreadable: [],
};

export interface Parts {
  readonly main: readonly Quantity[];
  readonly others: readonly Quantity[];
}

/** The quantities of a reading, the large ones in their order first. */
export function partsOf(reading: Reading): Parts {
  const wanted = MAIN[reading.kind];
  const main = wanted.flatMap((measure) => reading.quantities.find((each) => measureOf(each) === measure) ?? []);
  return { main, others: reading.quantities.filter((each) => !main.includes(each)) };
}

/** When a reading was taken, else when it came; milliseconds since the epoch. */
export const momentOf = (reading: Reading): number => Date.parse(reading.taken_at ?? reading.received_at);

/** How a reading's time stands. `old`: of before this consultation; `unknown`: nobody knows when. */
export function timeOf(reading: Reading): "known" | "old" | "unknown" {
  if (reading.taken_at === null || reading.flags.includes("time_unknown")) return "unknown";
  return reading.flags.includes("older_than_encounter") ? "old" : "known";
}

export const implausible = (reading: Reading): boolean => reading.flags.includes("implausible");

/** Whether bytes were understood and are no result of this patient (control solution, demonstration, no value). */
export const isRefused = (error: string | null): boolean =>
  error !== null &&
  (/^oximetry\./.test(error) || /\.(control_solution|empty_slot|ketone|no_value|unsuccessful|intermediate)$/.test(error));

/** Status bits that say that a value is sound: no doubt, and not drawn as one. */
const SOUND = ["smart_point", "correct_check", "validated_data", "fully_qualified_data"];
/** Status bits of no meaning beside a value, and those that another flag says already. */
const MUTE = [
  "display_synchronised",
  "encrypted",
  "extended_display_update_ongoing",
  "data_from_measurement_storage",
  "early_estimated_data",
  "time_unknown",
  "older_than_encounter",
  "implausible",
];

/** The flags of a reading that are said in words: what the instrument doubts, and what it vouches for. */
export const saidFlags = (reading: Reading): { readonly doubts: readonly string[]; readonly sound: readonly string[] } => ({
  doubts: reading.flags.filter((flag) => !SOUND.includes(flag) && !MUTE.includes(flag)),
  sound: reading.flags.filter((flag) => SOUND.includes(flag)),
});

/** All readings of a kind; `newest` is the one that stands large. */
export interface KindView {
  readonly kind: ReadingKind;
  readonly newest: ReadingView;
  /** Newest first, without `newest`. */
  readonly earlier: readonly ReadingView[];
}

/** The kinds that were measured, in the order of the panel. */
export function kindViews(readings: readonly ReadingView[]): readonly KindView[] {
  return KINDS.flatMap((kind) => {
    const all = readings.filter(({ reading }) => reading.kind === kind);
    const ordered = [...all].reverse().sort((a, b) => rank(b.reading) - rank(a.reading));
    const [newest, ...earlier] = ordered;
    return newest === undefined ? [] : [{ kind, newest, earlier }];
  });
}

/** Readings of now stand before old ones and before those of an unknown time; among equals the later came last. */
function rank(reading: Reading): number {
  const time = timeOf(reading);
  return time === "known" ? momentOf(reading) : time === "unknown" ? 1 : 0;
}

/** What an instrument shows while it measures: never a result. */
export interface LiveView {
  readonly instrument: Instrument;
  readonly quantities: readonly Quantity[];
}

export const liveViews = (instruments: readonly Instrument[]): readonly LiveView[] =>
  instruments
    .filter((instrument) => instrument.live.length > 0)
    .map((instrument) => ({ instrument, quantities: instrument.live }));
