// What is printed on the paper before a trace is: millimetres, calibration pulses, and the hatching of a gap.
import { PULSE_AIR_MM, PULSE_SECONDS, type Cell } from "../state/ecg_layout";
import type { Paper } from "../state/ecg_paper";

/** Between the lines of the hatching; bands that meet join. */
const HATCH_PX = 10;

export interface Ink {
  readonly trace: string;
  readonly second: string;
  readonly gap: string;
  readonly thin: string;
  readonly thick: string;
  readonly words: string;
}

export function inkOf(element: Element): Ink {
  const style = getComputedStyle(element);
  const colour = (name: string) => style.getPropertyValue(name).trim();
  return {
    trace: colour("--ecg-trace"),
    second: colour("--blue"),
    gap: colour("--ecg-gap"),
    thin: colour("--ecg-thin"),
    thick: colour("--ecg-thick"),
    words: colour("--soft"),
  };
}

/** Lines each `every` pixels over a rectangle, beginning at its left or top edge. */
export function rule(
  context: CanvasRenderingContext2D,
  box: { readonly x: number; readonly y: number; readonly width: number; readonly height: number },
  across: readonly number[],
  down: readonly number[],
  colour: string,
  thickness: number,
): void {
  context.beginPath();
  context.strokeStyle = colour;
  context.lineWidth = thickness;
  for (const x of across) {
    context.moveTo(box.x + x, box.y);
    context.lineTo(box.x + x, box.y + box.height);
  }
  for (const y of down) {
    context.moveTo(box.x, box.y + y);
    context.lineTo(box.x + box.width, box.y + y);
  }
  context.stroke();
}

/** Multiples of `step` from 0 to `most`. */
export const steps = (step: number, most: number): number[] =>
  Array.from({ length: Math.floor(most / step + 1e-9) + 1 }, (_, n) => n * step);

interface Printed {
  readonly paper: Paper;
  readonly cells: readonly Cell[];
}

/** Millimetre paper, a calibration pulse of 1 mV before each row, and a mark where a column begins. */
export function drawPaper(context: CanvasRenderingContext2D, { paper, cells }: Printed, ink: Ink): void {
  const { width, height, pxPerMm } = paper;
  const all = { x: 0, y: 0, width, height };
  context.clearRect(0, 0, width, height);
  rule(context, all, steps(pxPerMm, width), steps(pxPerMm, height), ink.thin, 0.5);
  rule(context, all, steps(5 * pxPerMm, width), steps(5 * pxPerMm, height), ink.thick, 1);
  const left = Math.min(...cells.map((cell) => cell.x));
  context.strokeStyle = ink.trace;
  context.lineWidth = 1.4;
  context.beginPath();
  for (const cell of cells) {
    const middle = cell.y + cell.height / 2;
    if (cell.x > left + 1) {
      context.moveTo(cell.x, middle - 3 * pxPerMm);
      context.lineTo(cell.x, middle + 3 * pxPerMm);
      continue;
    }
    pulse(context, paper, middle);
  }
  context.stroke();
}

function pulse(context: CanvasRenderingContext2D, { pxPerMm, speed, gain }: Paper, middle: number): void {
  const foot = middle + (gain / 2) * pxPerMm;
  const head = foot - gain * pxPerMm;
  const x0 = (PULSE_AIR_MM / 2) * pxPerMm;
  const x1 = PULSE_AIR_MM * pxPerMm;
  const x2 = x1 + PULSE_SECONDS * speed * pxPerMm;
  context.moveTo(x0, foot);
  context.lineTo(x1, foot);
  context.lineTo(x1, head);
  context.lineTo(x2, head);
  context.lineTo(x2, foot);
  context.lineTo(x2 + (PULSE_AIR_MM / 2) * pxPerMm, foot);
}

/** A gap is drawn as a gap: a hatched band without a line. */
export function hatch(
  context: CanvasRenderingContext2D,
  x: number,
  y: number,
  width: number,
  height: number,
  colour: string,
): void {
  if (width <= 0) return;
  context.save();
  context.beginPath();
  context.rect(x, y, width, height);
  context.clip();
  context.fillStyle = colour;
  context.strokeStyle = colour;
  context.globalAlpha = 0.16;
  context.fillRect(x, y, width, height);
  context.globalAlpha = 0.7;
  context.lineWidth = 1;
  context.beginPath();
  for (let at = Math.floor((x - height) / HATCH_PX) * HATCH_PX; at < x + width; at += HATCH_PX) {
    context.moveTo(at, y + height);
    context.lineTo(at + height, y);
  }
  context.stroke();
  context.restore();
}
