// The display filters of the electrocardiogram: a first-order high pass and a second-order low pass. What is stored and
// measured by others stays as it came; a gap begins anew. Pure.
import { valuesOf, type Lead } from "./leads";
import type { StreamSamples } from "./waveform";

/** `none`: as received. `diagnostic`: 0.05 to 150 Hz. `monitor`: 0.5 to 40 Hz (IEC 60601-2-25, 60601-2-27). */
export type DisplayFilter = "none" | "diagnostic" | "monitor";

const BANDS: Readonly<Record<Exclude<DisplayFilter, "none">, readonly [low: number, high: number]>> = {
  diagnostic: [0.05, 150],
  monitor: [0.5, 40],
};

/** A low pass closer to half the sampling rate than this does nothing that can be seen, and rings. */
const NYQUIST_SHARE = 0.9;
/** How far before what is drawn the filter starts: three time constants of 0.05 Hz. */
const WARM_UP_SECONDS = 10;
/** Filtered chunks kept: what a page and its warm-up need; older ones are made again when they are looked at. */
const KEPT = 600;

/** What is left of the band at this sampling rate, in Hz; null: as received. */
export function bandOf(filter: DisplayFilter, rate: number): readonly [low: number, high: number] | null {
  if (filter === "none") return null;
  const [low, high] = BANDS[filter];
  return [low, Math.min(high, rate / 2)];
}

/** The filter as it stands after a sample; `null` before the first one and after a gap. */
interface State {
  readonly x: number;
  readonly high: number;
  readonly x1: number;
  readonly x2: number;
  readonly y1: number;
  readonly y2: number;
}

interface Coefficients {
  readonly pole: number;
  /** b0, b1, b2, a1, a2 of the low pass; null where it is left out. */
  readonly low: readonly [number, number, number, number, number] | null;
}

export function coefficients(filter: Exclude<DisplayFilter, "none">, rate: number): Coefficients {
  const [low, high] = BANDS[filter];
  const time = 1 / (2 * Math.PI * low);
  const pole = time / (time + 1 / rate);
  if (high >= (NYQUIST_SHARE * rate) / 2) return { pole, low: null };
  // Butterworth by the bilinear transform.
  const k = Math.tan((Math.PI * high) / rate);
  const norm = 1 / (1 + Math.SQRT2 * k + k * k);
  const b0 = k * k * norm;
  return { pole, low: [b0, 2 * b0, b0, 2 * (k * k - 1) * norm, (1 - Math.SQRT2 * k + k * k) * norm] };
}

/** Filters values in place from a state; returns the state after the last one. */
export function filtered(values: Float64Array, { pole, low }: Coefficients, before: State | null): State | null {
  let state = before;
  for (let n = 0; n < values.length; n += 1) {
    const x = values[n] ?? Number.NaN;
    if (Number.isNaN(x)) {
      state = null;
      continue;
    }
    const high = state === null ? 0 : pole * (state.high + x - state.x);
    let y = high;
    const [x1, x2, y1, y2] = state === null ? [0, 0, 0, 0] : [state.x1, state.x2, state.y1, state.y2];
    if (low !== null) y = low[0] * high + low[1] * x1 + low[2] * x2 - low[3] * y1 - low[4] * y2;
    state = { x, high, x1: high, x2: x1, y1: y, y2: y1 };
    values[n] = y;
  }
  return state;
}

interface Done {
  readonly values: Float64Array;
  readonly after: State | null;
}

/** One lead of a stream through a filter, chunk by chunk, as far as it is looked at. */
export class FilteredLead {
  readonly #done = new Map<number, Done>();
  readonly #coefficients: Coefficients;

  constructor(
    readonly stream: StreamSamples,
    readonly lead: Lead,
    filter: Exclude<DisplayFilter, "none">,
  ) {
    this.#coefficients = coefficients(filter, lead.rate);
  }

  /** A chunk came late: everything after it is made again. */
  forget(from: number): void {
    for (const number of [...this.#done.keys()]) if (number >= from) this.#done.delete(number);
  }

  /** As `valuesOf`, filtered. */
  values(from: number, to: number): Float64Array {
    const { stream, lead } = this;
    const values = new Float64Array(Math.max(0, to - from)).fill(Number.NaN);
    for (let number = stream.at(Math.floor(from / lead.samples)); number < stream.head; number += 1) {
      const start = stream.start(number) * lead.samples;
      if (start >= to) break;
      const part = this.#of(number);
      const first = Math.max(from, start);
      const last = Math.min(to, start + part.length);
      if (last > first) values.set(part.subarray(first - start, last - start), first - from);
    }
    return values;
  }

  #of(number: number): Float64Array {
    const known = this.#done.get(number);
    if (known !== undefined) return known.values;
    const { stream, lead } = this;
    let begin = number;
    const seconds = (stream.start(number + 1) - stream.start(number)) / Number(stream.waveform.rate_hz);
    const warmUp = Math.ceil(WARM_UP_SECONDS / Math.max(seconds, 0.01));
    while (begin > 0 && begin > number - warmUp && !this.#done.has(begin - 1)) begin -= 1;
    let state = this.#done.get(begin - 1)?.after ?? null;
    let made: Float64Array = new Float64Array(0);
    for (let at = begin; at <= number; at += 1) {
      made = valuesOf(stream, lead, stream.start(at) * lead.samples, stream.start(at + 1) * lead.samples);
      state = filtered(made, this.#coefficients, state);
      this.#done.set(at, { values: made, after: state });
    }
    for (const old of this.#done.keys()) {
      if (this.#done.size <= KEPT) break;
      this.#done.delete(old);
    }
    return made;
  }
}
