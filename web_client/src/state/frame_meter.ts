// How evenly a drawing runs: time from frame to frame, and what each frame's own work took. Pure.

/** Two minutes at 60 frames a second. */
const KEPT = 7200;

export interface FrameReport {
  readonly frames: number;
  /** From the first to the last of them, in seconds. */
  readonly seconds: number;
  readonly per_second: number;
  readonly interval_ms: Spread;
  /** The drawing's own work a frame. */
  readonly work_ms: Spread;
  /** Frames that came later than one and a half of the median interval. */
  readonly late: number;
}

export interface Spread {
  readonly p50: number;
  readonly p95: number;
  readonly p99: number;
  readonly max: number;
}

export class FrameMeter {
  readonly #at = new Float64Array(KEPT);
  readonly #work = new Float64Array(KEPT);
  #count = 0;

  /** A frame began at `at` and its drawing took `work`; monotonic milliseconds. */
  add(at: number, work: number): void {
    this.#at[this.#count % KEPT] = at;
    this.#work[this.#count % KEPT] = work;
    this.#count += 1;
  }

  /** Of the frames since a moment; null when there were fewer than two. */
  report(since = -Infinity): FrameReport | null {
    const at: number[] = [];
    const work: number[] = [];
    for (let n = Math.max(0, this.#count - KEPT); n < this.#count; n += 1) {
      const moment = this.#at[n % KEPT] ?? 0;
      if (moment < since) continue;
      at.push(moment);
      work.push(this.#work[n % KEPT] ?? 0);
    }
    const first = at[0];
    const last = at.at(-1);
    if (first === undefined || last === undefined || last <= first) return null;
    const intervals = at.slice(1).map((moment, n) => moment - (at[n] ?? moment));
    const seconds = (last - first) / 1000;
    const interval_ms = spread(intervals);
    return {
      frames: at.length,
      seconds,
      per_second: intervals.length / seconds,
      interval_ms,
      work_ms: spread(work),
      late: intervals.filter((each) => each > 1.5 * interval_ms.p50).length,
    };
  }
}

function spread(values: readonly number[]): Spread {
  const sorted = [...values].sort((a, b) => a - b);
  const at = (share: number) => sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? 0;
  return { p50: at(0.5), p95: at(0.95), p99: at(0.99), max: sorted.at(-1) ?? 0 };
}
