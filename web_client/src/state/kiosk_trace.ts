// The kiosk's small live trace: the newest seconds of one lead. The doctor's page has the whole ECG.
import type { Waveform } from "../protocol/types";
import type { Chunk } from "./chunk";

/** Two or three beats: enough to see that the electrodes hold. */
export const TRACE_SECONDS = 4;

/** Rates of ECGs end at 2 kHz; a ring is never larger. */
const SAMPLES_MAX = TRACE_SECONDS * 2000;

/** Marks what is not there: lost by the device, or not arrived. Drawn as a gap. */
export const GAP = Number.NaN;

/** A ring over the newest samples of the stream's first lead, in its unit, on a sweep of `TRACE_SECONDS`. */
export class LiveTrace {
  readonly samples: Float64Array;
  readonly #scale: number;
  readonly #lost: number;
  #perChunk = 0;
  #head = 0;
  #any = false;

  constructor(readonly waveform: Waveform) {
    const size = Math.round(TRACE_SECONDS * Number(waveform.rate_hz));
    this.samples = new Float64Array(Math.min(Math.max(size, 1), SAMPLES_MAX)).fill(GAP);
    this.#scale = Number(waveform.scale);
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
    const perLead = chunk.samples.length / chunk.leads;
    this.#perChunk = Math.max(this.#perChunk, perLead);
    const start = chunk.number * this.#perChunk;
    // What is older than the sweep has no place; a jump forward leaves a gap.
    if (start + this.samples.length < this.#head) return;
    for (let at = Math.max(this.#head, start - this.samples.length); at < start; at += 1) this.samples[at % this.samples.length] = GAP;
    for (let i = 0; i < perLead; i += 1) {
      const count = chunk.samples[i * chunk.leads] ?? this.#lost;
      this.samples[(start + i) % this.samples.length] = count === this.#lost ? GAP : count * this.#scale;
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
