// How long the picture is held back so that lips and voice stay together. Pure: the browser's own figures in, a
// target in milliseconds out (W3C WebRTC Extensions, jitterBufferTarget).
//
// The room's sound and picture are streams of their own, so the browser does not play them in step: the picture is
// asked for as soon as it can be shown, the voice waits in its jitter buffer. Before they arrive they are about as old
// as each other: capture, encoding and forwarding of the voice (10 + 20 + 20 ms) against camera, encoding and the
// time a picture takes to be sent. What is left is what the voice waits here.
//
// The voice itself is never held back: a doctor and a nurse who talk need it early more than in step.

/** A voice later than its lips is noticed from 125 ms on (ITU-R BT.1359-1, detectability); a margin below it for the
 * camera's and the loudspeaker's own delays, which no figure shows. */
export const VOICE_LATE_MS = 80;
/** Beyond it a doctor's questions are answered late: lips matter less than that. */
export const HELD_MOST_MS = 200;
/** A target that follows every figure would make the picture stutter. */
const STEP_MS = 20;
/** One burst of late packets is over within it. */
const MEDIAN_OF = 5;
/** A path that was uneven is trusted again after this many seconds. */
const KEPT_SECONDS = 10;

type Report = Iterable<readonly [string, unknown]>;

interface Counters {
  readonly delay: number;
  readonly emitted: number;
}

export class Playout {
  #before: Counters | null = null;
  #waits: number[] = [];
  #wanted: number[] = [];

  /** Takes one second of statistics; `sound` is the `mid` of the room's sound. The target for the room's picture. */
  second(report: Report, sound: string): number {
    const now = countersOf(report, sound);
    const before = this.#before;
    this.#before = now;
    if (now !== null && before !== null && now.emitted > before.emitted) {
      // jitterBufferDelay: seconds, summed over the samples that left the buffer.
      const wait = ((now.delay - before.delay) / (now.emitted - before.emitted)) * 1000;
      this.#waits = [...this.#waits, wait].slice(-MEDIAN_OF);
      this.#wanted = [...this.#wanted, wantedFor(median(this.#waits))].slice(-KEPT_SECONDS);
    }
    return Math.max(0, ...this.#wanted);
  }
}

/** The target of a picture whose voice waits so long. */
export function wantedFor(voiceWaitMs: number): number {
  const late = Math.round((voiceWaitMs - VOICE_LATE_MS) / STEP_MS) * STEP_MS;
  return Math.min(HELD_MOST_MS, Math.max(0, late));
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor((values.length - 1) / 2)] ?? 0;
}

function countersOf(report: Report, sound: string): Counters | null {
  for (const [, member] of report) {
    if (typeof member !== "object" || member === null) continue;
    const { type, mid, jitterBufferDelay: delay, jitterBufferEmittedCount: emitted } = member as Record<string, unknown>;
    if (type === "inbound-rtp" && mid === sound && typeof delay === "number" && typeof emitted === "number") {
      return { delay, emitted };
    }
  }
  return null;
}
