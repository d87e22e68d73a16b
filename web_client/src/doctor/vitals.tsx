// What instruments measured: one tile a kind, large number, unit, age, circumstances and doubts; nothing is judged here.
import type { Signal } from "@preact/signals";
import { useEffect, useState } from "preact/hooks";
import { say } from "../i18n/doctor";
import { sayMeasure } from "../i18n/doctor_measures";
import type { Consultation } from "../state/doctor_desk";
import { plotsOf } from "../state/trend";
import { isRefused, kindViews, liveViews, type KindView, type LiveView } from "../state/vitals";
import { readingShown } from "./probe";
import { Earlier, Provenance, QuantityText, Values } from "./reading_words";
import { Recording } from "./recording";
import { Trend } from "./trend";

/** A tile is marked as new for that long. */
const FRESH_MS = 8000;
/** Further from its arrival on board than this, two clocks and an interruption included, it is no news. */
const LATE_MS = 300_000;

interface VitalsProps {
  readonly it: Consultation;
  /** Stream on the paper; a recording puts its own there. */
  readonly chosen: Signal<number | null>;
}

export function Vitals({ it, chosen }: VitalsProps) {
  const readings = it.record.readings.value;
  const [trend, setTrend] = useState(false);
  useEffect(() => {
    for (const { reading, cameAt } of readings) readingShown(reading.reading_id, reading.received_at, cameAt);
  }, [readings]);
  const plots = plotsOf(readings);
  const live = liveViews(it.record.situation.value?.instruments ?? []);
  const kinds = kindViews(readings);
  const allSimulated = readings.length > 0 && readings.every(({ reading }) => reading.device.simulated);
  return (
    <section
      class="card block vitals"
      aria-label={sayMeasure("vitals")}
      data-testid="vitals"
      data-count={readings.length}
    >
      <h2 class="vitals-head">
        {sayMeasure("vitals")}
        {allSimulated && <Simulated />}
        {plots.length > 0 && (
          <button type="button" class="button quiet small" data-testid="trend-open" onClick={() => setTrend(true)}>
            {sayMeasure("trend")}
          </button>
        )}
      </h2>
      {kinds.length === 0 && live.length === 0 && <p class="soft">{sayMeasure("none")}</p>}
      <div class="tiles">
        {live.map((view) => (
          <Live key={view.instrument.instrument_id} view={view} />
        ))}
        {kinds.map((view) => (
          <Tile key={view.kind} it={it} view={view} chosen={chosen} tagged={!allSimulated} />
        ))}
      </div>
      {trend && <Trend plots={plots} close={() => setTrend(false)} />}
    </section>
  );
}

const Simulated = () => (
  <span class="tag look tile-tag" data-testid="reading-simulated">
    {say("simulated")}
  </span>
);

/** What runs on an instrument now: marked as live, never among the results. */
function Live({ view }: { view: LiveView }) {
  const { instrument, quantities } = view;
  return (
    <div class="tile live" data-testid={`live-${instrument.instrument_id}`}>
      <p class="tile-head">
        <strong>{sayMeasure("live_of", { number: instrument.number, name: instrument.name })}</strong>
        <span class="tag action">◉ {sayMeasure("live")}</span>
      </p>
      <p class="live-values figures">
        {quantities.map((quantity, place) => (
          <QuantityText key={place} quantity={quantity} />
        ))}
      </p>
    </div>
  );
}

interface TileProps extends VitalsProps {
  readonly view: KindView;
  /** Whether a simulated instrument is tagged here; where all are, the panel says it once. */
  readonly tagged: boolean;
}

function Tile({ it, view, chosen, tagged }: TileProps) {
  const { kind, newest, earlier } = view;
  const { reading } = newest;
  const fresh = useFresh(newest.cameAt, Date.parse(reading.received_at));
  return (
    <div
      class={`tile ${kind}${fresh ? " fresh" : ""}`}
      data-testid="reading"
      data-kind={kind}
      data-reading={reading.reading_id}
    >
      <p class="tile-head">
        <span class="label">{kindWords(view)}</span>
        {tagged && reading.device.simulated && <Simulated />}
      </p>
      {kind === "ecg_recording" && <Recording it={it} reading={reading} chosen={chosen} />}
      <div aria-live="polite">
        <Values reading={reading} />
      </div>
      <Provenance reading={reading} />
      {earlier.length > 0 && (
        <details class="earlier">
          <summary>{sayMeasure("earlier", { n: earlier.length })}</summary>
          <ul>
            {earlier.map((each) => (
              <Earlier key={each.reading.reading_id} reading={each.reading} />
            ))}
          </ul>
        </details>
      )}
    </div>
  );
}

/** Bytes that were understood and are no result of this patient are called so. */
const kindWords = ({ kind, newest }: KindView): string =>
  sayMeasure(kind === "unreadable" && isRefused(newest.reading.error) ? "kind_refused" : `kind_${kind}`);

/** Whether a reading is new to the doctor; what an earlier page has shown is not. */
function useFresh(cameAt: number, receivedAt: number): boolean {
  const [, again] = useState(0);
  const late = Math.abs(performance.timeOrigin + cameAt - receivedAt) > LATE_MS;
  const left = late ? 0 : cameAt + FRESH_MS - performance.now();
  useEffect(() => {
    if (left <= 0) return undefined;
    const timer = setTimeout(() => again((n) => n + 1), left);
    return () => clearTimeout(timer);
  }, [cameAt]);
  return left > 0;
}
