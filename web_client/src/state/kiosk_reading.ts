// The numbers of a reading as the nurse reads them: which, in what order, in which unit. Pure, no words.
import type { Absent, Quantity, Reading } from "../protocol/types";
import { type Measure, measureOf, type Parts, partsOf } from "./vitals";

export interface ShownQuantity {
  /** Null: a quantity that has no words; it is shown with its unit alone. */
  readonly measure: Measure | null;
  /** As the instrument wrote it; null when it gave none. */
  readonly value: string | null;
  readonly absent: Absent | null;
  readonly unit: string;
}

/** The mean pressure last: doctors ask for the other three. */
const LAST: ReadonlySet<Measure | null> = new Set<Measure | null>(["mean_pressure"]);

/** For the doctor: at the bedside they repeat or confuse. */
const UNSHOWN: ReadonlySet<Measure | null> = new Set<Measure | null>(["rr_interval", "saturation_fast", "saturation_slow"]);

/** UCUM as people of the clinic write it. */
const UNITS: Readonly<Record<string, string>> = {
  "mm[Hg]": "mmHg", "{beats}/min": "/min", "{beat}/min": "/min", Cel: "°C", "[degF]": "°F", "kg/m2": "kg/m²", "[lb_av]": "lb", "[in_i]": "in",
  Ohm: "Ω", ohm: "Ω", uV: "µV", "1": "",
};

export function shownUnit(ucum: string): string {
  return UNITS[ucum] ?? ucum.replace(/[[\]{}]/g, "");
}

function shown(quantity: Quantity): ShownQuantity {
  return { measure: measureOf(quantity), value: quantity.value, absent: quantity.absent, unit: shownUnit(quantity.unit) };
}

/** At the bedside a scale gives a weight first, whatever else it found. */
function bedside(reading: Reading): Parts {
  const weight = reading.kind === "body_composition" ? reading.quantities.find((each) => measureOf(each) === "weight") : undefined;
  if (weight === undefined) return partsOf(reading);
  return { main: [weight], others: reading.quantities.filter((each) => each !== weight) };
}

/** The large numbers first, in the order they are read aloud. */
export function shownQuantities(reading: Reading): readonly ShownQuantity[] {
  const { main, others } = bedside(reading);
  const all = [...main, ...others].map(shown).filter((each) => !UNSHOWN.has(each.measure));
  return [...all.filter((each) => !LAST.has(each.measure)), ...all.filter((each) => LAST.has(each.measure))];
}

/** What an instrument shows while it measures. */
export function liveQuantities(quantities: readonly Quantity[]): readonly ShownQuantity[] {
  return quantities.map(shown);
}

/** The large numbers of a reading in one short line: `122/80 mmHg`. Null: it gave none. */
export function shortValue(reading: Reading): string | null {
  const main = bedside(reading).main.map(shown);
  const unit = main[0]?.unit ?? "";
  if (main.length === 0 || main.some((each) => each.value === null)) return null;
  return `${main.map((each) => each.value).join("/")}${unit === "" ? "" : `\u00a0${unit}`}`;
}
