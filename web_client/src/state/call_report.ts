// How one call goes, over all its peer connections: what the vehicle says of it, what this page measures, and since when
// something is wrong. The screen reads it; nothing here decides what the call does.
import { signal } from "@preact/signals";
import type { CallQuality, Reception } from "../protocol/types";
import type { CallFigures } from "./call_statistics";
import { OwnPicture, type OwnPictureState, type Sending } from "./own_picture";

/** The vehicle says it each second; what is older than this is no longer how the call goes. */
const STALE_MS = 4000;

/** What the other end could not do with what this page asked. */
export interface ChannelNotice {
  readonly code: string;
  /** The tag of the message it answers, empty where it is none. */
  readonly about: string;
}

export class CallReport {
  readonly quality = signal<CallQuality | null>(null);
  readonly figures = signal<CallFigures | null>(null);
  readonly ownPicture = signal<OwnPictureState>("sent");
  /** Milliseconds since the epoch: the vehicle was last heard then, and is not now. */
  readonly silentSince = signal<number | null>(null);
  /** Milliseconds since the epoch: the room's picture stands still since then. */
  readonly pausedSince = signal<number | null>(null);
  readonly problem = signal<ChannelNotice | null>(null);
  readonly #own = new OwnPicture();
  #toldAt = -Infinity;

  get sending(): Sending {
    return this.#own.sending;
  }

  told(quality: CallQuality, now: number): void {
    this.quality.value = quality;
    this.#toldAt = now;
  }

  /** One second of statistics; what the vehicle is to be told of it. */
  second(figures: CallFigures, reached: boolean, now: number): Reception {
    this.figures.value = figures;
    this.ownPicture.value = this.#own.decide(figures.own, reached, now);
    return {
      frames_per_second: Math.min(240, figures.framesPerSecond),
      freezes: figures.freezes,
      frozen_ms: figures.frozenMs,
      voice_concealed_percent: Math.round(figures.voiceConcealedPercent * 10) / 10,
      round_trip_ms: figures.roundTripMs === null ? null : Math.min(600_000, figures.roundTripMs),
      own_picture: this.ownPicture.value !== "thin",
    };
  }

  /** Twice a second: `silence` since the vehicle was heard when that is too long, `paused` by the vehicle. */
  watch(now: number, clock: number, silence: number | null, paused: boolean): void {
    if (this.quality.value !== null && now - this.#toldAt > STALE_MS) this.quality.value = null;
    if (silence === null) this.silentSince.value = null;
    else this.silentSince.value ??= clock - silence;
    if (!paused) this.pausedSince.value = null;
    else this.pausedSince.value ??= clock;
  }

  ended(): void {
    this.quality.value = null;
    this.figures.value = null;
    this.silentSince.value = null;
    this.pausedSince.value = null;
  }
}
