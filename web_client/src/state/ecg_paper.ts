// Geometry of the electrocardiogram on millimetre paper. Pure: millimetres, seconds, millivolts and CSS pixels.

/** CSS defines the pixel as 1/96 inch; what a screen draws is known only once it was calibrated (`screen_scale`). */
export const PX_PER_MM = 96 / 25.4;

export type Speed = 25 | 50;
export type Gain = 5 | 10 | 20;

/** Speed in mm/s, gain in mm/mV, size in CSS pixels. */
export interface Paper {
  readonly speed: Speed;
  readonly gain: Gain;
  readonly width: number;
  readonly height: number;
  readonly pxPerMm: number;
}

export const pxPerSecond = (paper: Paper): number => paper.speed * paper.pxPerMm;
export const pxPerMillivolt = (paper: Paper): number => paper.gain * paper.pxPerMm;

/** Seconds that a sweep over so many pixels lasts. */
export const sweepSeconds = (paper: Paper, width: number = paper.width): number => width / pxPerSecond(paper);

/** Where a moment of the stream stands in a strip of this width: the sweep begins anew at its left edge. */
export function sweepX(paper: Paper, seconds: number, width: number = paper.width): number {
  const span = sweepSeconds(paper, width);
  return (((seconds % span) + span) % span) * pxPerSecond(paper);
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

/** The twelve in the order of the page, by their MDC code (ISO/IEEE 11073-10101, MDC_ECG_ELEC_POTL_…). */
export const TWELVE: readonly (readonly [code: number, name: string])[] = [
  [131329, "I"],
  [131330, "II"],
  [131389, "III"],
  [131390, "aVR"],
  [131391, "aVL"],
  [131392, "aVF"],
  [131331, "V1"],
  [131332, "V2"],
  [131333, "V3"],
  [131334, "V4"],
  [131335, "V5"],
  [131336, "V6"],
];

/** MDC_ECG_LEAD_… stands this far below MDC_ECG_ELEC_POTL_… for each of the twelve. */
const LEAD_CODES = 256;
const NAMES = new Map(TWELVE.flatMap(([code, name]) => [[code, name] as const, [code - LEAD_CODES, name] as const]));

/** Which of the twelve a code is, else null. */
export const clinicalName = (code: number): string | null => NAMES.get(code) ?? null;

/** The lead's name on the paper; a code that is none of the twelve is a number of the instrument. */
export const leadName = (code: number, index: number): string => clinicalName(code) ?? `${index + 1}`;
