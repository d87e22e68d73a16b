import { existsSync, readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import type { Waveform } from "../src/protocol/types";
import { firstSpan, nudged, readCalipers } from "../src/state/calipers";
import { bandOf, coefficients, filtered, FilteredLead } from "../src/state/display_filter";
import { PX_PER_MM, TWELVE, type Paper } from "../src/state/ecg_paper";
import { FrameMeter } from "../src/state/frame_meter";
import { gapsIn, leadsOf, valuesOf } from "../src/state/leads";
import { fromCard, readScale, UNKNOWN, written } from "../src/state/screen_scale";
import { arrived, foreignUnits, missingSeconds, movedPage, shownStream, traceState } from "../src/state/traces";
import { StreamSamples } from "../src/state/waveform";

const LOST = -(2 ** 31);
const waveform = (more: Partial<Waveform> = {}): Waveform => ({
  stream_id: 1,
  device: { device_id: "d", kind: "ecg", maker: "", model: "", serial: "", firmware: "", simulated: true },
  started_at: "2026-06-01T12:00:00Z", rate_hz: "10", scale: "2", unit: "uV", leads: [131329, 131330],
  lead_units: [], lead_scales: [], lost_count: LOST, reading_id: null, ...more,
});

function streamOf(chunks: Record<number, number[]>, more: Partial<Waveform> = {}): StreamSamples {
  const stream = new StreamSamples(waveform(more));
  for (const [number, samples] of Object.entries(chunks)) {
    stream.add({ streamId: 1, number: Number(number), firstAt: 0, leads: stream.columns, samples: Int32Array.from(samples), again: false }, 0);
  }
  return stream;
}
const list = (values: Float64Array): (number | null)[] => [...values].map((value) => (Number.isNaN(value) ? null : value));

describe("leads of a stream", () => {
  test("a code that stands n times in a row is one lead of n samples a frame", () => {
    const leads = leadsOf(waveform({ rate_hz: "1", leads: [...Array<number>(4).fill(192715), ...Array<number>(8).fill(192724)] }));
    expect(leads.map((lead) => [lead.code, lead.column, lead.samples, lead.rate])).toEqual([[192715, 0, 4, 4], [192724, 4, 8, 8]]);
  });

  test("leads have their own units and scales where the stream names them", () => {
    const leads = leadsOf(waveform({ lead_units: ["/min", "1"], lead_scales: ["0.5", "1"] }));
    expect(leads.map((lead) => [lead.unit, lead.scale])).toEqual([["/min", 0.5], ["1", 1]]);
    expect(leadsOf(waveform()).map((lead) => [lead.unit, lead.scale])).toEqual([["uV", 2], ["uV", 2]]);
  });

  test("values come out in order across chunks, and what is missing or lost is no number", () => {
    const stream = streamOf({ 0: [1, 10, 2, 20], 2: [5, 50, LOST, 60] });
    const [first, second] = stream.leads;
    if (first === undefined || second === undefined) throw new Error("two leads");
    expect(list(valuesOf(stream, first, 0, 6))).toEqual([2, 4, null, null, 10, null]);
    expect(list(valuesOf(stream, second, 1, 5))).toEqual([40, null, null, 100]);
    expect(gapsIn(valuesOf(stream, first, 0, 6))).toEqual([[2, 4], [5, 6]]);
  });

  test("a gap is filled by the chunk that arrives later, which is told as late", () => {
    const stream = streamOf({ 0: [1, 1], 2: [3, 3] }, { leads: [131330] });
    const [lead] = stream.leads;
    if (lead === undefined) throw new Error("one lead");
    expect(list(valuesOf(stream, lead, 0, 6))).toEqual([2, 2, null, null, 6, 6]);
    const known = stream.late;
    stream.add({ streamId: 1, number: 1, firstAt: 0, leads: 1, samples: Int32Array.from([2, 2]), again: true }, 5);
    expect(stream.lateSince(known)).toEqual([1]);
    expect(list(valuesOf(stream, lead, 0, 6))).toEqual([2, 2, 4, 4, 6, 6]);
  });

  test("samples of a repeated lead that straddle chunks keep their order", () => {
    const stream = streamOf({ 0: [1, 2, 9], 1: [3, 4, 8] }, { rate_hz: "1", scale: "1", leads: [7, 7, 8] });
    const [twice, once] = stream.leads;
    if (twice === undefined || once === undefined) throw new Error("two leads");
    expect(list(valuesOf(stream, twice, 1, 4))).toEqual([2, 3, 4]);
    expect(list(valuesOf(stream, once, 0, 2))).toEqual([9, 8]);
  });
});

describe("how a trace stands", () => {
  test("live, interrupted, stopped, and a recording that is coming or whole", () => {
    const live = streamOf({ 0: [1, 1] });
    expect([traceState(live, "connected"), traceState(live, "interrupted"), traceState(live, "ended")]).toEqual(["live", "waits", "stopped"]);
    const recorded = streamOf({ 0: [1, 1] }, { reading_id: "r" });
    recorded.stop(2, 0);
    expect([traceState(recorded, "connected"), arrived(recorded)]).toEqual(["arriving", 50]);
    recorded.add({ streamId: 1, number: 1, firstAt: 0, leads: 2, samples: Int32Array.from([1, 1]), again: true }, 1);
    expect([traceState(recorded, "connected"), arrived(recorded)]).toEqual(["recorded", 100]);
  });

  test("the newest stream is shown unless the doctor chose another", () => {
    const [a, b] = [streamOf({}), streamOf({}, { stream_id: 2 })];
    expect([shownStream([a, b], null), shownStream([a, b], 1), shownStream([a, b], 99), shownStream([], 1)]).toEqual([b, a, b, null]);
  });

  test("a few chunks under way are no gap; more are told in seconds", () => {
    const stream = streamOf({ 0: [1, 1], 3: [1, 1] });
    expect(missingSeconds(stream)).toBe(0);
    stream.exists(20, 0);
    expect(missingSeconds(stream)).toBeCloseTo(1.8);
  });

  test("a page never leaves the stream", () => {
    const stream = streamOf({ 0: Array<number>(400).fill(0) });
    expect(stream.seconds).toBe(20);
    expect([movedPage(5, 10, 10, stream), movedPage(5, -10, 10, stream), movedPage(0, 3, 30, stream)]).toEqual([10, 0, 0]);
  });

  test("a lead that is no voltage is named, not drawn", () => {
    expect(foreignUnits(streamOf({}, { lead_units: ["uV", "Ohm"] }))).toEqual(["Ohm"]);
  });
});

describe("calipers", () => {
  const paper: Paper = { speed: 50, gain: 20, width: 1000, height: 400, pxPerMm: 4 };

  test("read time, voltage and the rate that the distance of two beats would be", () => {
    const reading = readCalipers(paper, { x0: 100, y0: 200, x1: 260, y1: 120 });
    expect(reading).toEqual({ ms: 800, mv: 1, bpm: 75 });
  });

  test("a distance too short or too long for two beats has no rate", () => {
    expect(readCalipers(paper, { x0: 0, y0: 0, x1: 20, y1: 0 }).bpm).toBeNull();
    expect(readCalipers({ ...paper, width: 5000 }, { x0: 0, y0: 0, x1: 1400, y1: 0 }).bpm).toBeNull();
  });

  test("arrow keys move one end by a pixel or ten and stay on the paper", () => {
    const span = firstSpan(paper);
    expect(readCalipers(paper, span).ms).toBe(1000);
    expect(nudged(span, 1, "ArrowRight", false, paper)?.x1).toBe(span.x1 + 1);
    expect(nudged(span, 0, "ArrowUp", true, paper)?.y0).toBe(span.y0 - 10);
    expect(nudged({ ...span, x0: 0 }, 0, "ArrowLeft", true, paper)?.x0).toBe(0);
    expect(nudged(span, 0, "Enter", false, paper)).toBeNull();
  });
});

describe("the scale of the screen", () => {
  const screen = { width: 1280, height: 800, ratio: 1 };

  test("is unknown until a card was laid on it, and holds for this screen and zoom only", () => {
    expect(readScale(null, screen)).toEqual(UNKNOWN);
    const kept = written(fromCard(428), screen);
    expect(readScale(kept, screen)).toEqual({ pxPerMm: 5, calibrated: true });
    expect(readScale(kept, { ...screen, ratio: 2 }).calibrated).toBe(false);
  });

  test("what was kept and is damaged or absurd is not believed", () => {
    expect(readScale("{", screen)).toEqual(UNKNOWN);
    expect(readScale(JSON.stringify({ px_per_mm: 400, ...screen }), screen)).toEqual(UNKNOWN);
    expect(UNKNOWN.pxPerMm).toBe(PX_PER_MM);
  });
});

describe("the display filter", () => {
  const sine = (hz: number, rate: number, seconds: number) =>
    Float64Array.from({ length: rate * seconds }, (_, n) => Math.sin((2 * Math.PI * hz * n) / rate));
  const swing = (values: Float64Array) => Math.max(...values.slice(values.length / 2).map(Math.abs));

  test("passes the band, stops what is beyond it, and takes a constant away", () => {
    const monitor = coefficients("monitor", 500);
    const through = (hz: number) => {
      const values = sine(hz, 500, 20);
      filtered(values, monitor, null);
      return swing(values);
    };
    expect(through(10)).toBeGreaterThan(0.97);
    expect(through(40)).toBeCloseTo(Math.SQRT1_2, 1);
    expect(through(100)).toBeLessThan(0.2);
    expect(through(0.05)).toBeLessThan(0.15);
    const constant = new Float64Array(500).fill(1000);
    filtered(constant, monitor, null);
    expect(swing(constant)).toBe(0);
  });

  test("leaves the low pass out where the sampling rate ends below it, and says so", () => {
    expect(coefficients("diagnostic", 130).low).toBeNull();
    expect([bandOf("diagnostic", 500), bandOf("diagnostic", 130), bandOf("none", 500)]).toEqual([[0.05, 150], [0.05, 65], null]);
  });

  test("filters chunk by chunk as it would all at once, and begins anew after a gap", () => {
    const rate = 100;
    const counts = [...sine(3, rate, 4)].map((value) => Math.round(1000 * value + 500));
    const chunks = Object.fromEntries(Array.from({ length: 40 }, (_, n) => [n, counts.slice(n * 10, n * 10 + 10)]));
    const more = { rate_hz: String(rate), scale: "1", leads: [131330] };
    const whole = Float64Array.from(counts);
    filtered(whole, coefficients("monitor", rate), null);
    const stream = streamOf(chunks, more);
    const [lead] = stream.leads;
    if (lead === undefined) throw new Error("one lead");
    const filter = new FilteredLead(stream, lead, "monitor");
    expect([...filter.values(200, 205)]).toEqual([...whole.slice(200, 205)]);
    expect([...filter.values(0, 400)]).toEqual([...whole]);

    const { 5: missing, ...rest } = chunks;
    const torn = streamOf(rest, more);
    const mended = new FilteredLead(torn, lead, "monitor");
    expect(list(mended.values(49, 61))[1]).toBeNull();
    expect(mended.values(60, 61)[0]).toBeCloseTo(0, 9);
    torn.add({ streamId: 1, number: 5, firstAt: 0, leads: 1, samples: Int32Array.from(missing ?? []), again: true }, 1);
    mended.forget(5);
    expect([...mended.values(0, 400)]).toEqual([...whole]);
  });
});

describe("the frame meter", () => {
  test("tells frames a second, their spread and those that came late", () => {
    const meter = new FrameMeter();
    expect(meter.report()).toBeNull();
    for (let n = 0; n < 60; n += 1) meter.add(n * 16, 2);
    meter.add(59 * 16 + 50, 9);
    const report = meter.report();
    expect(report?.frames).toBe(61);
    expect(report?.interval_ms).toMatchObject({ p50: 16, max: 50 });
    expect(report?.work_ms.max).toBe(9);
    expect(report?.late).toBe(1);
    expect(meter.report(59 * 16)?.frames).toBe(2);
  });
});

const RECORD = process.env["PASSERELLE_ECG"] ?? "";

describe.skipIf(!existsSync(RECORD))("a recording of a real heart", () => {
  test("comes out sample by sample as it went in, with an outage filled from behind", () => {
    const bytes = readFileSync(RECORD);
    const counts = new Int16Array(bytes.buffer, bytes.byteOffset, bytes.length / 2);
    const stream = new StreamSamples(waveform({ rate_hz: "1000", scale: "0.5", leads: TWELVE.map(([code]) => code) }));
    const perChunk = 12 * 100;
    const all = Math.floor(counts.length / perChunk);
    const chunk = (number: number) => ({
      streamId: 1, number, firstAt: 0, leads: 12, again: false, samples: Int32Array.from(counts.slice(number * perChunk, (number + 1) * perChunk)),
    });
    for (let n = 0; n < all; n += 1) if (n < 100 || n >= 150) stream.add(chunk(n), n);
    for (let n = 149; n >= 100; n -= 1) stream.add(chunk(n), all);
    stream.stop(all, all);
    expect([stream.complete, stream.missing, stream.late]).toEqual([true, 0, 50]);
    stream.leads.forEach((lead, column) => {
      const values = valuesOf(stream, lead, 0, all * 100);
      expect(values.every((value, n) => value === (counts[n * 12 + column] ?? 0) * 0.5)).toBe(true);
    });
  });
});
