// Where each lead stands on the paper: 3x4+1, one above the other, or one alone. Pure.
import { clinicalName, pxPerSecond, toMillivolts, TWELVE, type Paper } from "./ecg_paper";
import type { Lead } from "./leads";

/** `page`: four columns of three leads, and lead II below as rhythm. `rows`: one above the other. A number: that lead. */
export type Arrangement = "page" | "rows" | number;

/** A strip of paper with one lead. `offset`: seconds from the page's left edge to the strip's. */
export interface Cell {
  readonly lead: number;
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
  readonly offset: number;
  readonly name: string;
}

/** A calibration pulse lasts 0.2 s, with 2 mm of line before and after it. */
export const PULSE_SECONDS = 0.2;
export const PULSE_AIR_MM = 2;
/** Columns of a resting ECG on paper are 2.5 s wide; wider paper is left blank, narrower paper shows less. */
const COLUMN_SECONDS = 2.5;
const COLUMNS = 4;
const ROWS = 3;
const RHYTHM = "II";

/** Margin left of the strips, for the calibration pulse. */
export const marginPx = (paper: Paper): number => (2 * PULSE_AIR_MM + PULSE_SECONDS * paper.speed) * paper.pxPerMm;

/** Leads that are a voltage, by their index. */
export const voltages = (leads: readonly Lead[]): readonly number[] =>
  leads.flatMap((lead, index) => (toMillivolts(lead.unit) !== null && lead.rate > 0 ? [index] : []));

/** The indices of the twelve in the order of the page; null when one is missing. */
export function twelveOf(leads: readonly Lead[]): readonly number[] | null {
  const at = new Map(voltages(leads).map((index) => [clinicalName(leads[index]?.code ?? 0), index] as const));
  const twelve = TWELVE.map(([, name]) => at.get(name) ?? -1);
  return twelve.includes(-1) ? null : twelve;
}

/** The strips of an arrangement; one that the leads cannot fill falls back to rows. */
export function layout(paper: Paper, leads: readonly Lead[], arrangement: Arrangement): readonly Cell[] {
  const twelve = twelveOf(leads);
  if (arrangement === "page" && twelve !== null) return pageOf(paper, leads, twelve);
  const drawn = voltages(leads);
  const shown = typeof arrangement === "number" ? drawn.filter((index) => index === arrangement) : drawn;
  return rowsOf(paper, leads, shown.length > 0 ? shown : drawn);
}

function rowsOf(paper: Paper, leads: readonly Lead[], shown: readonly number[]): readonly Cell[] {
  const x = marginPx(paper);
  const height = paper.height / shown.length;
  return shown.map((lead, row) => ({
    lead,
    x,
    y: row * height,
    width: Math.max(0, paper.width - x),
    height,
    offset: 0,
    name: nameOf(leads, lead),
  }));
}

function pageOf(paper: Paper, leads: readonly Lead[], twelve: readonly number[]): readonly Cell[] {
  const left = marginPx(paper);
  const seconds = Math.min(COLUMN_SECONDS, Math.max(0, paper.width - left) / pxPerSecond(paper) / COLUMNS);
  const width = seconds * pxPerSecond(paper);
  const height = paper.height / (ROWS + 1);
  const cells: Cell[] = twelve.map((lead, place) => {
    const column = Math.floor(place / ROWS);
    return {
      lead,
      x: left + column * width,
      y: (place % ROWS) * height,
      width,
      height,
      offset: column * seconds,
      name: nameOf(leads, lead),
    };
  });
  const rhythm = cells.find((cell) => cell.name === RHYTHM)?.lead ?? 0;
  cells.push({ lead: rhythm, x: left, y: ROWS * height, width: COLUMNS * width, height, offset: 0, name: RHYTHM });
  return cells;
}

const nameOf = (leads: readonly Lead[], lead: number): string =>
  clinicalName(leads[lead]?.code ?? 0) ?? `${lead + 1}`;

/** Seconds that the page shows from its left edge to its right. */
export const pageSeconds = (paper: Paper, cells: readonly Cell[]): number =>
  cells.reduce((most, cell) => Math.max(most, cell.offset + cell.width / pxPerSecond(paper)), 0);

/** Strips that sweep together: they have one clock, and are wiped and drawn as one. */
export interface Group {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
  readonly cells: readonly Cell[];
}

/** The groups of a layout: a column of the page, the rhythm below it, or all rows. */
export function groupsOf(cells: readonly Cell[]): readonly Group[] {
  const groups = new Map<string, Cell[]>();
  for (const cell of cells) {
    const key = `${cell.x} ${cell.width}`;
    groups.set(key, [...(groups.get(key) ?? []), cell]);
  }
  return [...groups.values()].map((members) => {
    const y = Math.min(...members.map((cell) => cell.y));
    const bottom = Math.max(...members.map((cell) => cell.y + cell.height));
    const [first] = members;
    return { x: first?.x ?? 0, width: first?.width ?? 0, y, height: bottom - y, cells: members };
  });
}

/** Pieces of [from, to) seconds that a sweep of `span` seconds draws without beginning anew. */
export function unbroken(from: number, to: number, span: number): readonly (readonly [number, number])[] {
  if (!(span > 0) || to <= from) return [];
  const pieces: [number, number][] = [];
  let at = Math.max(from, to - span);
  while (at < to) {
    const edge = (Math.floor(at / span + 1e-9) + 1) * span;
    const stop = Math.min(to, edge);
    pieces.push([at, stop]);
    at = stop;
  }
  return pieces;
}

/** Where a voltage stands in a cell, from the top of the paper. */
export const cellY = (paper: Paper, cell: Cell, millivolts: number): number =>
  cell.y + cell.height / 2 - millivolts * paper.gain * paper.pxPerMm;
