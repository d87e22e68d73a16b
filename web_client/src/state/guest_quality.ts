// How the guest hears and sees the bus, from what the browser counts once a second. Pure.

/** Counters of one moment (W3C WebRTC statistics, inbound-rtp of the connection with the vehicle). */
export interface Counted {
  /** Monotonic milliseconds. */
  readonly at: number;
  readonly framesDecoded: number;
  readonly audioPackets: number;
  readonly audioSamples: number;
  readonly audioConcealed: number;
}

/** What we read of an `inbound-rtp` entry. */
export interface Inbound {
  readonly type: string;
  readonly kind?: string;
  readonly framesDecoded?: number;
  readonly packetsReceived?: number;
  readonly totalSamplesReceived?: number;
  readonly concealedSamples?: number;
  readonly silentConcealedSamples?: number;
}

/** The counters of one report. */
export function counted(report: Iterable<Inbound>, at: number): Counted {
  let found: Counted = { at, framesDecoded: 0, audioPackets: 0, audioSamples: 0, audioConcealed: 0 };
  for (const each of report) {
    if (each.type !== "inbound-rtp") continue;
    if (each.kind === "video") found = { ...found, framesDecoded: each.framesDecoded ?? 0 };
    else {
      found = {
        ...found,
        audioPackets: each.packetsReceived ?? 0,
        audioSamples: each.totalSamplesReceived ?? 0,
        // Silence that the sender leaves out (DTX) is made up as well, and nobody misses it.
        audioConcealed: (each.concealedSamples ?? 0) - (each.silentConcealedSamples ?? 0),
      };
    }
  }
  return found;
}

export type GuestQuality = "good" | "picture_reduced" | "picture_paused" | "voice_poor" | "nothing";

/** The bus sends a face at 5 images a second where there is room for no more: below, movement cannot be read. */
const FEW_FRAMES = 8;
/** Past this share of made-up sound, words are lost. */
const CONCEALED = 0.08;
/** A pause between two keyframes on a thin link is shorter. */
const STILL_MS = 3000;
/** One second may be odd; two in a row are a state. */
const SECONDS_TO_CHANGE = 2;

/** Follows the counters second by second and says a state once it holds. */
export class QualityWatch {
  #before: Counted | null = null;
  #pictureAt: number | null = null;
  #anythingAt: number | null = null;
  #said: GuestQuality = "good";
  #other: GuestQuality | null = null;
  #times = 0;

  /** The state in words' place; null until two moments were seen. */
  look(now: Counted): GuestQuality | null {
    const before = this.#before;
    this.#before = now;
    // A new connection counts from nothing.
    if (before === null || now.audioPackets < before.audioPackets || now.framesDecoded < before.framesDecoded) {
      this.#pictureAt = this.#anythingAt = now.at;
      return before === null ? null : this.#said;
    }
    if (now.framesDecoded > before.framesDecoded) this.#pictureAt = this.#anythingAt = now.at;
    if (now.audioPackets > before.audioPackets) this.#anythingAt = now.at;
    const judged = this.#judge(before, now);
    if (judged === this.#said) {
      this.#other = null;
      return judged;
    }
    this.#times = judged === this.#other ? this.#times + 1 : 1;
    this.#other = judged;
    if (this.#times >= SECONDS_TO_CHANGE) this.#said = judged;
    return this.#said;
  }

  #judge(before: Counted, now: Counted): GuestQuality {
    if (now.at - (this.#anythingAt ?? now.at) >= STILL_MS) return "nothing";
    const samples = now.audioSamples - before.audioSamples;
    const concealed = now.audioConcealed - before.audioConcealed;
    if (samples > 0 && concealed / samples > CONCEALED) return "voice_poor";
    if (now.at - (this.#pictureAt ?? now.at) >= STILL_MS) return "picture_paused";
    const seconds = (now.at - before.at) / 1000;
    if (seconds > 0 && (now.framesDecoded - before.framesDecoded) / seconds < FEW_FRAMES) return "picture_reduced";
    return "good";
  }
}
