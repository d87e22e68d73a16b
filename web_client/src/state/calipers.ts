// Two points on the electrocardiogram's paper and what stands between them. Pure.
import { measured, type Paper } from "./ecg_paper";

export interface Span {
  readonly x0: number;
  readonly y0: number;
  readonly x1: number;
  readonly y1: number;
}

/** `bpm` is there where the distance can be one of two beats. */
export interface CaliperReading {
  readonly ms: number;
  readonly mv: number;
  readonly bpm: number | null;
}

/** Nothing beats faster than 300 a minute. */
const BEAT_MS = 200;
/** Nor slower than one beat in six seconds. */
const BEAT_MS_MAX = 6000;
/** A step of an arrow key in CSS pixels, and one with Shift. */
const STEP_PX = 1;
const STRIDE_PX = 10;

export function readCalipers(paper: Paper, span: Span): CaliperReading {
  const { ms, mv } = measured(paper, span.x1 - span.x0, span.y1 - span.y0);
  return { ms, mv, bpm: ms >= BEAT_MS && ms <= BEAT_MS_MAX ? 60_000 / ms : null };
}

/** Where calipers stand before a hand moved them: one second apart, in the middle. */
export const firstSpan = (paper: Paper): Span => {
  const half = (paper.speed * paper.pxPerMm) / 2;
  const [x, y] = [paper.width / 2, paper.height / 2];
  return { x0: x - half, y0: y, x1: x + half, y1: y };
};

/** The span after an arrow key moved one of its ends; null when the key is none of theirs. */
export function nudged(span: Span, end: 0 | 1, key: string, far: boolean, paper: Paper): Span | null {
  const step = far ? STRIDE_PX : STEP_PX;
  const [dx, dy] = [
    key === "ArrowLeft" ? -step : key === "ArrowRight" ? step : 0,
    key === "ArrowUp" ? -step : key === "ArrowDown" ? step : 0,
  ];
  if (dx === 0 && dy === 0) return null;
  const x = within(end === 0 ? span.x0 : span.x1, dx, paper.width);
  const y = within(end === 0 ? span.y0 : span.y1, dy, paper.height);
  return end === 0 ? { ...span, x0: x, y0: y } : { ...span, x1: x, y1: y };
}

const within = (at: number, by: number, most: number): number => Math.min(most, Math.max(0, at + by));
