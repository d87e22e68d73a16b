// What the page holds of one encounter. It outlives peer connections: a new generation finds it as it was.
import { signal } from "@preact/signals";
import type { Event, Reading, Situation, Still } from "../protocol/types";
import { readChunk, type Chunk, type Part } from "./chunk";
import { StillBytes } from "./still";
import { StreamSamples } from "./waveform";

export type StillState = "asleep" | "coming" | "whole" | "damaged";

/** A still as the page shows it; `picture` is there once its hash was right. */
export interface StillView {
  readonly still: Still;
  readonly state: StillState;
  readonly have: number;
  readonly picture: Uint8Array<ArrayBuffer> | null;
}

/** A reading with the moment its event came in, `performance.now()` of the page. */
export interface ReadingView {
  readonly reading: Reading;
  readonly cameAt: number;
}

export class EncounterRecord {
  readonly situation = signal<Situation | null>(null);
  readonly readings = signal<readonly ReadingView[]>([]);
  readonly streams = signal<readonly StreamSamples[]>([]);
  readonly stills = signal<readonly StillView[]>([]);
  /** Grows with each chunk: what draws looks again. */
  readonly chunks = signal(0);
  readonly #coming = new Map<string, StillBytes>();
  /** Chunks that came before the event that describes their stream. */
  readonly #early: Chunk[] = [];
  #through = 0;

  constructor(readonly encounterId: string) {}

  /** Every event through this one is held. */
  get eventsThrough(): number {
    return this.#through;
  }

  /** Takes an event: `new`, `known`, or `hole` when one before it is missing. */
  apply(event: Event, cameAt: number): "new" | "known" | "hole" {
    if (event.seq <= this.#through) return "known";
    if (event.seq !== this.#through + 1) return "hole";
    this.#through = event.seq;
    const { body } = event;
    switch (body.type) {
      case "reading":
        this.readings.value = [...this.readings.value, { reading: body.reading, cameAt }];
        break;
      case "waveform_started": {
        const stream = new StreamSamples(body.waveform);
        this.streams.value = [...this.streams.value, stream];
        for (const chunk of this.#early.splice(0)) this.chunk(chunk, cameAt);
        break;
      }
      case "waveform_stopped":
        this.stream(body.end.stream_id)?.stop(body.end.chunks, cameAt);
        this.chunks.value += 1;
        break;
      case "still":
        this.stills.value = [
          ...this.stills.value,
          { still: body.still, state: "asleep", have: 0, picture: null },
        ];
        break;
    }
    return "new";
  }

  stream(streamId: number): StreamSamples | undefined {
    return this.streams.value.find((stream) => stream.waveform.stream_id === streamId);
  }

  /** Takes a chunk from its bytes; throws `Malformed`. */
  chunkBytes(bytes: ArrayBuffer, now: number): void {
    this.chunk(readChunk(bytes), now);
  }

  chunk(chunk: Chunk, now: number): void {
    const stream = this.stream(chunk.streamId);
    if (stream === undefined) {
      // The reliable channel may bring the description a little later; ten seconds of chunks wait for it.
      if (this.#early.length < 100) this.#early.push(chunk);
      return;
    }
    if (stream.add(chunk, now)) this.chunks.value += 1;
  }

  /** The chunk count that the vehicle says. */
  head(streamId: number, chunks: number, now: number): void {
    this.stream(streamId)?.exists(chunks, now);
  }

  /** The doctor opens a still: the offset to ask from, or null when its bytes are here. */
  want(stillId: string): number | null {
    const view = this.stills.value.find((each) => each.still.still_id === stillId);
    if (view === undefined || view.state === "whole") return null;
    const bytes = this.#coming.get(stillId) ?? new StillBytes(view.still);
    this.#coming.set(stillId, bytes);
    this.#show(stillId, { state: "coming" });
    return bytes.have;
  }

  /** Stills under way: what to ask again over a new path. */
  wanted(): { stillId: string; offset: number }[] {
    return [...this.#coming].map(([stillId, bytes]) => ({ stillId, offset: bytes.have }));
  }

  /** Takes a part; the offset to ask from when it left a hole or the bytes were damaged, else null. */
  async part(part: Part): Promise<number | null> {
    const bytes = this.#coming.get(part.stillId);
    if (bytes === undefined) return null;
    if (!bytes.add(part)) return bytes.have;
    this.#show(part.stillId, { have: bytes.have });
    if (!bytes.whole) return null;
    const state = await bytes.check();
    if (state === "damaged") {
      this.#show(part.stillId, { state: "damaged", have: 0 });
      return 0;
    }
    this.#coming.delete(part.stillId);
    this.#show(part.stillId, { state: "whole", picture: bytes.bytes });
    return null;
  }

  #show(stillId: string, change: Partial<StillView>): void {
    this.stills.value = this.stills.value.map((view) =>
      view.still.still_id === stillId ? { ...view, ...change } : view,
    );
  }
}
