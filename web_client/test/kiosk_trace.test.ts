import { describe, expect, it } from "vitest";
import type { Waveform } from "../src/protocol/types";
import type { Chunk } from "../src/state/chunk";
import { LiveTrace, SLOW_TRACE_SECONDS, TRACE_SECONDS } from "../src/state/kiosk_trace";

const WAVEFORM: Waveform = {
  stream_id: 7, started_at: "", rate_hz: "20", scale: "2.5", unit: "uV", leads: [1, 2], lead_units: [], lead_scales: [], reading_id: null, lost_count: -(2 ** 31),
  device: { device_id: "ecg", kind: "ecg", maker: "", model: "", serial: "", firmware: "", simulated: true },
};
const SIZE = TRACE_SECONDS * 20;

function chunk(number: number, first: number[], streamId = 7): Chunk {
  const samples = Int32Array.from(first.flatMap((sample) => [sample, -999]));
  return { streamId, number, firstAt: 0, leads: 2, samples, again: false };
}

describe("the small live trace", () => {
  it("keeps the newest seconds of the first lead, in the unit of the stream", () => {
    const trace = new LiveTrace(WAVEFORM);
    trace.add(chunk(0, [1, 2]));
    trace.add(chunk(1, [3, 4]));
    expect([...trace.samples.slice(0, 4)]).toEqual([2.5, 5, 7.5, 10]);
    expect(trace.samples).toHaveLength(SIZE);
    expect(trace.range()).toEqual([2.5, 10]);
  });

  it("is of lead II where there are twelve leads", () => {
    const trace = new LiveTrace({ ...WAVEFORM, leads: [131329, 131330] });
    trace.add(chunk(0, [1, 1]));
    expect(trace.samples[0]).toBe(-999 * 2.5);
  });

  it("is minutes of a fetal heart's rate, whose code stands once for each value of a frame", () => {
    const trace = new LiveTrace({ ...WAVEFORM, rate_hz: "1", leads: [5, 5, 5, 5, 6], lead_scales: ["1", "1", "1", "1", "0.5"] });
    trace.add({ streamId: 7, number: 1, firstAt: 0, leads: 5, samples: Int32Array.from([140, 141, 142, 143, 9]), again: false });
    expect(trace.samples).toHaveLength(SLOW_TRACE_SECONDS * 4);
    expect([...trace.samples.slice(4, 9)]).toEqual([140, 141, 142, 143, Number.NaN]);
  });

  it("draws a lost chunk as a gap and fills it when it comes late", () => {
    const trace = new LiveTrace(WAVEFORM);
    trace.add(chunk(0, [1, 1]));
    trace.add(chunk(2, [3, 3]));
    expect([...trace.samples.slice(2, 4)]).toEqual([Number.NaN, Number.NaN]);
    trace.add(chunk(1, [2, 2]));
    expect([...trace.samples.slice(2, 4)]).toEqual([5, 5]);
    expect(trace.head).toBe(6);
  });

  it("makes no number of a sample that the device lost", () => {
    const trace = new LiveTrace(WAVEFORM);
    trace.add(chunk(0, [-(2 ** 31), -(2 ** 31)]));
    expect(trace.any).toBe(false);
    expect(trace.range()).toBeNull();
  });

  it("shows nothing of the last sweep where a long gap passed over it", () => {
    const trace = new LiveTrace(WAVEFORM);
    for (let number = 0; number < SIZE / 2; number += 1) trace.add(chunk(number, [9, 9]));
    trace.add(chunk(SIZE * 3, [1, 1]));
    expect([...trace.samples].filter((sample) => !Number.isNaN(sample))).toEqual([2.5, 2.5]);
  });

  it("leaves other streams and chunks older than the sweep out", () => {
    const trace = new LiveTrace(WAVEFORM);
    trace.add(chunk(0, [1, 1], 8));
    expect(trace.any).toBe(false);
    trace.add(chunk(SIZE, [1, 1]));
    trace.add(chunk(0, [7, 7]));
    expect([...trace.samples].filter((sample) => sample === 17.5)).toEqual([]);
  });
});
