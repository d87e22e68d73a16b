// The data channels of one generation, seen from the doctor's page (protocol.channels): fills the record,
// acknowledges what is on the screen, asks for what is missing, beats.
import { CHANNEL_MESSAGE_BYTES } from "../protocol/constants";
import type { CallQuality, ControlToDoctor, ControlToVehicle } from "../protocol/types";
import type { ChannelNotice } from "./call_report";
import { kindOf, Malformed, readPart } from "./chunk";
import type { EncounterRecord } from "./doctor_record";
import { run, Scope } from "./scope";

const BEAT_MS = 1000;
/** How often gaps are looked at: a third of what a late chunk is given. */
const GAPS_MS = 100;
/** A damaged still is asked for again this often at most, then it waits for the doctor. */
const DAMAGED_TRIES = 2;
/** Parts under way behind a hole each show it: it is asked for once. */
const ASK_STILL_MS = 1000;
/** A still of which nothing came for that long is asked for again where it stands. */
const STILL_STALLED_MS = 5000;

export interface ChannelsWorld {
  /** Sends on `control`; false when the channel is not open. */
  send(message: ControlToVehicle): boolean;
  /** Resolves once what changed stands on the screen. */
  shown(): Promise<void>;
  /** Monotonic milliseconds. */
  now(): number;
  /** How the vehicle says the call goes. */
  quality(quality: CallQuality): void;
  /** What the vehicle could not do with something this page said. */
  problem(notice: ChannelNotice): void;
}

export class DoctorChannels {
  /** When anything came last: a path without beats is interrupted. */
  #heard: number;
  #echo: number | null = null;
  #acknowledged = 0;
  #damaged = new Map<string, number>();
  #askedAt = new Map<string, number>();
  #partAt = new Map<string, number>();
  #parts: Promise<void> = Promise.resolve();

  constructor(
    readonly scope: Scope,
    readonly record: EncounterRecord,
    readonly world: ChannelsWorld,
  ) {
    this.#heard = world.now();
  }

  /** Milliseconds since the vehicle was heard. */
  silence(): number {
    return this.world.now() - this.#heard;
  }

  /** The vehicle was heard otherwise: its sound or its picture came. */
  heard(): void {
    this.#heard = this.world.now();
  }

  /** `control` opened: says what the page holds, and asks again for what was under way. */
  opened(): void {
    const { record, world } = this;
    this.#heard = world.now();
    this.#acknowledged = record.eventsThrough;
    world.send({ type: "resume", encounter_id: record.encounterId, events_through: record.eventsThrough });
    for (const stream of record.streams.value) stream.forgetAsked();
    for (const { stillId, offset } of record.wanted()) this.#askStill(stillId, offset);
    this.scope.every(BEAT_MS, () => this.#beat());
    this.scope.every(GAPS_MS, () => this.#askMissing());
    this.#beat();
  }

  control(data: unknown): void {
    if (typeof data !== "string" || data.length > CHANNEL_MESSAGE_BYTES) {
      this.#refuse("channel.message");
      return;
    }
    try {
      this.#take(JSON.parse(data) as ControlToDoctor);
    } catch {
      // No JSON, or without what its type says it has: the vehicle's software is another one, or not its own any more.
      this.#refuse("channel.message");
    }
  }

  #take(message: ControlToDoctor): void {
    // One of a type that is not known here comes from a newer vehicle and is passed over.
    if (typeof (message as { type?: unknown } | null)?.type !== "string") throw new Malformed("without a type");
    const now = this.world.now();
    this.#heard = now;
    switch (message.type) {
      case "event":
        this.#event(message.event);
        break;
      case "situation":
        if (message.encounter.encounter_id === this.record.encounterId) this.record.situation.value = message;
        break;
      case "waveform_head":
        this.record.head(message.stream_id, message.chunks, now);
        break;
      case "beat":
        this.#echo = message.sent;
        break;
      case "quality":
        this.world.quality(message.quality);
        break;
      case "problem":
        this.world.problem({ code: message.code, about: message.about });
        break;
    }
  }

  binary(data: ArrayBuffer): void {
    const now = this.world.now();
    this.#heard = now;
    try {
      switch (kindOf(data)) {
        case "chunk":
          this.record.chunkBytes(data, now);
          break;
        case "part":
          this.#part(data, now);
          break;
        case "unknown":
          throw new Malformed("neither chunk nor part");
      }
    } catch (error) {
      if (!(error instanceof Malformed)) throw error;
      this.#refuse("channel.binary");
    }
  }

  /** The doctor opens a still. */
  open(stillId: string): void {
    const offset = this.record.want(stillId);
    if (offset !== null) this.#askStill(stillId, offset);
  }

  ask(requestId: string, instrumentId: string, words: string): boolean {
    return this.world.send({ type: "request", request_id: requestId, instrument_id: instrumentId, words });
  }

  withdraw(requestId: string): boolean {
    return this.world.send({ type: "withdraw", request_id: requestId });
  }

  /** Wants this examination camera as the live picture, with the room's small beside it or not; null: the room again. */
  show(instrumentId: string | null, beside: boolean): boolean {
    return this.world.send({ type: "camera_wanted", instrument_id: instrumentId, beside });
  }

  /** Wants this stethoscope's sound; null: silence again. */
  listen(instrumentId: string | null): boolean {
    return this.world.send({ type: "listen_wanted", instrument_id: instrumentId });
  }

  #event(event: Extract<ControlToDoctor, { type: "event" }>["event"]): void {
    if (event.encounter_id !== this.record.encounterId) {
      // I2: what belongs to another patient is not shown in this one's file.
      this.#refuse("event.encounter");
      return;
    }
    const outcome = this.record.apply(event, this.world.now());
    if (outcome === "hole") {
      const through = this.record.eventsThrough;
      this.world.send({ type: "resume", encounter_id: this.record.encounterId, events_through: through });
      return;
    }
    run(this.#acknowledge(), () => this.#refuse("event.not_shown"));
  }

  async #acknowledge(): Promise<void> {
    const through = this.record.eventsThrough;
    await this.world.shown();
    if (through < this.#acknowledged || this.scope.ended) return;
    this.#acknowledged = through;
    this.world.send({ type: "ack", encounter_id: this.record.encounterId, seq: through });
  }

  #part(data: ArrayBuffer, now: number): void {
    const part = readPart(data);
    this.#partAt.set(part.stillId, now);
    // One after the other: the hash of the whole is awaited before anything else of that still is looked at.
    this.#parts = this.#parts.then(async () => {
      const from = await this.record.part(part);
      if (from === null) return;
      const tries = this.#damaged.get(part.stillId) ?? 0;
      if (from === 0) this.#damaged.set(part.stillId, tries + 1);
      if (tries < DAMAGED_TRIES) this.#askStill(part.stillId, from);
    });
    run(this.#parts, () => this.#refuse("channel.binary"));
  }

  #askStill(stillId: string, offset: number): void {
    const now = this.world.now();
    if (now - (this.#askedAt.get(stillId) ?? -Infinity) < ASK_STILL_MS) return;
    this.#askedAt.set(stillId, now);
    this.#partAt.set(stillId, now);
    this.world.send({ type: "still_wanted", still_id: stillId, offset });
  }

  #askMissing(): void {
    const now = this.world.now();
    for (const stream of this.record.streams.value) {
      for (const { from, to } of stream.ask(now)) {
        this.world.send({
          type: "chunks_wanted",
          stream_id: stream.waveform.stream_id,
          from_number: from,
          to_number: to,
        });
      }
    }
    for (const { stillId, offset } of this.record.wanted()) {
      const stalled = now - (this.#partAt.get(stillId) ?? now) > STILL_STALLED_MS;
      if (stalled && (this.#damaged.get(stillId) ?? 0) <= DAMAGED_TRIES) this.#askStill(stillId, offset);
    }
  }

  #beat(): void {
    this.world.send({ type: "beat", sent: this.world.now() / 1000, echo: this.#echo });
  }

  #refuse(code: string): void {
    this.world.send({ type: "problem", code, about: "" });
  }
}
