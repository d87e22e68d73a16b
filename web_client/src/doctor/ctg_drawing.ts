// Draws a cardiotocogram on its paper. It runs a millimetre in six seconds: each drawing is a whole one.
import { bandY, ctgRole, ctgSeconds, ctgX, LABELS_PX, type CtgBand, type CtgPaper } from "../state/ctg_paper";
import { gapsIn, valuesOf, type Lead } from "../state/leads";
import type { StreamSamples } from "../state/waveform";
import { hatch, inkOf, rule } from "./paper_drawing";

/** Lines of the scale: thin, and thick with a number. */
const FHR_LINES = { thin: 5, thick: 20, first: 40 } as const;
const TOCO_LINES = { thin: 12.5, thick: 25, first: 0 } as const;
/** Space that two numbers of a scale need between them. */
const NUMBER_PX = 13;

export interface CtgView {
  readonly paper: CtgPaper;
  /** Second at the left edge. */
  readonly from: number;
  /** Milliseconds since the epoch of the stream's first second. */
  readonly startedAt: number;
  readonly minute: (at: number) => string;
}

export function drawCtg(canvas: HTMLCanvasElement, stream: StreamSamples, view: CtgView): void {
  const context = canvas.getContext("2d");
  if (context === null) throw new Error("no canvas");
  const { paper, from } = view;
  const ratio = devicePixelRatio;
  const [width, height] = [Math.round(paper.width * ratio), Math.round(paper.height * ratio)];
  if (canvas.width !== width || canvas.height !== height) [canvas.width, canvas.height] = [width, height];
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  context.clearRect(0, 0, paper.width, paper.height);
  const ink = inkOf(canvas);
  grid(context, view, paper.fhr, FHR_LINES, ink);
  grid(context, view, paper.toco, TOCO_LINES, ink);
  minutes(context, view, ink.words);
  let rates = 0;
  for (const lead of stream.leads) {
    const role = ctgRole(lead);
    if (role === "other" || !(lead.rate > 0)) continue;
    const band = role === "fhr" ? paper.fhr : paper.toco;
    const colour = role === "fhr" && rates > 0 ? ink.second : ink.trace;
    if (role === "fhr") rates += 1;
    line(context, stream, lead, { paper, from, band, colour, gap: ink.gap });
  }
}

interface Lines {
  readonly thin: number;
  readonly thick: number;
  readonly first: number;
}

function grid(context: CanvasRenderingContext2D, view: CtgView, band: CtgBand, lines: Lines, ink: { thin: string; thick: string; words: string }): void {
  const { paper, from } = view;
  const box = { x: LABELS_PX, y: band.top, width: paper.width - LABELS_PX, height: band.height };
  const values = (step: number, first: number) => {
    const made: number[] = [];
    for (let value = first; value <= band.most + 1e-9; value += step) if (value >= band.least) made.push(value);
    return made;
  };
  const y = (value: number) => bandY(band, value) - band.top;
  // Upright lines stand at whole minutes of the clock, where their numbers stand.
  const clock = view.startedAt / 1000;
  const across = (step: number) => {
    const made: number[] = [];
    for (let at = Math.ceil((clock + from) / step) * step - clock; at <= from + ctgSeconds(paper); at += step) {
      made.push(ctgX(paper, at, from) - LABELS_PX);
    }
    return made;
  };
  rule(context, box, across(30), values(lines.thin, Math.ceil(band.least / lines.thin) * lines.thin).map(y), ink.thin, 0.75);
  const numbered = values(lines.thick, lines.first);
  rule(context, box, across(60), [...numbered.map(y), 0, band.height], ink.thick, 1);
  context.fillStyle = ink.words;
  context.font = "11px sans-serif";
  context.textAlign = "right";
  context.textBaseline = "middle";
  let last = Number.NaN;
  for (const value of numbered) {
    const at = bandY(band, value);
    if (Math.abs(at - last) < NUMBER_PX) continue;
    last = at;
    context.fillText(String(value), LABELS_PX - 5, at);
  }
}

/** The time of day between the two bands, each so many minutes that the words do not touch. */
function minutes(context: CanvasRenderingContext2D, view: CtgView, colour: string): void {
  const { paper, from, startedAt } = view;
  const every = paper.pxPerMinute >= 60 ? 1 : paper.pxPerMinute >= 30 ? 2 : 5;
  const first = Math.ceil((startedAt + from * 1000) / (every * 60_000)) * every * 60_000;
  context.fillStyle = colour;
  context.font = "11px sans-serif";
  context.textAlign = "center";
  context.textBaseline = "middle";
  const between = (paper.fhr.top + paper.fhr.height + paper.toco.top) / 2;
  for (let at = first; at < startedAt + (from + ctgSeconds(paper)) * 1000; at += every * 60_000) {
    const x = ctgX(paper, (at - startedAt) / 1000, from);
    if (x > LABELS_PX + 16 && x < paper.width - 16) context.fillText(view.minute(at), x, between);
  }
}

interface LineView {
  readonly paper: CtgPaper;
  readonly from: number;
  readonly band: CtgBand;
  readonly colour: string;
  readonly gap: string;
}

/** A lifted pen leaves the paper blank; what did not arrive is hatched. */
function line(context: CanvasRenderingContext2D, stream: StreamSamples, lead: Lead, view: LineView): void {
  const { paper, from, band } = view;
  const first = Math.max(0, Math.floor(from * lead.rate));
  const last = Math.min(Math.ceil((from + ctgSeconds(paper)) * lead.rate), Math.ceil(stream.seconds * lead.rate));
  const values = valuesOf(stream, lead, first, last);
  const x = (index: number) => ctgX(paper, (first + index) / lead.rate, from);
  for (const [a, b] of gapsIn(values)) {
    const [begin, end] = [Math.floor((first + a) / lead.samples), Math.ceil((first + b) / lead.samples)];
    for (let number = stream.at(begin); number < stream.head && stream.start(number) < end; number += 1) {
      if (stream.chunk(number) !== undefined) continue;
      const x0 = Math.max(LABELS_PX, x(stream.start(number) * lead.samples - first));
      hatch(context, x0, band.top, x(stream.start(number + 1) * lead.samples - first) - x0, band.height, view.gap);
    }
  }
  context.strokeStyle = view.colour;
  context.lineWidth = 1.5;
  context.lineJoin = "round";
  context.lineCap = "round";
  context.beginPath();
  let pen = false;
  for (let index = 0; index < values.length; index += 1) {
    const value = values[index] ?? Number.NaN;
    if (Number.isNaN(value)) {
      pen = false;
      continue;
    }
    const [at, y] = [Math.max(LABELS_PX, x(index)), bandY(band, value)];
    if (pen) context.lineTo(at, y);
    else {
      // A single value between two lifts is a point.
      context.moveTo(at, y);
      context.lineTo(at + 0.1, y);
    }
    pen = true;
  }
  context.stroke();
}
