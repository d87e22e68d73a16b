// How a measure went during the encounter: small plots with one time axis, and the same as a table. Pure.
import type { ReadingView } from "./doctor_record";
import { implausible, measureOf, momentOf, timeOf, type Measure } from "./vitals";

/** Measures that share a plot. */
const PLOTS = {
  pressure: ["systolic", "diastolic"],
  pulse: ["pulse"],
  saturation: ["saturation"],
  temperature: ["temperature"],
  glucose: ["glucose"],
  weight: ["weight"],
} as const satisfies Record<string, readonly Measure[]>;

export type PlotName = keyof typeof PLOTS;

export interface TrendPoint {
  /** Milliseconds since the epoch; null: nobody knows when, or before this consultation: in the table only. */
  readonly at: number | null;
  readonly value: number;
  /** The value as the instrument wrote it. */
  readonly text: string;
  readonly implausible: boolean;
  readonly readingId: string;
}

export interface Series {
  readonly measure: Measure;
  readonly points: readonly TrendPoint[];
}

export interface Plot {
  readonly name: PlotName;
  /** UCUM. Values of another unit have a plot of their own. */
  readonly unit: string;
  readonly series: readonly Series[];
}

/** The plots with at least two moments, in the order of the panel. */
export function plotsOf(readings: readonly ReadingView[]): readonly Plot[] {
  return (Object.keys(PLOTS) as PlotName[]).flatMap((name) => {
    const measures: readonly Measure[] = PLOTS[name];
    const units = new Map<string, Map<Measure, TrendPoint[]>>();
    for (const { reading } of readings) {
      for (const quantity of reading.quantities) {
        const measure = measureOf(quantity);
        if (quantity.value === null || measure === null || !measures.includes(measure)) continue;
        const at = timeOf(reading) === "known" ? momentOf(reading) : null;
        const series = units.get(quantity.unit) ?? new Map<Measure, TrendPoint[]>();
        units.set(quantity.unit, series);
        const points = series.get(measure) ?? [];
        series.set(measure, points);
        points.push({
          at,
          value: Number(quantity.value),
          text: quantity.value,
          implausible: implausible(reading),
          readingId: reading.reading_id,
        });
      }
    }
    return [...units].map(([unit, series]) => ({ name, unit, series: ordered(series, measures) })).filter(plotted);
  });
}

const ordered = (series: Map<Measure, TrendPoint[]>, measures: readonly Measure[]): readonly Series[] =>
  measures.flatMap((measure) => {
    const points = series.get(measure);
    if (points === undefined) return [];
    return [{ measure, points: points.sort((a, b) => (a.at ?? -Infinity) - (b.at ?? -Infinity)) }];
  });

const plotted = (plot: Plot): boolean =>
  plot.series.some((series) => series.points.filter((point) => point.at !== null).length > 1);

/** Box of a plot: its moments and values, between round numbers. */
export interface TrendScale {
  readonly from: number;
  readonly to: number;
  readonly least: number;
  readonly most: number;
}

/** The axis has about so many round steps; its ends are round numbers. */
const STEPS = 4;
/** Range of an axis over a flat line, in the value's unit. */
const FLAT = 2;

/** The time axis is that of all plots, so that what happened at once stands one above the other. */
export function scaleOf(plot: Plot, plots: readonly Plot[]): TrendScale {
  const moments = plots.flatMap(pointsOf).flatMap((point) => (point.at === null ? [] : [point.at]));
  const values = pointsOf(plot).flatMap((point) => (point.at === null ? [] : [point.value]));
  const [low, high] = [Math.min(...values), Math.max(...values)];
  const step = roundStep((high > low ? high - low : FLAT) / STEPS);
  const least = Math.floor(low / step) * step;
  const most = Math.ceil(high / step) * step;
  const air = most > least ? 0 : step;
  return { from: Math.min(...moments), to: Math.max(...moments), least: least - air, most: most + air };
}

/** The next of 1, 2, 5, 10, 20 … that is not smaller. */
function roundStep(wanted: number): number {
  const ten = 10 ** Math.floor(Math.log10(wanted));
  return ([1, 2, 5].find((each) => each * ten >= wanted * (1 - 1e-9)) ?? 10) * ten;
}

const pointsOf = (plot: Plot): readonly TrendPoint[] => plot.series.flatMap((series) => series.points);

/** Where a point stands in a box of this size; null for one without a moment. */
export function placed(
  point: TrendPoint,
  scale: TrendScale,
  width: number,
  height: number,
): { readonly x: number; readonly y: number } | null {
  if (point.at === null) return null;
  const span = scale.to - scale.from;
  const x = span > 0 ? ((point.at - scale.from) / span) * width : width / 2;
  return { x, y: ((scale.most - point.value) / (scale.most - scale.least)) * height };
}
