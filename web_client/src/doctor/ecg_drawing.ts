// Draws a stream of samples on millimetre paper: only what is new, once a frame. Positions come from `ecg_paper`.
import {
  measured,
  PX_PER_MM,
  strip,
  sweepSeconds,
  sweepX,
  toMillivolts,
  type Paper,
} from "../state/ecg_paper";
import type { StreamSamples } from "../state/waveform";

/** The pen stays this far behind the newest sample, so that a chunk of 0.1 s and its jitter do not make it jump. */
const BEHIND_SECONDS = 0.3;
/** Further behind than this it jumps: the doctor sees what is, not what was. */
const TOO_FAR_SECONDS = 1.5;
/** Blank paper before the pen. */
const BLANK_MM = 5;
/** Baselines further out than this share of the strip are moved to its middle, as an AC-coupled monitor shows them. */
const OFF_PAPER = 0.35;
const BASELINE_SECONDS = 2;
/** Between the lines of the hatching; bands that meet join. */
const HATCH_PX = 10;

export interface DrawingView {
  readonly paper: Paper;
  /** Leads on the paper, by their index in the stream. */
  readonly leads: readonly number[];
  readonly frozen: boolean;
  /** Seconds the paper was moved back; 0 is the newest. */
  readonly back: number;
}

interface Ink {
  readonly trace: string;
  readonly gap: string;
  readonly thin: string;
  readonly thick: string;
}

export class EcgDrawing {
  readonly #grid: CanvasRenderingContext2D;
  readonly #trace: CanvasRenderingContext2D;
  readonly #scale: number;
  #view: DrawingView | null = null;
  #ink: Ink;
  #cursor = 0;
  #drawn = 0;
  #late = -1;
  #last: number | null = null;
  #baselines: number[] = [];

  constructor(
    readonly stream: StreamSamples,
    readonly gridCanvas: HTMLCanvasElement,
    readonly traceCanvas: HTMLCanvasElement,
  ) {
    const grid = gridCanvas.getContext("2d");
    const trace = traceCanvas.getContext("2d");
    if (grid === null || trace === null) throw new Error("no canvas");
    this.#grid = grid;
    this.#trace = trace;
    this.#ink = inkOf(traceCanvas);
    this.#scale = (toMillivolts(stream.waveform.unit) ?? Number.NaN) * Number(stream.waveform.scale);
  }

  /** Whether the stream's unit is a voltage that can stand on this paper. */
  get drawable(): boolean {
    return Number.isFinite(this.#scale) && this.stream.rate > 0;
  }

  /** Another size, speed, gain, lead, theme: everything is drawn again. */
  show(view: DrawingView): void {
    this.#view = view;
    this.#ink = inkOf(this.traceCanvas);
    const ratio = window.devicePixelRatio;
    for (const canvas of [this.gridCanvas, this.traceCanvas]) {
      canvas.width = Math.round(view.paper.width * ratio);
      canvas.height = Math.round(view.paper.height * ratio);
    }
    for (const context of [this.#grid, this.#trace]) context.setTransform(ratio, 0, 0, ratio, 0, 0);
    this.#drawGrid(view.paper);
    this.#redraw();
  }

  /** One frame; `now` in milliseconds. */
  frame(now: number): void {
    const view = this.#view;
    if (view === null || !this.drawable) return;
    const elapsed = this.#last === null ? 0 : (now - this.#last) / 1000;
    this.#last = now;
    if (this.stream.late !== this.#late) {
      this.#late = this.stream.late;
      if (this.#drawn > 0) this.#redraw();
    }
    if (view.frozen) return;
    const end = this.stream.seconds;
    const behind = end - this.#cursor;
    if (behind > TOO_FAR_SECONDS) {
      this.#cursor = end - BEHIND_SECONDS;
      this.#redraw();
      return;
    }
    const stopped = this.stream.end !== null;
    const pace = behind > 2 * BEHIND_SECONDS ? 1.15 : behind < BEHIND_SECONDS / 2 && !stopped ? 0.85 : 1;
    this.#cursor = Math.min(end, this.#cursor + elapsed * pace);
    this.#advance();
  }

  /** What two points of the paper are apart. */
  measure(dx: number, dy: number): { ms: number; mv: number } {
    return this.#view === null ? { ms: 0, mv: 0 } : measured(this.#view.paper, dx, dy);
  }

  /** Moment of the stream at the left edge of the paper that was moved back; 0 while it sweeps. */
  #origin(view: DrawingView): number {
    return view.back > 0 ? this.#right(view) - sweepSeconds(view.paper) : 0;
  }

  #right(view: DrawingView): number {
    return Math.max(0, this.#cursor - view.back);
  }

  #redraw(): void {
    const view = this.#view;
    if (view === null || !this.drawable) return;
    const { paper } = view;
    this.#trace.clearRect(0, 0, paper.width, paper.height);
    const right = this.#right(view);
    const blank = view.back > 0 ? 0 : (BLANK_MM * PX_PER_MM) / (paper.speed * PX_PER_MM);
    const from = Math.max(0, right - sweepSeconds(paper) + blank);
    this.#settleBaselines(right);
    const last = Math.floor(right * this.stream.rate);
    this.#drawRange(view, Math.ceil(from * this.stream.rate), last);
    this.#drawn = last;
  }

  #advance(): void {
    const view = this.#view;
    if (view === null) return;
    const { paper } = view;
    const next = Math.floor(this.#cursor * this.stream.rate);
    if (next <= this.#drawn) return;
    const from = this.#drawn;
    const x0 = sweepX(paper, from / this.stream.rate);
    const x1 = sweepX(paper, next / this.stream.rate);
    const blank = BLANK_MM * PX_PER_MM;
    if (x1 < x0) {
      this.#trace.clearRect(x0 + 1, 0, paper.width - x0, paper.height);
      this.#trace.clearRect(0, 0, x1 + blank, paper.height);
      this.#settleBaselines(this.#cursor);
    } else this.#trace.clearRect(x0 + 1, 0, x1 - x0 + blank, paper.height);
    this.#drawRange(view, from, next);
    this.#drawn = next;
  }

  /** Draws samples [from, to); the segment to `from` joins the one drawn before. */
  #drawRange(view: DrawingView, from: number, to: number): void {
    const { stream } = this;
    const { paper, leads } = view;
    const context = this.#trace;
    context.lineWidth = 1.4;
    context.lineJoin = "round";
    context.strokeStyle = this.#ink.trace;
    const origin = this.#origin(view);
    const first = Math.max(0, from - 1);
    this.#drawGaps(view, from, to, origin);
    leads.forEach((lead, row) => {
      context.beginPath();
      let before = -1;
      for (let number = stream.at(first); number < stream.head; number += 1) {
        const start = stream.start(number);
        if (start >= to) break;
        const chunk = stream.chunk(number);
        const stop = Math.min(to, stream.start(number + 1));
        if (chunk === undefined) {
          before = -1;
          continue;
        }
        for (let index = Math.max(first, start); index < stop; index += 1) {
          const count = chunk.samples[(index - start) * stream.leads + lead];
          if (count === undefined || count === stream.waveform.lost_count) {
            before = -1;
            continue;
          }
          const x = sweepX(paper, index / stream.rate - origin);
          const y = strip(paper, row, leads.length, count * this.#scale - (this.#baselines[lead] ?? 0));
          if (before < 0 || x < before) context.moveTo(x, y);
          else context.lineTo(x, y);
          before = x;
        }
      }
      context.stroke();
    });
  }

  #drawGaps(view: DrawingView, from: number, to: number, origin: number): void {
    const { stream } = this;
    for (let number = stream.at(from); number < stream.head; number += 1) {
      const start = stream.start(number);
      if (start >= to) break;
      if (stream.chunk(number) !== undefined) continue;
      this.#drawGap(view, Math.max(from, start), Math.min(to, stream.start(number + 1)), origin);
    }
  }

  /** A gap is drawn as a gap: a hatched band without a line. */
  #drawGap(view: DrawingView, from: number, to: number, origin: number): void {
    const { paper } = view;
    const context = this.#trace;
    const x0 = sweepX(paper, from / this.stream.rate - origin);
    let x1 = sweepX(paper, to / this.stream.rate - origin);
    if (x1 <= x0) x1 = paper.width;
    context.save();
    context.beginPath();
    context.rect(x0, 0, x1 - x0, paper.height);
    context.clip();
    context.globalAlpha = 0.16;
    context.fillStyle = this.#ink.gap;
    context.fillRect(x0, 0, x1 - x0, paper.height);
    context.globalAlpha = 0.7;
    context.strokeStyle = this.#ink.gap;
    context.lineWidth = 1;
    context.beginPath();
    for (let x = Math.floor((x0 - paper.height) / HATCH_PX) * HATCH_PX; x < x1; x += HATCH_PX) {
      context.moveTo(x, paper.height);
      context.lineTo(x + paper.height, 0);
    }
    context.stroke();
    context.restore();
  }

  #drawGrid({ width, height }: Paper): void {
    const context = this.#grid;
    context.clearRect(0, 0, width, height);
    const lines = (every: number, colour: string, thickness: number) => {
      context.beginPath();
      context.strokeStyle = colour;
      context.lineWidth = thickness;
      for (let mm = 0; mm * PX_PER_MM <= width; mm += every) {
        context.moveTo(mm * PX_PER_MM, 0);
        context.lineTo(mm * PX_PER_MM, height);
      }
      for (let mm = 0; mm * PX_PER_MM <= height; mm += every) {
        context.moveTo(0, mm * PX_PER_MM);
        context.lineTo(width, mm * PX_PER_MM);
      }
      context.stroke();
    };
    lines(1, this.#ink.thin, 0.5);
    lines(5, this.#ink.thick, 1);
  }

  /** Electrodes add a constant voltage; only a trace that would leave its strip is moved, by a constant. */
  #settleBaselines(until: number): void {
    const view = this.#view;
    if (view === null) return;
    const { stream } = this;
    const to = Math.floor(until * stream.rate);
    const from = Math.max(0, to - Math.round(BASELINE_SECONDS * stream.rate));
    const room = (OFF_PAPER * view.paper.height) / view.leads.length / (view.paper.gain * PX_PER_MM);
    this.#baselines = Array.from({ length: stream.leads }, (_, lead) => {
      const middle = this.#median(lead, from, to);
      return Math.abs(middle) > room ? middle : 0;
    });
  }

  #median(lead: number, from: number, to: number): number {
    const { stream } = this;
    const values: number[] = [];
    for (let number = stream.at(from); number < stream.head && stream.start(number) < to; number += 1) {
      const chunk = stream.chunk(number);
      for (let i = lead; chunk !== undefined && i < chunk.samples.length; i += stream.leads) {
        const count = chunk.samples[i] ?? 0;
        if (count !== stream.waveform.lost_count) values.push(count);
      }
    }
    values.sort((a, b) => a - b);
    return (values[values.length >> 1] ?? 0) * this.#scale;
  }
}

function inkOf(element: Element): Ink {
  const style = getComputedStyle(element);
  const colour = (name: string) => style.getPropertyValue(name).trim();
  return {
    trace: colour("--ecg-trace"),
    gap: colour("--ecg-gap"),
    thin: colour("--ecg-thin"),
    thick: colour("--ecg-thick"),
  };
}
