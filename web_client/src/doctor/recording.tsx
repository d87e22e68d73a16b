// A finished electrocardiogram among the measures: what it holds, and a button that puts it on the paper.
import type { Signal } from "@preact/signals";
import { decimal } from "../i18n/format";
import { sayMeasure } from "../i18n/doctor_measures";
import type { Reading } from "../protocol/types";
import type { Consultation } from "../state/doctor_desk";

interface RecordingProps {
  readonly it: Consultation;
  readonly reading: Reading;
  readonly chosen: Signal<number | null>;
}

export function Recording({ it, reading, chosen }: RecordingProps) {
  void it.record.chunks.value;
  const stream = it.record.streams.value.find((each) => each.waveform.reading_id === reading.reading_id);
  if (stream === undefined) return <p class="soft">{sayMeasure("recording_coming")}</p>;
  return (
    <div class="recording">
      <p>
        {sayMeasure("recording_leads", { n: stream.leads.length })} ·{" "}
        {sayMeasure("recording_seconds", { n: decimal(stream.seconds.toFixed(1)) })}
      </p>
      <button
        type="button"
        class="button small"
        data-testid="recording-show"
        onClick={() => {
          chosen.value = stream.waveform.stream_id;
        }}
      >
        {sayMeasure("recording_show")}
      </button>
    </div>
  );
}
