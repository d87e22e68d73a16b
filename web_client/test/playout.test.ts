import { describe, expect, test } from "vitest";
import { HELD_MOST_MS, Playout, VOICE_LATE_MS, wantedFor } from "../src/rtc/playout";

/** A connection whose voice waits `ms` in each of these seconds; the picture's targets. */
function targets(waits: readonly (number | null)[]): number[] {
  const playout = new Playout();
  let [delay, emitted] = [0, 0];
  const report = (): [string, unknown][] => [
    ["other", { type: "inbound-rtp", mid: "3", jitterBufferDelay: 1e6, jitterBufferEmittedCount: emitted }],
    ["sound", { type: "inbound-rtp", mid: "0", jitterBufferDelay: delay, jitterBufferEmittedCount: emitted }],
  ];
  playout.second(report(), "0");
  return waits.map((wait) => {
    if (wait !== null) [delay, emitted] = [delay + 48_000 * (wait / 1000), emitted + 48_000];
    return playout.second(report(), "0");
  });
}

describe("lips and voice", () => {
  test("on an even path the picture is not held back", () => {
    expect(new Set(targets([20, 45, 60, 45, 79, 60, 45]))).toEqual(new Set([0]));
  });

  test("the picture waits for what the voice is later than anybody would notice, and no longer", () => {
    expect(targets([180, 180, 180, 180, 180]).at(-1)).toBe(180 - VOICE_LATE_MS);
    expect(wantedFor(5000)).toBe(HELD_MOST_MS);
    expect(wantedFor(0)).toBe(0);
  });

  test("one bad second moves nothing, and the target falls only once the path has been even for ten", () => {
    expect(new Set(targets([40, 40, 400, 40, 40, 40]))).toEqual(new Set([0]));
    const seen = targets([...Array<number>(5).fill(180), ...Array<number>(20).fill(40)]);
    expect(seen[10]).toBe(100);
    expect(seen.at(-1)).toBe(0);
  });

  test("nothing heard, or a browser that does not say, changes nothing", () => {
    expect(targets([180, 180, 180, null, null]).at(-1)).toBe(100);
    expect(new Playout().second([["x", { type: "inbound-rtp", mid: "0" }], ["y", null]], "0")).toBe(0);
  });
});
