// How the measures went: small plots on one time axis, and every value as a table.
import { useEffect, useRef } from "preact/hooks";
import { clock, decimal } from "../i18n/format";
import { flagWords } from "../i18n/doctor_codes";
import { sayMeasure, unitWords } from "../i18n/doctor_measures";
import { placed, scaleOf, type Plot, type TrendPoint } from "../state/trend";

/** Of the plots' own coordinates; the page scales them. */
const WIDTH = 300;
const HEIGHT = 110;
const DOT = 4;

export function Trend({ plots, close }: { plots: readonly Plot[]; close: () => void }) {
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => dialog.current?.showModal(), []);
  return (
    <dialog ref={dialog} class="trend card" onClose={close} data-testid="trend">
      <header class="trend-head">
        <h2>{sayMeasure("trend_title")}</h2>
        <button type="button" class="button" data-testid="trend-close" onClick={() => dialog.current?.close()}>
          {sayMeasure("trend_close")}
        </button>
      </header>
      <div class="trend-body">
        <div class="multiples">
          {plots.map((plot) => (
            <Multiple key={`${plot.name} ${plot.unit}`} plot={plot} plots={plots} />
          ))}
        </div>
        <Table plots={plots} />
      </div>
    </dialog>
  );
}

function Multiple({ plot, plots }: { plot: Plot; plots: readonly Plot[] }) {
  const scale = scaleOf(plot, plots);
  const newest = plot.series.map((series) => series.points.at(-1)?.text ?? "").map(decimal).join("/");
  const name = sayMeasure(plot.name);
  const facts = { name, from: clock(scale.from), to: clock(scale.to) };
  return (
    <figure class="multiple" data-testid={`trend-${plot.name}`}>
      <figcaption>
        <strong>{name}</strong>{" "}
        <span class="figures">
          {newest} {unitWords(plot.unit)}
        </span>
      </figcaption>
      <svg
        viewBox={`-12 -6 ${WIDTH + 60} ${HEIGHT + 32}`}
        role="img"
        aria-label={sayMeasure("trend_plot", facts)}
      >
        <rect class="trend-box" x="0" y="0" width={WIDTH} height={HEIGHT} />
        <text class="trend-number" x={WIDTH + 6} y="10">
          {decimal(short(scale.most))}
        </text>
        <text class="trend-number" x={WIDTH + 6} y={HEIGHT}>
          {decimal(short(scale.least))}
        </text>
        <text class="trend-number" x="0" y={HEIGHT + 18}>
          {clock(scale.from)}
        </text>
        <text class="trend-number end" x={WIDTH} y={HEIGHT + 18}>
          {clock(scale.to)}
        </text>
        {plot.series.map((series) => {
          const points = series.points.flatMap((point) => {
            const at = placed(point, scale, WIDTH, HEIGHT);
            return at === null ? [] : [{ ...at, point }];
          });
          // A value that is not plausible is shown, and no line leads through it.
          const line = points.filter(({ point }) => !point.implausible).map(({ x, y }) => `${x},${y}`).join(" ");
          return (
            <g key={series.measure} class="trend-series">
              <polyline points={line} />
              {points.map(({ x, y, point }) => (
                <Dot key={point.readingId} x={x} y={y} point={point} />
              ))}
            </g>
          );
        })}
      </svg>
    </figure>
  );
}

function Dot({ x, y, point }: { x: number; y: number; point: TrendPoint }) {
  if (!point.implausible) return <circle cx={x} cy={y} r={DOT} />;
  return <path class="doubt" d={`M ${x} ${y - DOT - 1} L ${x + DOT + 1} ${y + DOT} L ${x - DOT - 1} ${y + DOT} Z`} />;
}

function Table({ plots }: { plots: readonly Plot[] }) {
  return (
    <table class="trend-table figures">
      <caption>
        {sayMeasure("trend_table")}. {sayMeasure("trend_more")}
      </caption>
      <thead>
        <tr>
          <th scope="col">{sayMeasure("trend_measure")}</th>
          <th scope="col">{sayMeasure("trend_time")}</th>
          <th scope="col">{sayMeasure("trend_value")}</th>
        </tr>
      </thead>
      <tbody>
        {plots.flatMap((plot) =>
          plot.series.flatMap((series) =>
            series.points.map((point) => (
              <tr key={`${series.measure} ${point.readingId}`}>
                <th scope="row">{sayMeasure(series.measure)}</th>
                <td>{point.at === null ? flagWords("time_unknown") : clock(point.at, true)}</td>
                <td>
                  {decimal(point.text)} {unitWords(plot.unit)}
                  {point.implausible && ` △ ${flagWords("implausible")}`}
                </td>
              </tr>
            )),
          ),
        )}
      </tbody>
    </table>
  );
}

/** At most three significant figures for the ends of an axis. */
const short = (value: number): string => (Math.abs(value) >= 100 ? value.toFixed(0) : value.toFixed(1));
