import { describe, expect, test } from "vitest";
import type { Waveform } from "../src/protocol/types";
import { readChunk } from "../src/state/chunk";
import { StreamSamples } from "../src/state/waveform";
import { chunkBytes } from "./wire_bytes";

const waveform = (leads = 1): Waveform => ({
  stream_id: 4,
  device: { device_id: "d", kind: "ecg", maker: "", model: "", serial: "", firmware: "", simulated: true },
  started_at: "2026-01-01T00:00:00Z",
  rate_hz: "100",
  scale: "0.01",
  unit: "mV",
  leads: Array.from({ length: leads }, (_, i) => 131329 + i),
  lead_units: [],
  lead_scales: [],
  lost_count: -(2 ** 31),
  reading_id: null,
});
const chunk = (number: number, samples: readonly number[] = [number, number, number], leads = 1) =>
  readChunk(chunkBytes({ streamId: 4, number, leads, samples }));

describe("stream", () => {
  test("puts chunks that came in any order into their order", () => {
    const stream = new StreamSamples(waveform());
    for (const number of [2, 0, 3, 1]) stream.add(chunk(number), 0);
    expect(stream.all()).toEqual([0, 0, 0, 1, 1, 1, 2, 2, 2, 3, 3, 3]);
    expect([stream.received, stream.missing, stream.late]).toEqual([4, 0, 2]);
  });

  test("counts a chunk once, and takes none of another shape", () => {
    const stream = new StreamSamples(waveform());
    expect(stream.add(chunk(0), 0)).toBe(true);
    expect(stream.add(chunk(0), 0)).toBe(false);
    expect(stream.add(chunk(1, [1, 2], 2), 0)).toBe(false);
    expect(stream.received).toBe(1);
  });

  test("asks for a gap after 300 ms, newest first, and again after 2 s", () => {
    const stream = new StreamSamples(waveform());
    stream.add(chunk(0), 0);
    stream.add(chunk(4), 0);
    stream.add(chunk(7), 0);
    expect(stream.ask(299)).toEqual([]);
    expect(stream.ask(300)).toEqual([
      { from: 5, to: 7 },
      { from: 1, to: 4 },
    ]);
    expect(stream.ask(2299)).toEqual([]);
    stream.add(chunk(2), 2299);
    expect(stream.ask(2300)).toEqual([
      { from: 5, to: 7 },
      { from: 3, to: 4 },
      { from: 1, to: 2 },
    ]);
  });

  test("a lost last chunk is known from the head, and from the end of the stream", () => {
    const stream = new StreamSamples(waveform());
    stream.add(chunk(0), 0);
    stream.exists(2, 10);
    expect(stream.ask(400)).toEqual([{ from: 1, to: 2 }]);
    stream.stop(3, 500);
    expect(stream.ask(900)).toEqual([{ from: 2, to: 3 }]);
    expect(stream.complete).toBe(false);
    stream.add(chunk(1), 950);
    stream.add(chunk(2), 950);
    expect(stream.complete).toBe(true);
    expect(stream.add(chunk(3), 960)).toBe(false);
  });

  test("over a new path asks at once for what was asked on the old one", () => {
    const stream = new StreamSamples(waveform());
    stream.exists(1, 0);
    expect(stream.ask(400)).toHaveLength(1);
    stream.forgetAsked();
    expect(stream.ask(500)).toHaveLength(1);
  });

  test("asks for a bounded number of chunks and of ranges at once", () => {
    const history = new StreamSamples(waveform());
    history.exists(5000, 0);
    const asked = history.ask(400).reduce((sum, range) => sum + range.to - range.from, 0);
    expect(asked).toBe(128);
    expect(history.ask(500)).toEqual([]);
    const holes = new StreamSamples(waveform());
    for (let number = 1; number < 200; number += 2) holes.add(chunk(number), 0);
    expect(holes.ask(400)).toHaveLength(24);
  });

  test("keeps the place of what is missing, also beside chunks of another length", () => {
    const stream = new StreamSamples(waveform());
    stream.add(chunk(0), 0);
    stream.add(chunk(2), 0);
    expect([stream.start(1), stream.start(2), stream.start(3)]).toEqual([3, 6, 9]);
    stream.add(chunk(1, [1, 1]), 0);
    expect([stream.start(1), stream.start(2), stream.start(3)]).toEqual([3, 5, 8]);
    expect([0, 2, 3, 4, 5, 7].map((index) => stream.at(index))).toEqual([0, 0, 1, 1, 2, 2]);
    expect(stream.seconds).toBeCloseTo(0.08);
  });
});
