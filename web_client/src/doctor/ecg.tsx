// The electrocardiogram at the bottom of the page: millimetre paper, sweep, freeze, calipers.
import { useSignal, type Signal } from "@preact/signals";
import { useEffect, useRef, useState } from "preact/hooks";
import { clock, decimal } from "../i18n/format";
import { say } from "../i18n/doctor";
import type { Consultation } from "../state/doctor_desk";
import { leadName, sweepSeconds, type Gain, type Paper, type Speed } from "../state/ecg_paper";
import type { StreamSamples } from "../state/waveform";
import { theme } from "../theme";
import { deviceName } from "./device_name";
import { EcgDrawing } from "./ecg_drawing";

/** Chunks of 0.1 s that may be late without a word. */
const UNDER_WAY = 3;
const SPEEDS: readonly Speed[] = [25, 50];
const GAINS: readonly Gain[] = [5, 10, 20];

interface Settings {
  readonly speed: Speed;
  readonly gain: Gain;
  /** Index of the one lead on the paper; null: all. */
  readonly lead: number | null;
  readonly frozen: boolean;
  readonly back: number;
  readonly calipers: boolean;
}

const AT_FIRST: Settings = { speed: 25, gain: 10, lead: null, frozen: false, back: 0, calipers: false };

interface Size {
  readonly width: number;
  readonly height: number;
}

export function Ecg({ it }: { it: Consultation }) {
  const streams = it.record.streams.value.filter((stream) => stream.waveform.device.kind === "ecg");
  const [chosen, setChosen] = useState<number | null>(null);
  const stream = streams.find((each) => each.waveform.stream_id === chosen) ?? streams.at(-1);
  const settings = useSignal<Settings>(AT_FIRST);
  return (
    <section class="ecg card" aria-label={say("ecg")} data-testid="ecg">
      {stream === undefined ? (
        <p class="ecg-none soft">{say("ecg_none")}</p>
      ) : (
        <>
          <header class="ecg-head">
            <h2 title={say("ecg")}>{say("ecg_short")}</h2>
            <State it={it} stream={stream} settings={settings} />
            {streams.length > 1 && (
              <select
                class="input ecg-select"
                aria-label={say("ecg")}
                value={stream.waveform.stream_id}
                onChange={(event) => {
                  setChosen(Number(event.currentTarget.value));
                  settings.value = { ...settings.value, back: 0 };
                }}
              >
                {streams.map((each) => (
                  <option key={each.waveform.stream_id} value={each.waveform.stream_id}>
                    {say("ecg_stream", { time: clock(each.waveform.started_at, true) })}
                  </option>
                ))}
              </select>
            )}
            <Controls stream={stream} settings={settings} />
          </header>
          <PaperView key={stream.waveform.stream_id} it={it} stream={stream} settings={settings} />
        </>
      )}
    </section>
  );
}

/** How much is missing, once it is more than chunks under way. */
function Gap({ it, stream }: { it: Consultation; stream: StreamSamples }) {
  void it.record.chunks.value;
  if (stream.missing <= UNDER_WAY) return null;
  const seconds = (stream.seconds * stream.missing) / stream.head;
  return (
    <span class="tag look ecg-gap" role="status" data-testid="ecg-gap">
      △ {say("ecg_missing", { n: decimal(seconds.toFixed(1)) })}
    </span>
  );
}

/** Whether it runs, and the counters that tests read. */
function State({ it, stream, settings }: { it: Consultation; stream: StreamSamples; settings: Signal<Settings> }) {
  // Read so that the counters follow each chunk.
  void it.record.chunks.value;
  const { frozen } = settings.value;
  const live = stream.end === null;
  const { phase } = it.call;
  const flows = live && phase.value === "connected";
  const waits = live && !flows && phase.value !== "ended";
  const words = say(frozen ? "ecg_frozen" : flows ? "ecg_live" : waits ? "ecg_waits" : "ecg_stopped");
  const { device } = stream.waveform;
  return (
    <>
      <span
        class={`tag ${frozen || waits ? "look" : flows ? "done" : ""}`}
        data-testid="ecg-state"
        data-ecg-stream={stream.waveform.stream_id}
        data-ecg-received={stream.received}
        data-ecg-head={stream.head}
        data-ecg-missing={stream.missing}
        data-ecg-live={live}
      >
        {frozen ? "❚❚" : flows ? "●" : waits ? "△" : "■"} {words}
      </span>
      <span class="soft" data-testid="ecg-device">
        {deviceName(device.maker, device.model)}
      </span>
      {device.simulated && (
        <span class="tag look" data-testid="ecg-simulated">
          {say("simulated")}
        </span>
      )}
    </>
  );
}

function Controls({ stream, settings }: { stream: StreamSamples; settings: Signal<Settings> }) {
  const at = settings.value;
  const set = (change: Partial<Settings>) => {
    settings.value = { ...settings.value, ...change };
  };
  return (
    <div class="ecg-controls">
      <Choice
        label={say("ecg_speed")}
        unit="mm/s"
        testid="ecg-speed"
        values={SPEEDS}
        value={at.speed}
        choose={(speed) => set({ speed })}
      />
      <Choice
        label={say("ecg_gain")}
        unit="mm/mV"
        testid="ecg-gain"
        values={GAINS}
        value={at.gain}
        choose={(gain) => set({ gain })}
      />
      {stream.leads > 1 && (
        <select
          class="input ecg-select"
          data-testid="ecg-lead"
          aria-label={say("ecg_lead", { name: "" })}
          value={at.lead ?? -1}
          onChange={(event) => {
            const index = Number(event.currentTarget.value);
            set({ lead: index < 0 ? null : index });
          }}
        >
          <option value={-1}>{say("ecg_leads_all")}</option>
          {stream.waveform.leads.map((code, index) => (
            <option key={code} value={index}>
              {leadName(code, index)}
            </option>
          ))}
        </select>
      )}
      <button
        type="button"
        class="button small"
        aria-pressed={at.calipers}
        data-testid="ecg-calipers"
        onClick={() => set({ calipers: !at.calipers, frozen: at.frozen || !at.calipers })}
      >
        {say(at.calipers ? "ecg_calipers_off" : "ecg_calipers")}
      </button>
      {at.frozen && <Move stream={stream} settings={settings} />}
      <button
        type="button"
        class={at.frozen ? "button main small" : "button small"}
        aria-pressed={at.frozen}
        data-testid="ecg-freeze"
        onClick={() => set({ frozen: !at.frozen, back: 0, calipers: at.frozen ? false : at.calipers })}
      >
        {say(at.frozen ? "ecg_go" : "ecg_freeze")}
      </button>
    </div>
  );
}

const STEP_SECONDS = 2;

function Move({ stream, settings }: { stream: StreamSamples; settings: Signal<Settings> }) {
  const at = settings.value;
  const move = (seconds: number) => {
    const back = Math.min(Math.max(0, stream.seconds - STEP_SECONDS), Math.max(0, at.back + seconds));
    settings.value = { ...at, back };
  };
  return (
    <>
      <button type="button" class="button small" aria-label={say("ecg_back")} onClick={() => move(STEP_SECONDS)}>
        ◀
      </button>
      <button
        type="button"
        class="button small"
        aria-label={say("ecg_forward")}
        disabled={at.back === 0}
        onClick={() => move(-STEP_SECONDS)}
      >
        ▶
      </button>
    </>
  );
}

interface ChoiceProps<T extends number> {
  readonly label: string;
  readonly unit: string;
  readonly testid: string;
  readonly values: readonly T[];
  readonly value: T;
  readonly choose: (value: T) => void;
}

function Choice<T extends number>({ label, unit, testid, values, value, choose }: ChoiceProps<T>) {
  return (
    <div class="choice" role="group" aria-label={label}>
      {values.map((each) => (
        <button
          key={each}
          type="button"
          class={each === value ? "chosen" : ""}
          aria-pressed={each === value}
          data-testid={`${testid}-${each}`}
          onClick={() => choose(each)}
        >
          {each}
        </button>
      ))}
      <span class="choice-unit">{unit}</span>
    </div>
  );
}

interface PaperProps {
  readonly it: Consultation;
  readonly stream: StreamSamples;
  readonly settings: Signal<Settings>;
}

function PaperView({ it, stream, settings }: PaperProps) {
  const frame = useRef<HTMLDivElement>(null);
  const grid = useRef<HTMLCanvasElement>(null);
  const trace = useRef<HTMLCanvasElement>(null);
  const drawing = useRef<EcgDrawing | null>(null);
  const [size, setSize] = useState<Size>({ width: 0, height: 0 });
  const [drawable, setDrawable] = useState(true);
  const at = settings.value;
  const colours = theme.value;
  const paper: Paper = { speed: at.speed, gain: at.gain, ...size };
  const leads = at.lead === null ? stream.waveform.leads.map((_, index) => index) : [at.lead];

  useEffect(() => {
    const box = frame.current;
    if (box === null || grid.current === null || trace.current === null) return undefined;
    const made = new EcgDrawing(stream, grid.current, trace.current);
    drawing.current = made;
    setDrawable(made.drawable);
    const resized = new ResizeObserver(() => setSize({ width: box.clientWidth, height: box.clientHeight }));
    resized.observe(box);
    let asked = requestAnimationFrame(function next(now) {
      made.frame(now);
      asked = requestAnimationFrame(next);
    });
    return () => {
      resized.disconnect();
      cancelAnimationFrame(asked);
    };
  }, [stream]);

  useEffect(() => {
    if (size.width > 0) drawing.current?.show({ paper, leads, frozen: at.frozen, back: at.back });
  }, [stream, size, at.speed, at.gain, at.lead, at.frozen, at.back, colours]);

  return (
    <div
      class="ecg-paper"
      ref={frame}
      data-testid="ecg-paper"
      data-speed={at.speed}
      data-gain={at.gain}
      data-sweep-seconds={size.width > 0 ? sweepSeconds(paper).toFixed(2) : ""}
    >
      <canvas ref={grid} class="ecg-layer" aria-hidden="true" />
      <canvas ref={trace} class="ecg-layer" role="img" aria-label={say("ecg")} />
      {!drawable && <p class="say look ecg-unit">{say("ecg_unit", { unit: stream.waveform.unit })}</p>}
      {leads.map((lead, row) => (
        <span
          key={lead}
          class="lead-name"
          ref={(element) => {
            if (element !== null) element.style.top = `${(row * 100) / leads.length}%`;
          }}
        >
          {leadName(stream.waveform.leads[lead] ?? 0, lead)}
        </span>
      ))}
      <Gap it={it} stream={stream} />
      <span class="ecg-scale figures">{say("ecg_scale", { speed: at.speed, gain: at.gain })}</span>
      {at.calipers && <Calipers measure={(dx, dy) => drawing.current?.measure(dx, dy) ?? { ms: 0, mv: 0 }} />}
    </div>
  );
}

interface Span {
  readonly x0: number;
  readonly y0: number;
  readonly x1: number;
  readonly y1: number;
}

/** Two points on the paper, read in milliseconds and millivolts. */
function Calipers({ measure }: { measure: (dx: number, dy: number) => { ms: number; mv: number } }) {
  const [span, setSpan] = useState<Span | null>(null);
  const dragging = useRef(false);
  const point = (event: PointerEvent): { x: number; y: number } => {
    const box = (event.currentTarget as Element).getBoundingClientRect();
    return { x: event.clientX - box.left, y: event.clientY - box.top };
  };
  const reading = span === null ? null : measure(span.x1 - span.x0, span.y1 - span.y0);
  return (
    <div
      class="calipers"
      data-testid="calipers"
      onPointerDown={(event) => {
        event.currentTarget.setPointerCapture(event.pointerId);
        const { x, y } = point(event);
        dragging.current = true;
        setSpan({ x0: x, y0: y, x1: x, y1: y });
      }}
      onPointerMove={(event) => {
        if (!dragging.current) return;
        const { x, y } = point(event);
        setSpan((old) => (old === null ? old : { ...old, x1: x, y1: y }));
      }}
      onPointerUp={() => {
        dragging.current = false;
      }}
    >
      {span !== null && (
        <svg class="caliper-lines" aria-hidden="true">
          <line x1={span.x0} x2={span.x0} y1="0" y2="100%" />
          <line x1={span.x1} x2={span.x1} y1="0" y2="100%" />
          <line x1={span.x0} x2={span.x1} y1={span.y0} y2={span.y0} />
          <line x1={span.x0} x2={span.x1} y1={span.y1} y2={span.y1} />
        </svg>
      )}
      <p class="caliper-reading figures" data-testid="caliper-reading">
        {reading === null
          ? say("ecg_calipers_hint")
          : `${say("ecg_measure", { ms: Math.round(reading.ms), mv: decimal(reading.mv.toFixed(2)) })}${
              reading.ms >= 200 ? ` · ${say("ecg_rate_of", { bpm: Math.round(60_000 / reading.ms) })}` : ""
            }`}
      </p>
    </div>
  );
}
