// The traces at the bottom of the page, one at a time: electrocardiograms and cardiotocograms, live or recorded.
import type { Signal } from "@preact/signals";
import { clock } from "../i18n/format";
import { sayTrace } from "../i18n/doctor_traces";
import type { Consultation } from "../state/doctor_desk";
import { shownStream, traceKind } from "../state/traces";
import type { StreamSamples } from "../state/waveform";
import { Ctg } from "./ctg";
import { Ecg } from "./ecg";

export interface TracesProps {
  readonly it: Consultation;
  /** Stream the doctor chose; null: the newest. */
  readonly chosen: Signal<number | null>;
  /** The paper takes most of the page. */
  readonly large: Signal<boolean>;
}

export function Traces({ it, chosen, large }: TracesProps) {
  const streams = it.record.streams.value;
  const stream = shownStream(streams, chosen.value);
  if (stream === null) {
    return (
      <section class="ecg card" aria-label={sayTrace("traces")} data-testid="traces">
        <p class="ecg-none soft">{sayTrace("none")}</p>
      </section>
    );
  }
  const head = (
    <>
      <h2 title={sayTrace(traceKind(stream))}>{sayTrace(`${traceKind(stream)}_short`)}</h2>
      {streams.length > 1 && <Streams streams={streams} shown={stream} chosen={chosen} />}
    </>
  );
  const tail = (
    <button
      type="button"
      class="button small trace-large"
      aria-pressed={large.value}
      data-testid="trace-large"
      onClick={() => {
        large.value = !large.value;
      }}
    >
      {sayTrace(large.value ? "smaller" : "larger")}
    </button>
  );
  const { stream_id: id } = stream.waveform;
  return traceKind(stream) === "ctg" ? (
    <Ctg key={id} it={it} stream={stream} head={head} tail={tail} />
  ) : (
    <Ecg key={id} it={it} stream={stream} head={head} tail={tail} />
  );
}

interface StreamsProps {
  readonly streams: readonly StreamSamples[];
  readonly shown: StreamSamples;
  readonly chosen: Signal<number | null>;
}

function Streams({ streams, shown, chosen }: StreamsProps) {
  return (
    <select
      class="input ecg-select"
      aria-label={sayTrace("choose")}
      data-testid="trace-choose"
      value={shown.waveform.stream_id}
      onChange={(event) => {
        chosen.value = Number(event.currentTarget.value);
      }}
    >
      {streams.map((each) => {
        const name = sayTrace(`${traceKind(each)}_short`);
        const time = clock(each.waveform.started_at, true);
        return (
          <option key={each.waveform.stream_id} value={each.waveform.stream_id}>
            {sayTrace(each.waveform.reading_id === null ? "option" : "option_recorded", { name, time })}
          </option>
        );
      })}
    </select>
  );
}
