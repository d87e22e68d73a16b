// Draws a stream of samples on millimetre paper: only what is new, once a frame. Positions come from `ecg_layout`.
import { FilteredLead, type DisplayFilter } from "../state/display_filter";
import { cellY, groupsOf, pageSeconds, unbroken, type Cell, type Group } from "../state/ecg_layout";
import { pxPerSecond, sweepSeconds, toMillivolts, type Paper } from "../state/ecg_paper";
import type { FrameMeter } from "../state/frame_meter";
import { gapsIn, valuesOf } from "../state/leads";
import type { StreamSamples } from "../state/waveform";
import { drawPaper, hatch, inkOf, type Ink } from "./paper_drawing";

/** The pen stays this far behind the newest sample, so that a chunk of 0.1 s and its jitter do not make it jump. */
const BEHIND_SECONDS = 0.3;
/** Further behind than this it jumps: the doctor sees what is, not what was. */
const TOO_FAR_SECONDS = 1.5;
/** Blank paper before the pen. */
const BLANK_MM = 5;
/** Baselines further out than this share of the strip are moved to its middle, as an AC-coupled monitor shows them. */
const OFF_PAPER = 0.35;
const BASELINE_SECONDS = 2;
/** A page that fills up after a gap is drawn anew this often at most. */
const REFILL_MS = 250;
/** More late chunks than this in one frame cost more one by one than a new page. */
const PATCHES = 12;

export interface DrawingView {
  readonly paper: Paper;
  readonly cells: readonly Cell[];
  readonly filter: DisplayFilter;
  /** Second of the stream at the left edge of a page that stands still; null: the newest, sweeping. */
  readonly from: number | null;
}

export class EcgDrawing {
  readonly #grid: CanvasRenderingContext2D;
  readonly #trace: CanvasRenderingContext2D;
  #view: DrawingView | null = null;
  #groups: readonly Group[] = [];
  #filters = new Map<number, FilteredLead>();
  #filter: DisplayFilter = "none";
  #ink: Ink;
  #cursor = 0;
  #drawn = 0;
  #late = 0;
  /** Chunks and seconds of the stream when a page was drawn last. */
  #head = 0;
  #reached = 0;
  #refilled = 0;
  #last: number | null = null;
  #baselines: number[] = [];

  constructor(
    readonly stream: StreamSamples,
    readonly gridCanvas: HTMLCanvasElement,
    readonly traceCanvas: HTMLCanvasElement,
    readonly meter: FrameMeter,
  ) {
    const grid = gridCanvas.getContext("2d");
    const trace = traceCanvas.getContext("2d");
    if (grid === null || trace === null) throw new Error("no canvas");
    this.#grid = grid;
    this.#trace = trace;
    this.#ink = inkOf(traceCanvas);
    this.#late = stream.late;
  }

  /** Second of the stream at which the pen stands. */
  get cursor(): number {
    return this.#cursor;
  }

  /** Another size, speed, gain, arrangement, filter, theme: everything is drawn again. */
  show(view: DrawingView): void {
    this.#view = view;
    this.#groups = groupsOf(view.cells);
    this.#ink = inkOf(this.traceCanvas);
    if (view.filter !== this.#filter) {
      this.#filter = view.filter;
      this.#filters = new Map();
    }
    const ratio = window.devicePixelRatio;
    for (const canvas of [this.gridCanvas, this.traceCanvas]) {
      canvas.width = Math.round(view.paper.width * ratio);
      canvas.height = Math.round(view.paper.height * ratio);
    }
    for (const context of [this.#grid, this.#trace]) context.setTransform(ratio, 0, 0, ratio, 0, 0);
    drawPaper(this.#grid, view, this.#ink);
    this.#redraw();
  }

  /** One frame; `now` in milliseconds. */
  frame(now: number): void {
    const began = performance.now();
    this.#frame(now);
    this.meter.add(now, performance.now() - began);
  }

  #frame(now: number): void {
    const view = this.#view;
    if (view === null || view.cells.length === 0) return;
    const elapsed = this.#last === null ? 0 : (now - this.#last) / 1000;
    this.#last = now;
    this.#fill(view, now);
    if (view.from !== null) return;
    const end = this.stream.seconds;
    const behind = end - this.#cursor;
    if (behind > TOO_FAR_SECONDS) {
      this.#cursor = end - BEHIND_SECONDS;
      this.#redraw();
      return;
    }
    const stopped = this.stream.end !== null;
    const pace = behind > 2 * BEHIND_SECONDS ? 1.15 : behind < BEHIND_SECONDS / 2 && !stopped ? 0.85 : 1;
    const next = Math.min(end, this.#cursor + elapsed * pace);
    if (next <= this.#cursor) return;
    this.#cursor = next;
    for (const group of this.#groups) this.#sweep(view, group, this.#drawn, next);
    this.#drawn = next;
  }

  /** What came late is drawn where it belongs. */
  #fill(view: DrawingView, now: number): void {
    const { stream } = this;
    const late = stream.lateSince(this.#late);
    const grown = view.from !== null && stream.head !== this.#head && this.#reached < view.from + pageSeconds(view.paper, view.cells);
    if (late.length === 0 && !grown) return;
    const still = view.from !== null || view.filter !== "none" || late.length > PATCHES;
    if (still && now - this.#refilled < REFILL_MS) return;
    this.#late = stream.late;
    for (const filter of this.#filters.values()) filter.forget(Math.min(...late));
    if (still) {
      this.#refilled = now;
      this.#redraw();
      return;
    }
    const frames = Number(stream.waveform.rate_hz);
    for (const number of late) {
      for (const group of this.#groups) {
        const from = Math.max(stream.start(number) / frames, this.#oldest(view, group));
        const to = Math.min(stream.start(number + 1) / frames, this.#drawn);
        this.#pieces(view, group, from, to, 0);
      }
    }
  }

  /** The oldest second that a sweep still shows. */
  #oldest(view: DrawingView, group: Group): number {
    const span = sweepSeconds(view.paper, group.width);
    return Math.max(0, this.#cursor - span + BLANK_MM / view.paper.speed);
  }

  #redraw(): void {
    const view = this.#view;
    if (view === null || view.cells.length === 0) return;
    const { paper, from } = view;
    this.#trace.clearRect(0, 0, paper.width, paper.height);
    this.#head = this.stream.head;
    this.#reached = this.stream.seconds;
    if (from !== null) {
      this.#page(view, from);
      return;
    }
    this.#settleBaselines(view, this.#cursor);
    for (const group of this.#groups) this.#pieces(view, group, this.#oldest(view, group), this.#cursor, 0);
    this.#drawn = this.#cursor;
  }

  #page(view: DrawingView, from: number): void {
    const { paper } = view;
    const right = from + pageSeconds(paper, view.cells);
    this.#settleBaselines(view, Math.min(right, this.stream.seconds));
    for (const cell of view.cells) {
      const begin = from + cell.offset;
      this.#line(view, cell, begin, begin + sweepSeconds(paper, cell.width), begin);
    }
  }

  #sweep(view: DrawingView, group: Group, from: number, to: number): void {
    const span = sweepSeconds(view.paper, group.width);
    // A new sweep begins: an electrode's slow drift is followed here, where no trace is torn.
    if (Math.floor(from / span) !== Math.floor(to / span)) this.#settleBaselines(view, to);
    this.#pieces(view, group, from, to, BLANK_MM * view.paper.pxPerMm);
  }

  /** Wipes and draws the seconds [from, to) of a group, and `blank` pixels of paper before the pen. */
  #pieces(view: DrawingView, group: Group, from: number, to: number, blank: number): void {
    const context = this.#trace;
    const { paper } = view;
    const span = sweepSeconds(paper, group.width);
    for (const [begin, end] of unbroken(from, to, span)) {
      const turn = Math.floor(begin / span + 1e-9) * span;
      const x0 = (begin - turn) * pxPerSecond(paper);
      const x1 = (end - turn) * pxPerSecond(paper);
      context.save();
      context.beginPath();
      context.rect(group.x, group.y, group.width, group.height);
      context.clip();
      context.clearRect(group.x + x0, group.y, x1 - x0 + blank, group.height);
      const over = x1 + blank - group.width;
      if (blank > 0 && over > 0) context.clearRect(group.x, group.y, over, group.height);
      for (const cell of group.cells) this.#line(view, cell, begin, end, turn);
      context.restore();
    }
  }

  /** Draws a lead between two moments; `origin` stands at the cell's left edge. A gap is drawn as a gap. */
  #line(view: DrawingView, cell: Cell, from: number, to: number, origin: number): void {
    const lead = this.stream.leads[cell.lead];
    if (lead === undefined) return;
    const context = this.#trace;
    const { paper } = view;
    const perSample = pxPerSecond(paper) / lead.rate;
    const left = cell.x - origin * pxPerSecond(paper);
    // One sample before joins what was drawn; none of the turn before, which stands at the other edge.
    const first = Math.max(Math.ceil(origin * lead.rate), Math.floor(from * lead.rate) - 1, 0);
    const known = Math.ceil(this.stream.seconds * lead.rate);
    const last = Math.min(Math.floor(to * lead.rate) + 1, known);
    const values = this.#values(view, cell.lead, first, last);
    const scale = toMillivolts(lead.unit) ?? Number.NaN;
    const zero = this.#baselines[cell.lead] ?? 0;
    for (const [a, b] of gapsIn(values)) {
      const x0 = Math.max(left + (first + a) * perSample, cell.x + (from - origin) * pxPerSecond(paper));
      const x1 = Math.min(left + (first + b) * perSample, cell.x + (to - origin) * pxPerSecond(paper));
      hatch(context, x0, cell.y, x1 - x0, cell.height, this.#ink.gap);
    }
    context.lineWidth = 1.4;
    context.lineJoin = "round";
    context.strokeStyle = this.#ink.trace;
    context.beginPath();
    let pen = false;
    for (let n = 0; n < values.length; n += 1) {
      const value = values[n] ?? Number.NaN;
      if (Number.isNaN(value)) {
        pen = false;
        continue;
      }
      const x = left + (first + n) * perSample;
      const y = cellY(paper, cell, value * scale - zero);
      if (pen) context.lineTo(x, y);
      else context.moveTo(x, y);
      pen = true;
    }
    context.stroke();
  }

  #values(view: DrawingView, index: number, from: number, to: number): Float64Array {
    const lead = this.stream.leads[index];
    if (lead === undefined) return new Float64Array(0);
    if (view.filter === "none") return valuesOf(this.stream, lead, from, to);
    const filter = this.#filters.get(index) ?? new FilteredLead(this.stream, lead, view.filter);
    this.#filters.set(index, filter);
    return filter.values(from, to);
  }

  /** Electrodes add a constant voltage; only a trace that would leave its strip is moved, by a constant. */
  #settleBaselines(view: DrawingView, until: number): void {
    const { paper } = view;
    const done = new Set<number>();
    for (const cell of view.cells) {
      const lead = this.stream.leads[cell.lead];
      if (lead === undefined || done.has(cell.lead)) continue;
      done.add(cell.lead);
      const to = Math.floor(until * lead.rate);
      const from = Math.max(0, to - Math.round(BASELINE_SECONDS * lead.rate));
      const middle = median(this.#values(view, cell.lead, from, to)) * (toMillivolts(lead.unit) ?? Number.NaN);
      const room = (OFF_PAPER * cell.height) / (paper.gain * paper.pxPerMm);
      this.#baselines[cell.lead] = Math.abs(middle) > room ? middle : 0;
    }
  }
}

function median(values: Float64Array): number {
  const there = values.filter((value) => !Number.isNaN(value)).sort();
  return there[there.length >> 1] ?? 0;
}
