// The kiosk's small live trace: the newest seconds of one lead. The doctor's page has the whole ECG.
import type { Waveform } from "../protocol/types";
import type { Chunk } from "./chunk";
import { type Lead, leadsOf } from "./leads";

/** A stream that names no lead is drawn as its first column. */
const NO_LEAD: Lead = { code: 0, column: 0, samples: 1, unit: "", scale: 1, rate: 1 };

/** Two or three beats: enough to see that the electrodes hold. */
export const TRACE_SECONDS = 4;

/** A fetal heart rate is read over minutes, and a monitor gives four values a second. */
export const SLOW_TRACE_SECONDS = 120;
const SLOW_HZ = 10;

/** Rates of ECGs end at 2 kHz; a ring is never larger. */
const SAMPLES_MAX = TRACE_SECONDS * 2000;

/** MDC_ECG_LEAD_II: the lead a nurse looks at when there are twelve. */
const LEAD_II = 131330;

/** Marks what is not there: lost by the device, or not arrived. Drawn as a gap. */
export const GAP = Number.NaN;

/** A ring over the newest samples of one lead of a stream, in its unit, on a sweep of `seconds`. */
export class LiveTrace {
  readonly samples: Float64Array;
  readonly seconds: number;
  readonly lead: Lead;
  readonly #lost: number;
  #perChunk = 0;
  #head = 0;
  #any = false;

  constructor(readonly waveform: Waveform) {
    const leads = leadsOf(waveform);
    this.lead = leads.find((each) => each.code === LEAD_II) ?? leads[0] ?? NO_LEAD;
    this.seconds = this.lead.rate < SLOW_HZ ? SLOW_TRACE_SECONDS : TRACE_SECONDS;
    const size = Math.round(this.seconds * this.lead.rate);
    this.samples = new Float64Array(Math.min(Math.max(size, 1), SAMPLES_MAX)).fill(GAP);
    this.#lost = waveform.lost_count;
  }

  /** Where the next sample goes: the sweep's bar stands here. */
  get head(): number {
    return this.#head % this.samples.length;
  }

  /** At least one valid sample came. */
  get any(): boolean {
    return this.#any;
  }

  add(chunk: Chunk): void {
    if (chunk.streamId !== this.waveform.stream_id) return;
    const { column, samples: each, scale } = this.lead;
    const perLead = (chunk.samples.length / chunk.leads) * each;
    this.#perChunk = Math.max(this.#perChunk, perLead);
    const start = chunk.number * this.#perChunk;
    // What is older than the sweep has no place; a jump forward leaves a gap.
    if (start + this.samples.length < this.#head) return;
    for (let at = Math.max(this.#head, start - this.samples.length); at < start; at += 1) this.samples[at % this.samples.length] = GAP;
    for (let i = 0; i < perLead; i += 1) {
      const count = chunk.samples[Math.floor(i / each) * chunk.leads + column + (i % each)] ?? this.#lost;
      this.samples[(start + i) % this.samples.length] = count === this.#lost ? GAP : count * scale;
      this.#any ||= count !== this.#lost;
    }
    this.#head = Math.max(this.#head, start + perLead);
  }

  /** Smallest and largest value on the sweep; null when it is empty. */
  range(): readonly [number, number] | null {
    let [low, high] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
    for (const sample of this.samples) {
      if (sample < low) low = sample;
      if (sample > high) high = sample;
    }
    return low <= high ? [low, high] : null;
  }
}
