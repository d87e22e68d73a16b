// One stream of samples as its chunks come in: in any order, some late, some asked for again. Pure but for `now`.
import type { Waveform } from "../protocol/types";
import type { Chunk } from "./chunk";
import { leadsOf, type Lead } from "./leads";

/** A chunk that is late by less than this may still be under way on the unordered channel. */
const LATE_MS = 300;
/** A lost request or answer is asked for again after this. */
const ASK_AGAIN_MS = 2000;
/** Chunks under way on `bulk` at once: 13 s of ECG, about 25 KiB, so that stills get their turn. */
const UNDER_WAY = 128;
/** Gaps asked for in one go: the vehicle keeps 64 for all streams. */
const RANGES = 24;
/** No stream is longer: three hours in chunks of 0.1 s. Past it chunks are left out. */
const CHUNKS_MAX = 108_000;

/** Chunks [from, to) that are to be asked for. */
export interface Range {
  from: number;
  to: number;
}

export class StreamSamples {
  readonly #chunks: (Chunk | undefined)[] = [];
  readonly #missing = new Map<number, { since: number; asked: number | null }>();
  /** Columns of a frame: the entries of `leads`, repeated ones too. */
  readonly columns: number;
  readonly leads: readonly Lead[];
  readonly #lateOnes: number[] = [];
  readonly #starts: number[] = [0];
  #nominal = 0;
  #received = 0;
  #end: number | null = null;

  constructor(readonly waveform: Waveform) {
    this.columns = waveform.leads.length;
    this.leads = leadsOf(waveform);
  }

  /** Chunks received, each counted once. */
  get received(): number {
    return this.#received;
  }

  /** Chunks that came after a later one: what is drawn already has to be drawn again. */
  get late(): number {
    return this.#lateOnes.length;
  }

  /** The numbers of the late chunks after the first `known` ones. */
  lateSince(known: number): readonly number[] {
    return this.#lateOnes.slice(known);
  }

  /** Frames per second. */
  get rate(): number {
    return Number(this.waveform.rate_hz);
  }

  /** One past the highest chunk known to exist. */
  get head(): number {
    return this.#chunks.length;
  }

  /** Chunks known to exist and not here. */
  get missing(): number {
    return this.#missing.size;
  }

  /** The stream's number of chunks once it stopped; null while it runs. */
  get end(): number | null {
    return this.#end;
  }

  get complete(): boolean {
    return this.#end !== null && this.#received === this.#end;
  }

  /** Adds a chunk; false when it is a duplicate or does not fit this stream. */
  add(chunk: Chunk, now: number): boolean {
    if (chunk.leads !== this.columns || chunk.number >= CHUNKS_MAX) return false;
    if (this.#end !== null && chunk.number >= this.#end) return false;
    if (this.#chunks[chunk.number] !== undefined) return false;
    if (chunk.number < this.#chunks.length) this.#lateOnes.push(chunk.number);
    this.exists(chunk.number + 1, now);
    this.#chunks[chunk.number] = chunk;
    this.#missing.delete(chunk.number);
    this.#received += 1;
    const length = chunk.samples.length / chunk.leads;
    if (this.#nominal === 0) {
      this.#nominal = length;
      this.#starts.length = 1;
    } else if (length !== this.#nominal) this.#starts.length = Math.min(this.#starts.length, chunk.number + 1);
    return true;
  }

  /** Frame with which a chunk begins. A chunk that is missing counts as long as the first one was. */
  start(number: number): number {
    for (let known = this.#starts.length; known <= number; known += 1) {
      const before = this.#chunks[known - 1];
      const length = before === undefined ? this.#nominal : before.samples.length / before.leads;
      this.#starts.push((this.#starts[known - 1] ?? 0) + length);
    }
    return this.#starts[number] ?? 0;
  }

  /** The chunk that holds this frame, or would. */
  at(index: number): number {
    let [low, high] = [0, this.head];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.start(middle + 1) <= index) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** Seconds of the stream known to exist. */
  get seconds(): number {
    return this.start(this.head) / this.rate;
  }

  /** The vehicle says that this many chunks exist. */
  exists(count: number, now: number): void {
    const known = Math.min(count, CHUNKS_MAX);
    while (this.#chunks.length < known) {
      this.#missing.set(this.#chunks.length, { since: now, asked: null });
      this.#chunks.push(undefined);
    }
  }

  /** The stream stopped after `count` chunks. */
  stop(count: number, now: number): void {
    this.exists(count, now);
    this.#end = Math.min(count, CHUNKS_MAX);
  }

  /** A new path: what was asked on the old one is asked again at once. */
  forgetAsked(): void {
    for (const wanted of this.#missing.values()) wanted.asked = null;
  }

  /** The ranges to ask for now, newest first, and remembers that they are. */
  ask(now: number): Range[] {
    let room = UNDER_WAY;
    const due: number[] = [];
    for (const [number, wanted] of this.#missing) {
      if (wanted.asked !== null && now - wanted.asked < ASK_AGAIN_MS) room -= 1;
      else if (now - wanted.since >= LATE_MS) due.push(number);
    }
    const chosen = due.sort((a, b) => b - a).slice(0, Math.max(0, room));
    const ranges: Range[] = [];
    for (const number of chosen) {
      const last = ranges.at(-1);
      if (last !== undefined && last.from === number + 1) last.from = number;
      else if (ranges.length < RANGES) ranges.push({ from: number, to: number + 1 });
      else break;
      const wanted = this.#missing.get(number);
      if (wanted !== undefined) wanted.asked = now;
    }
    return ranges;
  }

  /** A chunk that is here, else undefined. */
  chunk(number: number): Chunk | undefined {
    return this.#chunks[number];
  }

  /** All samples received, in order, interleaved by lead; what is missing is left out. */
  all(): number[] {
    const samples: number[] = [];
    for (const chunk of this.#chunks) if (chunk !== undefined) samples.push(...chunk.samples);
    return samples;
  }
}
