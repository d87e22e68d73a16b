// How many CSS pixels a millimetre has on this screen: measured once against a card, kept on this machine. Pure.
import { PX_PER_MM } from "./ecg_paper";

/** Width of a bank, health or professional card (ISO/IEC 7810 ID-1). */
export const CARD_MM = 85.6;
export const CARD_HEIGHT_MM = 53.98;
/** Screens from a wall display to a telephone. */
const LEAST = 1.2;
const MOST = 12;

/** What a calibration holds for: another zoom or another screen is not calibrated. */
export interface Screen {
  readonly width: number;
  readonly height: number;
  readonly ratio: number;
}

export interface ScreenScale {
  readonly pxPerMm: number;
  readonly calibrated: boolean;
}

export const UNKNOWN: ScreenScale = { pxPerMm: PX_PER_MM, calibrated: false };

/** The scale at which the card on the screen is as wide as the card in the hand. */
export const fromCard = (cardPx: number): ScreenScale => {
  const pxPerMm = Math.min(MOST, Math.max(LEAST, cardPx / CARD_MM));
  return { pxPerMm, calibrated: true };
};

/** What is kept. */
export const written = (scale: ScreenScale, screen: Screen): string =>
  JSON.stringify({ px_per_mm: scale.pxPerMm, ...screen });

/** The scale that was kept, when it was made on this screen at this zoom; else unknown. */
export function readScale(kept: string | null, screen: Screen): ScreenScale {
  if (kept === null) return UNKNOWN;
  try {
    const found = JSON.parse(kept) as { px_per_mm?: unknown } & Partial<Screen>;
    const same = found.width === screen.width && found.height === screen.height && found.ratio === screen.ratio;
    const px = found.px_per_mm;
    if (!same || typeof px !== "number" || !(px >= LEAST && px <= MOST)) return UNKNOWN;
    return { pxPerMm: px, calibrated: true };
  } catch {
    return UNKNOWN;
  }
}
