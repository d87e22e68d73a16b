import { describe, expect, test } from "vitest";
import { OwnPicture, VOICE_BITS, VOICE_LEAST_BITS, WAIT_FIRST_MS, type SendingFigures } from "../src/state/own_picture";

const GOOD: SendingFigures = { available: 300_000, limited: false, lost: 0, roundTripMs: 80 };
const NO_ROOM: SendingFigures = { ...GOOD, available: 25_000, limited: true };
const LOSSY: SendingFigures = { ...GOOD, lost: 0.3 };
const LATE: SendingFigures = { ...GOOD, roundTripMs: 900 };

/** Seconds of the same figures, one decision each; the states after each. */
class Run {
  readonly own = new OwnPicture();
  now = 0;
  seconds(count: number, figures: SendingFigures | ((state: string) => SendingFigures), reached = true): string[] {
    return Array.from({ length: count }, () => {
      this.now += 1000;
      const given = typeof figures === "function" ? figures(this.own.state) : figures;
      return this.own.decide(given, reached, this.now);
    });
  }
  /** Seconds until the picture is sent again. */
  until(figures: SendingFigures): number {
    const from = this.now;
    while (this.own.state !== "sent" && this.now - from < 1_000_000) this.seconds(1, figures);
    return (this.now - from) / 1000;
  }
}

describe("the doctor's picture", () => {
  test("is sent while nothing speaks against it", () => {
    expect(new Set(new Run().seconds(600, GOOD))).toEqual(new Set(["sent"]));
  });

  test("one bad second is no reason", () => {
    const run = new Run();
    const states = Array.from({ length: 40 }, (_, n) => run.seconds(1, n % 3 === 0 ? LOSSY : GOOD)[0]);
    expect(new Set(states)).toEqual(new Set(["sent"]));
  });

  test.each([["room", NO_ROOM], ["loss", LOSSY], ["delay", LATE]])("a downlink too thin by %s pauses it, and the voice takes less", (_, bad) => {
    const run = new Run();
    run.seconds(10, GOOD);
    expect(run.seconds(3, bad)).toEqual(["sent", "sent", "sent"]);
    expect(run.seconds(1, bad)).toEqual(["thin"]);
    expect(run.own.sending).toEqual({ picture: false, voiceBits: VOICE_LEAST_BITS });
  });

  test("a low estimate of an encoder that wants no more is no thin link", () => {
    expect(new Set(new Run().seconds(60, { ...NO_ROOM, limited: false }))).toEqual(new Set(["sent"]));
  });

  test("each try in vain doubles the wait, up to two minutes; a picture that holds begins anew", () => {
    const run = new Run();
    const waits: number[] = [];
    for (let n = 0; n < 7; n += 1) {
      run.seconds(4, NO_ROOM);
      waits.push(run.until(GOOD));
    }
    expect(waits).toEqual([8, 16, 32, 64, 120, 120, 120]);
    run.seconds(31, GOOD);
    run.seconds(4, NO_ROOM);
    expect(run.until(GOOD)).toBe(WAIT_FIRST_MS / 1000);
  });

  test("while the voice still suffers the picture is not tried", () => {
    const run = new Run();
    run.seconds(4, NO_ROOM);
    expect(new Set(run.seconds(60, LOSSY))).toEqual(new Set(["thin"]));
    expect(run.until(GOOD)).toBe(1);
  });

  test.each([["loss", LOSSY], ["delay", LATE]])("%s that stays without the picture was not its doing: it comes back, and is let be", (_, bad) => {
    const run = new Run();
    run.seconds(10, GOOD);
    run.seconds(4, bad);
    expect(run.until(bad)).toBe(5);
    expect(new Set(run.seconds(40, bad))).toEqual(new Set(["sent"]));
  });

  test("a delay that is the path's own is no queue: 600 ms from the start are sent over", () => {
    expect(new Set(new Run().seconds(120, { ...GOOD, roundTripMs: 650 }))).toEqual(new Set(["sent"]));
  });

  test("an outage stops it at once, and its end brings it back at once", () => {
    const run = new Run();
    run.seconds(5, GOOD);
    expect(run.seconds(2, GOOD, false)).toEqual(["outage", "outage"]);
    expect(run.own.sending).toEqual({ picture: false, voiceBits: VOICE_BITS });
    expect(run.seconds(2, GOOD)).toEqual(["sent", "sent"]);
  });

  test("an outage while the link is thin leaves it thin", () => {
    const run = new Run();
    run.seconds(4, NO_ROOM);
    expect(run.seconds(3, GOOD, false)).toEqual(["thin", "thin", "thin"]);
  });

  test("figures that are not there decide nothing", () => {
    const nothing: SendingFigures = { available: null, limited: true, lost: null, roundTripMs: null };
    expect(new Set(new Run().seconds(60, nothing))).toEqual(new Set(["sent"]));
  });
});
