// An electrocardiogram: what runs or was recorded, and everything the doctor sets on its paper.
import { useSignal, type Signal } from "@preact/signals";
import type { ComponentChildren } from "preact";
import { useRef } from "preact/hooks";
import { decimal } from "../i18n/format";
import { say } from "../i18n/doctor";
import { sayTrace } from "../i18n/doctor_traces";
import type { DisplayFilter } from "../state/display_filter";
import type { Consultation } from "../state/doctor_desk";
import { twelveOf, voltages, type Arrangement } from "../state/ecg_layout";
import { leadName, type Gain, type Speed } from "../state/ecg_paper";
import { arrived, movedPage, traceState } from "../state/traces";
import type { StreamSamples } from "../state/waveform";
import { Choice } from "./choice";
import type { EcgDrawing } from "./ecg_drawing";
import { EcgPaper } from "./ecg_paper_view";

const SPEEDS: readonly Speed[] = [25, 50];
const GAINS: readonly Gain[] = [5, 10, 20];
const FILTERS: readonly DisplayFilter[] = ["none", "diagnostic", "monitor"];

export interface EcgSettings {
  readonly speed: Speed;
  readonly gain: Gain;
  readonly filter: DisplayFilter;
  readonly arrangement: Arrangement;
  /** Second at the left edge of the page; null: it sweeps. */
  readonly from: number | null;
  readonly calipers: boolean;
}

interface EcgProps {
  readonly it: Consultation;
  readonly stream: StreamSamples;
  readonly head: ComponentChildren;
  readonly tail: ComponentChildren;
}

export interface Pen {
  drawing: EcgDrawing | null;
  /** Seconds on the paper. */
  readonly page: Signal<number>;
}

export function Ecg({ it, stream, head, tail }: EcgProps) {
  const settings = useSignal<EcgSettings>({
    speed: 25,
    gain: 10,
    filter: "none",
    arrangement: twelveOf(stream.leads) === null ? "rows" : "page",
    from: stream.waveform.reading_id === null ? null : 0,
    calipers: false,
  });
  const page = useSignal(0);
  const pen = useRef<Pen>({ drawing: null, page }).current;
  return (
    <section class="ecg card" aria-label={sayTrace("ecg")} data-testid="ecg">
      <header class="ecg-head">
        {head}
        <State it={it} stream={stream} settings={settings} />
        <Controls stream={stream} settings={settings} pen={pen} />
        {tail}
      </header>
      <EcgPaper it={it} stream={stream} settings={settings} pen={pen}>
        <Move it={it} stream={stream} settings={settings} pen={pen} />
      </EcgPaper>
    </section>
  );
}

/** Whether it runs, and the counters that tests read. */
function State({ it, stream, settings }: { it: Consultation; stream: StreamSamples; settings: Signal<EcgSettings> }) {
  // Read so that the counters follow each chunk.
  void it.record.chunks.value;
  const state = traceState(stream, it.call.phase.value);
  const frozen = settings.value.from !== null && stream.waveform.reading_id === null;
  const look = frozen || state === "waits" || state === "arriving";
  const words = frozen
    ? sayTrace("frozen")
    : state === "arriving" ? sayTrace("arriving", { percent: arrived(stream) }) : sayTrace(state);
  const mark = frozen ? "❚❚" : { live: "●", waits: "△", arriving: "△", recorded: "■", stopped: "■" }[state];
  const { device } = stream.waveform;
  return (
    <>
      <span
        class={`tag ${look ? "look" : state === "live" ? "done" : ""}`}
        role="status"
        data-testid="ecg-state"
        data-ecg-stream={stream.waveform.stream_id}
        data-ecg-received={stream.received}
        data-ecg-head={stream.head}
        data-ecg-missing={stream.missing}
        data-ecg-live={stream.end === null}
        data-ecg-state={frozen ? "frozen" : state}
      >
        {mark} {words}
      </span>
      {device.simulated && (
        <span class="tag look" data-testid="ecg-simulated">
          {say("simulated")}
        </span>
      )}
    </>
  );
}

interface ControlsProps {
  readonly stream: StreamSamples;
  readonly settings: Signal<EcgSettings>;
  readonly pen: Pen;
}

function Controls({ stream, settings, pen }: ControlsProps) {
  const at = settings.value;
  const set = (change: Partial<EcgSettings>) => {
    settings.value = { ...settings.value, ...change };
  };
  const recorded = stream.waveform.reading_id !== null;
  const newest = () => movedPage(Math.max(0, (pen.drawing?.cursor ?? 0) - pen.page.peek()), 0, pen.page.peek(), stream);
  const still = at.from ?? newest();
  return (
    <div class="ecg-controls">
      <Choice
        label={sayTrace("speed")}
        unit="mm/s"
        testid="ecg-speed"
        values={SPEEDS}
        value={at.speed}
        choose={(speed) => set({ speed })}
      />
      <Choice
        label={sayTrace("gain")}
        unit="mm/mV"
        testid="ecg-gain"
        values={GAINS}
        value={at.gain}
        choose={(gain) => set({ gain })}
      />
      <select
        class="input ecg-select"
        data-testid="ecg-filter"
        aria-label={sayTrace("filter")}
        value={at.filter}
        onChange={(event) => set({ filter: event.currentTarget.value as DisplayFilter })}
      >
        {FILTERS.map((filter) => (
          <option key={filter} value={filter}>
            {sayTrace(`filter_${filter}`)}
          </option>
        ))}
      </select>
      <Leads stream={stream} value={at.arrangement} choose={(arrangement) => set({ arrangement })} />
      <button
        type="button"
        class={at.calipers ? "button main small" : "button small"}
        aria-pressed={at.calipers}
        data-testid="ecg-calipers"
        onClick={() => set({ calipers: !at.calipers, from: still })}
      >
        {sayTrace("calipers")}
      </button>
      {!recorded && (
        <button
          type="button"
          class={at.from === null ? "button small" : "button main small"}
          aria-pressed={at.from !== null}
          data-testid="ecg-freeze"
          onClick={() => (at.from === null ? set({ from: newest() }) : set({ from: null, calipers: false }))}
        >
          {sayTrace(at.from === null ? "freeze" : "go")}
        </button>
      )}
    </div>
  );
}

interface LeadsProps {
  readonly stream: StreamSamples;
  readonly value: Arrangement;
  readonly choose: (value: Arrangement) => void;
}

function Leads({ stream, value, choose }: LeadsProps) {
  const drawn = voltages(stream.leads);
  if (drawn.length < 2) return null;
  return (
    <select
      class="input ecg-select"
      data-testid="ecg-lead"
      aria-label={sayTrace("arrangement")}
      value={value}
      onChange={(event) => {
        const chosen = event.currentTarget.value;
        choose(chosen === "page" || chosen === "rows" ? chosen : Number(chosen));
      }}
    >
      {twelveOf(stream.leads) !== null && <option value="page">{sayTrace("arrangement_page")}</option>}
      <option value="rows">{sayTrace("arrangement_rows")}</option>
      {drawn.map((index) => (
        <option key={index} value={index}>
          {sayTrace("lead", { name: leadName(stream.leads[index]?.code ?? 0, index) })}
        </option>
      ))}
    </select>
  );
}

/** Below the paper, so that freezing does not move the trace. */
function Move({ it, stream, settings, pen }: ControlsProps & { readonly it: Consultation }) {
  void it.record.chunks.value;
  const { from } = settings.value;
  const page = pen.page.value;
  if (from === null) return <span />;
  const move = (pages: number) => {
    settings.value = { ...settings.value, from: movedPage(from, pages * page, page, stream) };
  };
  return (
    <div class="ecg-move">
      <button
        type="button"
        class="button small"
        aria-label={sayTrace("back")}
        title={sayTrace("back")}
        data-testid="ecg-back"
        disabled={from <= 0}
        onClick={() => move(-1 / 2)}
      >
        ◀
      </button>
      <span class="figures ecg-span" data-testid="ecg-span">
        {sayTrace("span", { from: seconds(from), to: seconds(Math.min(from + page, stream.seconds)) })}
      </span>
      <button
        type="button"
        class="button small"
        aria-label={sayTrace("forward")}
        title={sayTrace("forward")}
        data-testid="ecg-forward"
        disabled={from + page >= stream.seconds - 0.05}
        onClick={() => move(1 / 2)}
      >
        ▶
      </button>
    </div>
  );
}

const seconds = (at: number): string => `${decimal(at.toFixed(1))} s`;
