// A cardiotocogram: fetal heart rate and contractions, running or scrolled back.
import { useSignal, type Signal } from "@preact/signals";
import type { ComponentChildren } from "preact";
import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import { clock, decimal } from "../i18n/format";
import { say } from "../i18n/doctor";
import { sayTrace } from "../i18n/doctor_traces";
import { CTG_SPEEDS, ctgFrom, ctgPaper, ctgRole, ctgSeconds, newestOf, type CtgSpeed } from "../state/ctg_paper";
import type { Consultation } from "../state/doctor_desk";
import { valuesOf } from "../state/leads";
import { arrived, traceState } from "../state/traces";
import type { StreamSamples } from "../state/waveform";
import { theme } from "../theme";
import { Choice } from "./choice";
import { drawCtg } from "./ctg_drawing";
import { deviceName } from "./device_name";
import { Missing, type Size } from "./ecg_paper_view";
import { ScaleTag, screenScale } from "./screen_scale";

/** Values older than this are not "now": a monitor writes four a second. */
const NOW_SECONDS = 3;
/** The paper runs less than a pixel in that time; after an outage chunks come by the hundred. */
const DRAW_MS = 250;
/** A step of the scroll buttons, as a share of the paper. */
const STEP = 0.5;

interface Settings {
  readonly speed: CtgSpeed;
  /** Second at the left edge of the paper that stands still; null: the newest runs. */
  readonly from: number | null;
}

interface CtgProps {
  readonly it: Consultation;
  readonly stream: StreamSamples;
  readonly head: ComponentChildren;
  readonly tail: ComponentChildren;
}

export function Ctg({ it, stream, head, tail }: CtgProps) {
  const settings = useSignal<Settings>({ speed: 1, from: null });
  const window = useSignal(0);
  const at = settings.value;
  const { device } = stream.waveform;
  return (
    <section class="ecg ctg card" aria-label={sayTrace("ctg")} data-testid="ctg">
      <header class="ecg-head">
        {head}
        <State it={it} stream={stream} frozen={at.from !== null} />
        {device.simulated && <span class="tag look">{say("simulated")}</span>}
        <Now it={it} stream={stream} />
        <div class="ecg-controls">
          <Choice
            label={sayTrace("ctg_speed")}
            unit="cm/min"
            testid="ctg-speed"
            values={CTG_SPEEDS}
            value={at.speed}
            choose={(speed) => {
              settings.value = { ...at, speed };
            }}
          />
          <Scroll it={it} stream={stream} settings={settings} window={window} />
        </div>
        {tail}
      </header>
      <Paper it={it} stream={stream} settings={settings} window={window} />
    </section>
  );
}

function State({ it, stream, frozen }: { it: Consultation; stream: StreamSamples; frozen: boolean }) {
  void it.record.chunks.value;
  const state = traceState(stream, it.call.phase.value);
  const look = frozen || state === "waits" || state === "arriving";
  const words = frozen
    ? sayTrace("frozen")
    : state === "arriving" ? sayTrace("arriving", { percent: arrived(stream) }) : sayTrace(state);
  const mark = frozen ? "❚❚" : { live: "●", waits: "△", arriving: "△", recorded: "■", stopped: "■" }[state];
  return (
    <span
      class={`tag ${look ? "look" : state === "live" ? "done" : ""}`}
      role="status"
      data-testid="ctg-state"
      data-ctg-stream={stream.waveform.stream_id}
      data-ctg-received={stream.received}
      data-ctg-missing={stream.missing}
      data-ctg-state={frozen ? "frozen" : state}
    >
      {mark} {words}
    </span>
  );
}

/** The newest values as numbers; a lifted pen is said, never a number. */
function Now({ it, stream }: { it: Consultation; stream: StreamSamples }) {
  void it.record.chunks.value;
  const rates = stream.leads.filter((lead) => ctgRole(lead) === "fhr").length;
  let rate = 0;
  return (
    <div class="ctg-now figures" aria-label={sayTrace("ctg_now")}>
      {stream.leads.map((lead, index) => {
        const role = ctgRole(lead);
        if (role === "other") return null;
        if (role === "fhr") rate += 1;
        const end = Math.ceil(stream.seconds * lead.rate);
        const value = newestOf(valuesOf(stream, lead, Math.max(0, end - Math.ceil(NOW_SECONDS * lead.rate)), end));
        const name =
          role === "toco" ? sayTrace("ctg_toco_short") : rates > 1 ? sayTrace("ctg_fhr_short_n", { n: rate }) : sayTrace("ctg_fhr_short");
        return (
          <span key={index} class={role === "fhr" && rate > 1 ? "ctg-value second" : "ctg-value"} data-testid={`ctg-${role}`}>
            <span class="label">{name}</span>{" "}
            {value === null ? <span class="soft">{sayTrace("ctg_no_value")}</span> : <strong>{decimal(String(Math.round(value)))}</strong>}
          </span>
        );
      })}
    </div>
  );
}

interface ScrollProps {
  readonly it: Consultation;
  readonly stream: StreamSamples;
  readonly settings: Signal<Settings>;
  readonly window: Signal<number>;
}

function Scroll({ it, stream, settings, window }: ScrollProps) {
  void it.record.chunks.value;
  const at = settings.value;
  const from = ctgFrom(stream.seconds, window.value, at.from);
  const newest = Math.max(0, stream.seconds - window.value);
  const move = (by: number) => {
    settings.value = { ...at, from: Math.min(newest, Math.max(0, from + by * window.value)) };
  };
  return (
    <>
      <button
        type="button"
        class="button small"
        aria-label={sayTrace("back")}
        title={sayTrace("back")}
        data-testid="ctg-back"
        disabled={from <= 0}
        onClick={() => move(-STEP)}
      >
        ◀
      </button>
      <button
        type="button"
        class="button small"
        aria-label={sayTrace("forward")}
        title={sayTrace("forward")}
        data-testid="ctg-forward"
        disabled={at.from === null || from >= newest}
        onClick={() => move(STEP)}
      >
        ▶
      </button>
      <button
        type="button"
        class={at.from === null ? "button small" : "button main small"}
        aria-pressed={at.from !== null}
        data-testid="ctg-freeze"
        onClick={() => {
          settings.value = { ...at, from: at.from === null ? newest : null };
        }}
      >
        {sayTrace(at.from === null ? "freeze" : "go")}
      </button>
    </>
  );
}

function Paper({ it, stream, settings, window }: ScrollProps) {
  const frame = useRef<HTMLDivElement>(null);
  const canvas = useRef<HTMLCanvasElement>(null);
  const [size, setSize] = useState<Size>({ width: 0, height: 0 });
  const { speed, from } = settings.value;
  const { pxPerMm } = screenScale.value;
  const colours = theme.value;
  const paper = useMemo(() => ctgPaper({ ...size, pxPerMm }, speed), [size, pxPerMm, speed]);
  useEffect(() => {
    const box = frame.current;
    if (box === null) return undefined;
    const resized = new ResizeObserver(() => setSize({ width: box.clientWidth, height: box.clientHeight }));
    resized.observe(box);
    return () => resized.disconnect();
  }, []);
  useEffect(() => {
    window.value = ctgSeconds(paper);
    if (paper.width === 0) return undefined;
    const draw = () => {
      if (canvas.current === null) return;
      drawCtg(canvas.current, stream, {
        paper,
        from: ctgFrom(stream.seconds, ctgSeconds(paper), from),
        startedAt: Date.parse(stream.waveform.started_at),
        minute: (at) => clock(at),
      });
    };
    let drawn = -1;
    const look = () => {
      const chunks = it.record.chunks.peek();
      if (chunks !== drawn) draw();
      drawn = chunks;
    };
    look();
    const timer = setInterval(look, DRAW_MS);
    return () => clearInterval(timer);
  }, [stream, paper, from, colours]);
  return (
    <>
      <div
        class="ecg-paper many"
        ref={frame}
        data-testid="ctg-paper"
        data-speed={speed}
        data-window-seconds={ctgSeconds(paper).toFixed(0)}
        data-share={paper.share.toFixed(2)}
      >
        <canvas ref={canvas} class="ecg-layer" role="img" aria-label={sayTrace("ctg")} />
        <Missing it={it} stream={stream} />
      </div>
      <footer class="ecg-foot figures">
        <span />
        <span class="ecg-device">{deviceName(stream.waveform.device.maker, stream.waveform.device.model)}</span>
        <ScaleTag />
        <span>{sayTrace("ctg_scale", { speed })}</span>
        {paper.share < 1 && <span>{sayTrace("ctg_reduced", { percent: Math.floor(100 * paper.share) })}</span>}
      </footer>
    </>
  );
}
