// Geometry of the electrocardiogram on millimetre paper. Pure: millimetres, seconds, millivolts and CSS pixels.

/** CSS defines the pixel as 1/96 inch; a screen that does so draws real millimetres. */
export const PX_PER_MM = 96 / 25.4;

export type Speed = 25 | 50;
export type Gain = 5 | 10 | 20;

/** Speed in mm/s, gain in mm/mV, size in CSS pixels. */
export interface Paper {
  readonly speed: Speed;
  readonly gain: Gain;
  readonly width: number;
  readonly height: number;
}

export const pxPerSecond = (paper: Paper): number => paper.speed * PX_PER_MM;
export const pxPerMillivolt = (paper: Paper): number => paper.gain * PX_PER_MM;

/** Seconds that one sweep over the paper lasts. */
export const sweepSeconds = (paper: Paper): number => paper.width / pxPerSecond(paper);

/** Where a moment of the stream stands on the paper: the sweep begins anew at the left edge. */
export function sweepX(paper: Paper, seconds: number): number {
  const span = sweepSeconds(paper);
  return (((seconds % span) + span) % span) * pxPerSecond(paper);
}

/** Where a voltage stands in the strip of a lead, from the top. */
export function strip(paper: Paper, lead: number, leads: number, millivolts: number): number {
  const height = paper.height / leads;
  return height * (lead + 0.5) - millivolts * pxPerMillivolt(paper);
}

/** What two calipers read: milliseconds across, millivolts up. */
export function measured(paper: Paper, dx: number, dy: number): { ms: number; mv: number } {
  return { ms: (Math.abs(dx) / pxPerSecond(paper)) * 1000, mv: Math.abs(dy) / pxPerMillivolt(paper) };
}

/** Factor from a UCUM unit of voltage to millivolts; null when the unit is none we draw. */
export function toMillivolts(unit: string): number | null {
  switch (unit) {
    case "V":
      return 1000;
    case "mV":
      return 1;
    case "uV":
      return 0.001;
    case "nV":
      return 0.000001;
    default:
      return null;
  }
}

/** Names of leads by their MDC code (ISO/IEEE 11073-10101, partition 2). */
const LEADS: Readonly<Record<number, string>> = {
  131329: "I",
  131330: "II",
  131389: "III",
  131390: "aVR",
  131391: "aVL",
  131392: "aVF",
  131331: "V1",
  131332: "V2",
  131333: "V3",
  131334: "V4",
  131335: "V5",
  131336: "V6",
};

/** The lead's name on the paper; a code that is none of the twelve is a number of the instrument. */
export const leadName = (code: number, index: number): string => LEADS[code] ?? `${index + 1}`;
