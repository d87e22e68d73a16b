// Geometry of the cardiotocogram: fetal heart rate above, contractions below, on paper of 1, 2 or 3 cm a minute. Pure.
import type { Lead } from "./leads";

/** cm a minute. */
export type CtgSpeed = 1 | 2 | 3;
export const CTG_SPEEDS: readonly CtgSpeed[] = [1, 2, 3];

/** The scale of the heart rate: 30 to 240 a minute, 20 a minute each centimetre. */
export const FHR = { least: 30, most: 240, perCm: 20 } as const;
/** The scale of the contractions: 0 to 100, 25 each centimetre. */
export const TOCO = { least: 0, most: 100, perCm: 25 } as const;
/** Between the two, for the minutes. */
const BETWEEN_CM = 0.8;
/** Air above the highest line and below the lowest, in pixels, so that their numbers are whole. */
const EDGE_PX = 7;
/** For the numbers of the scale. */
export const LABELS_PX = 34;

/** Codes of the heart rates and of the uterine activity (gateway/peripherals/profiles/ecg_leads.py). */
const FHR_CODES: readonly number[] = [192715, 67108866];
const TOCO_CODE = 192724;

export interface CtgBand {
  readonly top: number;
  readonly height: number;
  readonly least: number;
  readonly most: number;
}

/** `share`: height of a centimetre against the true one; 1 is true. */
export interface CtgPaper {
  readonly width: number;
  readonly height: number;
  readonly pxPerMinute: number;
  readonly fhr: CtgBand;
  readonly toco: CtgBand;
  readonly share: number;
}

export interface CtgSize {
  readonly width: number;
  readonly height: number;
  readonly pxPerMm: number;
}

/** The paper in a box; where the box is too low the height shrinks and says by how much, the minutes stay true. */
export function ctgPaper({ width, height, pxPerMm }: CtgSize, speed: CtgSpeed): CtgPaper {
  const cm = 10 * pxPerMm;
  const tall = (FHR.most - FHR.least) / FHR.perCm;
  const low = (TOCO.most - TOCO.least) / TOCO.perCm;
  const share = Math.max(0, Math.min(1, (height - 2 * EDGE_PX) / ((tall + BETWEEN_CM + low) * cm)));
  const unit = share * cm;
  return {
    width,
    height,
    pxPerMinute: speed * cm,
    fhr: { top: EDGE_PX, height: tall * unit, least: FHR.least, most: FHR.most },
    toco: { top: EDGE_PX + (tall + BETWEEN_CM) * unit, height: low * unit, least: TOCO.least, most: TOCO.most },
    share,
  };
}

/** Seconds that stand on the paper at once. */
export const ctgSeconds = (paper: CtgPaper): number =>
  (Math.max(0, paper.width - LABELS_PX) / paper.pxPerMinute) * 60;

/** Where a moment stands, `from` being the left edge of the trace. */
export const ctgX = (paper: CtgPaper, seconds: number, from: number): number =>
  LABELS_PX + ((seconds - from) / 60) * paper.pxPerMinute;

/** Where a value stands in its band; one beyond the scale stands at its edge, as a pen does. */
export function bandY(band: CtgBand, value: number): number {
  const held = Math.min(band.most, Math.max(band.least, value));
  return band.top + ((band.most - held) / (band.most - band.least)) * band.height;
}

/** What a lead of a monitor is: a heart rate, the contractions, or something that is not drawn. */
export function ctgRole(lead: Lead): "fhr" | "toco" | "other" {
  if (FHR_CODES.includes(lead.code)) return "fhr";
  if (lead.code === TOCO_CODE) return "toco";
  if (lead.unit === "/min" || lead.unit === "{beats}/min") return "fhr";
  return ["{TOCO}", "%", "mm[Hg]", "kPa", "1", ""].includes(lead.unit) ? "toco" : "other";
}

/** The newest of values; null where the pen is lifted now. */
export function newestOf(values: ArrayLike<number>): number | null {
  for (let n = values.length - 1; n >= 0; n -= 1) {
    const value = values[n] ?? Number.NaN;
    if (!Number.isNaN(value)) return value;
  }
  return null;
}

/** Left edge of the trace in seconds: the newest at the right, or the page the doctor moved to. */
export const ctgFrom = (end: number, window: number, still: number | null): number =>
  still === null ? Math.max(0, end - window) : Math.min(still, Math.max(0, end - window));
