// The stethoscope while it is open: filter, volume, level, and the trace of what is heard.
import { useEffect, useRef, useState } from "preact/hooks";
import { codeWords } from "../i18n/doctor_codes";
import { sayTrace } from "../i18n/doctor_traces";
import type { Consultation } from "../state/doctor_desk";
import { heardStethoscope } from "../state/examination";
import { phonoSwings } from "../state/phonocardiogram";
import {
  createStethoscope,
  FILTERS,
  GAIN_LEAST_DB,
  GAIN_MOST_DB,
  PHONO_SECONDS,
  type Stethoscope,
} from "../state/stethoscope";
import { Choice } from "./choice";
import { speaker } from "./media";
import { inkOf } from "./paper_drawing";

const GAIN_STEP_DB = 2;
/** Past it the microphone's own range ends and what is heard is torn. */
const LOUD = 0.97;
/** Two beats of the slowest heart. */
const SILENT_MS = 4000;

export function StethoscopePanel({ it }: { it: Consultation }) {
  const instrument = heardStethoscope(it.record.situation.value);
  const stream = it.call.stethoscope.value;
  const code = it.record.situation.value?.media.stethoscope_code ?? null;
  const [open, setOpen] = useState<Stethoscope | null>(null);
  const heard = instrument !== null && it.call.live.value;
  useEffect(() => {
    if (!heard || stream === null) return undefined;
    const made = createStethoscope(stream);
    setOpen(made);
    return () => {
      made.close();
      setOpen(null);
    };
  }, [heard, stream]);
  const place = speaker.value;
  useEffect(() => open?.playOn(place), [open, place]);
  if (!heard) return null;
  return (
    <section class="card stethoscope" aria-label={sayTrace("steth")} data-testid="stethoscope">
      <h2>
        {instrument.number} · {sayTrace("steth")}
      </h2>
      {code !== null && <p class="say look">{codeWords(code)}</p>}
      {open === null ? <p role="status">{sayTrace("steth_coming")}</p> : <Heard scope={open} />}
      <button type="button" class="button stop small" data-testid="steth-stop" onClick={() => it.call.listen(null)}>
        {sayTrace("steth_stop")}
      </button>
    </section>
  );
}

function Filter({ scope }: { scope: Stethoscope }) {
  return (
    <Choice
      label={sayTrace("steth_filter")}
      title={(filter) => sayTrace(`steth_${filter}_more`)}
      testid="steth-filter"
      values={FILTERS}
      value={scope.filter.value}
      choose={(filter) => scope.setFilter(filter)}
      words={(filter) => sayTrace(`steth_${filter}`)}
    />
  );
}

function Heard({ scope }: { scope: Stethoscope }) {
  const level = scope.level.value;
  const gain = scope.gainDb.value;
  // Between two beats nothing is heard either.
  const heardAt = useRef(performance.now());
  if (level > 0) heardAt.current = performance.now();
  const silent = performance.now() - heardAt.current > SILENT_MS;
  return (
    <>
      <Filter scope={scope} />
      <div class="steth-sliders">
        <label class="steth-gain">
          <span>{sayTrace("steth_gain")}</span>
          <input
            type="range"
            min={GAIN_LEAST_DB}
            max={GAIN_MOST_DB}
            step={GAIN_STEP_DB}
            value={gain}
            data-testid="steth-gain"
            aria-valuetext={`${gain} dB`}
            onInput={(event) => scope.setGain(Number(event.currentTarget.value))}
          />
          <span class="figures">{gain > 0 ? `+${gain}` : gain} dB</span>
        </label>
        <label class="steth-level">
          <span>{sayTrace("steth_level")}</span>
          <meter min={0} max={1} high={LOUD} value={level} data-testid="steth-level" />
        </label>
      </div>
      {scope.suspended.value && (
        <button type="button" class="button main" data-testid="steth-start" onClick={() => scope.resume()}>
          {sayTrace("steth_start")}
        </button>
      )}
      <div class="steth-trace">
        <Phonocardiogram scope={scope} />
        <p class="soft small-words" role="status">
          {sayTrace(`steth_${scope.filter.value}_more`)} ·{" "}
          {level > LOUD ? `△ ${sayTrace("steth_loud")}` : silent ? `△ ${sayTrace("steth_silent")}` : sayTrace("steth_headset")}
        </p>
      </div>
    </>
  );
}

/** The last seconds as heard, the newest at the right. */
function Phonocardiogram({ scope }: { scope: Stethoscope }) {
  const canvas = useRef<HTMLCanvasElement>(null);
  useEffect(() => {
    const element = canvas.current;
    const context = element?.getContext("2d") ?? null;
    if (element === null || context === null) return undefined;
    const ink = inkOf(element);
    let asked = requestAnimationFrame(function next() {
      asked = requestAnimationFrame(next);
      const ratio = devicePixelRatio;
      const [width, height] = [element.clientWidth, element.clientHeight];
      element.width = Math.round(width * ratio);
      element.height = Math.round(height * ratio);
      context.setTransform(ratio, 0, 0, ratio, 0, 0);
      context.strokeStyle = ink.thick;
      context.beginPath();
      for (let second = 1; second < PHONO_SECONDS; second += 1) {
        const x = (second / PHONO_SECONDS) * width;
        context.moveTo(x, 0);
        context.lineTo(x, height);
      }
      context.stroke();
      context.strokeStyle = ink.trace;
      context.lineWidth = 1;
      context.beginPath();
      phonoSwings(scope.waveform(), Math.max(1, Math.floor(width))).forEach(([low, high], x) => {
        context.moveTo(x + 0.5, ((1 - high) / 2) * height);
        context.lineTo(x + 0.5, Math.max(((1 - low) / 2) * height, ((1 - high) / 2) * height + 1));
      });
      context.stroke();
    });
    return () => cancelAnimationFrame(asked);
  }, [scope]);
  return (
    <canvas
      ref={canvas}
      class="phonocardiogram"
      role="img"
      aria-label={sayTrace("steth_trace", { seconds: PHONO_SECONDS })}
      data-testid="phonocardiogram"
    />
  );
}
