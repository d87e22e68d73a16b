import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import {
  createStethoscope,
  FILTERS,
  GAIN_LEAST_DB,
  GAIN_MOST_DB,
  loudnessOf,
  MAKE_UP_DB,
  PHONO_HZ,
  PHONO_SECONDS,
  PhonoStrip,
  STAGES,
  type FilterStage,
  type StethoscopeFilter,
} from "../src/state/stethoscope";

const RATE = 48_000;

/** Decibels of one stage at a frequency: the coefficients of W3C Web Audio API, section 1.13.5. */
function response(stage: FilterStage, hz: number): number {
  const w0 = (2 * Math.PI * stage.frequency) / RATE;
  const [cos, sin] = [Math.cos(w0), Math.sin(w0)];
  let b: [number, number, number];
  let a: [number, number, number];
  if (stage.type === "peaking") {
    const gain = 10 ** (stage.gain / 40);
    const alpha = sin / (2 * stage.q);
    b = [1 + alpha * gain, -2 * cos, 1 - alpha * gain];
    a = [1 + alpha / gain, -2 * cos, 1 - alpha / gain];
  } else {
    const alpha = sin / (2 * 10 ** (stage.q / 20));
    const sign = stage.type === "lowpass" ? -1 : 1;
    b = [(1 + sign * cos) / 2, -sign * (1 + sign * cos), (1 + sign * cos) / 2];
    a = [1 + alpha, -2 * cos, 1 - alpha];
  }
  const magnitude = (c: [number, number, number]) => {
    const w = (2 * Math.PI * hz) / RATE;
    const re = c[0] + c[1] * Math.cos(w) + c[2] * Math.cos(2 * w);
    const im = -c[1] * Math.sin(w) - c[2] * Math.sin(2 * w);
    return Math.hypot(re, im);
  };
  return 20 * Math.log10(magnitude(b) / magnitude(a));
}

const filtered = (filter: StethoscopeFilter, hz: number): number =>
  STAGES[filter].reduce((sum, stage) => sum + response(stage, hz), 0);

describe("filters", () => {
  test("the bell lets 30 to 150 Hz through evenly, is at -3 dB at 20 and 200 Hz, and loses breath and voice", () => {
    for (const hz of [40, 60, 80, 100, 120]) expect(Math.abs(filtered("bell", hz))).toBeLessThan(0.5);
    expect(filtered("bell", 20)).toBeCloseTo(-3, 1);
    expect(filtered("bell", 200)).toBeCloseTo(-3, 1);
    expect(filtered("bell", 400)).toBeLessThan(-23);
    expect(filtered("bell", 1000)).toBeLessThan(-50);
  });

  test("the diaphragm takes the low heart sounds away and lifts 300 Hz", () => {
    expect(filtered("diaphragm", 40)).toBeLessThan(-28);
    expect(filtered("diaphragm", 50)).toBeLessThan(-20);
    expect(filtered("diaphragm", 300)).toBeGreaterThan(5);
    for (const hz of [150, 200, 300, 500, 700]) expect(filtered("diaphragm", hz)).toBeGreaterThan(0);
    for (const hz of [100, 1000]) expect(Math.abs(filtered("diaphragm", hz) + 2)).toBeLessThan(1.5);
    expect(filtered("diaphragm", 4000)).toBeLessThan(-20);
  });

  test("wide is the sound as it came", () => {
    expect(STAGES.wide).toEqual([]);
    expect(MAKE_UP_DB.wide).toBe(0);
  });

  test("no filter makes any frequency louder than its own lift", () => {
    for (const filter of FILTERS) {
      for (let hz = 10; hz < 20_000; hz *= 1.1) expect(filtered(filter, hz)).toBeLessThan(6.1);
    }
  });
});

describe("loudness", () => {
  test("is 0 for silence, 1 for full scale and equal steps between", () => {
    const constant = (value: number) => new Float32Array(1000).fill(value);
    expect(loudnessOf(constant(0))).toBe(0);
    expect(loudnessOf(new Float32Array(0))).toBe(0);
    expect(loudnessOf(constant(10 ** (-80 / 20)))).toBe(0);
    expect(loudnessOf(constant(1))).toBe(1);
    expect(loudnessOf(constant(10 ** (-35 / 20)))).toBeCloseTo(0.5, 5);
  });
});

describe("the phonocardiogram", () => {
  test("keeps the largest swing of each millisecond, in order, whatever the readings' sizes", () => {
    const strip = new PhonoStrip(RATE);
    const sound = new Float32Array(RATE);
    for (let ms = 0; ms < 1000; ms += 1) sound[ms * 48 + 7] = ms % 2 === 0 ? ms / 1000 : -ms / 1000;
    let at = 0;
    for (const fresh of [2400, 2431, 1999, 48, 5, 2395]) {
      at += fresh;
      const window = new Float32Array(8192);
      window.set(sound.subarray(Math.max(0, at - 8192), at), Math.max(0, 8192 - at));
      strip.add(window, fresh);
    }
    const whole = Math.floor(at / 48);
    const kept = strip.samples.subarray(strip.samples.length - whole);
    for (let ms = 0; ms < whole; ms += 1) expect(kept[ms]).toBeCloseTo(ms % 2 === 0 ? ms / 1000 : -ms / 1000, 6);
  });

  test("a reading that comes too late leaves a gap of silence as long as what was missed", () => {
    const strip = new PhonoStrip(RATE);
    const window = new Float32Array(8192).fill(0.5);
    strip.add(window, RATE);
    const last = strip.samples.subarray(strip.samples.length - 1000);
    expect(last.subarray(0, 820).every((sample) => sample === 0)).toBe(true);
    expect(last.subarray(835).every((sample) => sample === 0.5)).toBe(true);
    strip.add(window, RATE * 60);
    expect(strip.samples.length).toBe(PHONO_HZ * PHONO_SECONDS);
  });
});

class FakeNode {
  readonly to: FakeNode[] = [];
  type = "";
  fftSize = 0;
  readonly gain = { value: 0, target: 1, setTargetAtTime: (value: number) => (this.gain.target = value) };
  readonly frequency = { value: 0 };
  readonly Q = { value: 0 };

  constructor(readonly kind: string) {}

  connect(node: FakeNode): FakeNode {
    this.to.push(node);
    return node;
  }
  disconnect(): void {
    this.to.length = 0;
  }
  getFloatTimeDomainData(into: Float32Array): void {
    into.fill(0.1);
  }
}

class FakeContext extends EventTarget {
  state = "suspended";
  sampleRate = RATE;
  currentTime = 0;
  readonly destination = new FakeNode("destination");
  readonly nodes: FakeNode[] = [];
  #make(kind: string): FakeNode {
    const node = new FakeNode(kind);
    this.nodes.push(node);
    return node;
  }
  createMediaStreamSource = () => this.#make("source");
  createGain = () => this.#make("gain");
  createAnalyser = () => this.#make("analyser");
  createBiquadFilter = () => this.#make("filter");
  resume(): Promise<void> {
    this.state = "running";
    this.dispatchEvent(new Event("statechange"));
    return Promise.resolve();
  }
  readonly played: string[] = [];
  setSinkId = (speaker: string) => {
    this.played.push(speaker);
    return Promise.reject(new Error("unplugged meanwhile"));
  };
  close(): Promise<void> {
    this.state = "closed";
    return Promise.resolve();
  }
}

describe("the stethoscope", () => {
  let context: FakeContext;
  let pulled: number;
  const make = () =>
    createStethoscope({} as MediaStream, {
      context: () => context as unknown as AudioContext,
      pull: () => {
        pulled += 1;
        return () => (pulled -= 1);
      },
    });
  const found = (nodes: readonly FakeNode[], wanted: (each: FakeNode) => boolean): FakeNode => {
    const node = nodes.find(wanted);
    if (node === undefined) throw new Error("the graph has a gap");
    return node;
  };
  const node = (kind: string) => found(context.nodes, (each) => each.kind === kind);
  /** The kinds from the source to the loudspeaker. */
  const path = () => {
    const kinds: string[] = [];
    let at = node("source");
    while (at.kind !== "destination") {
      kinds.push(at.kind === "filter" ? `${at.type} ${String(at.frequency.value)}` : at.kind);
      at = found(at.to, (next) => next.kind !== "analyser");
    }
    return kinds;
  };

  beforeEach(() => {
    vi.useFakeTimers();
    context = new FakeContext();
    pulled = 0;
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  test("begins as it came; a turn of the filter replaces what stood before", () => {
    const stethoscope = make();
    expect(path()).toEqual(["source", "gain"]);
    stethoscope.setFilter("bell");
    expect(path()).toEqual(["source", "highpass 20", "lowpass 200", "lowpass 200", "gain"]);
    stethoscope.setFilter("diaphragm");
    expect(path()).toEqual(["source", "highpass 100", "highpass 100", "peaking 300", "lowpass 1000", "gain"]);
    stethoscope.setFilter("wide");
    expect(path()).toEqual(["source", "gain"]);
    expect(stethoscope.filter.value).toBe("wide");
  });

  test("gain is in decibels, bounded, and the bell's own lift comes on top", () => {
    const stethoscope = make();
    const { gain } = node("gain");
    stethoscope.setGain(20);
    expect(gain.target).toBeCloseTo(10);
    stethoscope.setFilter("bell");
    expect(gain.target).toBeCloseTo(10 ** ((20 + MAKE_UP_DB.bell) / 20));
    stethoscope.setGain(900);
    expect(stethoscope.gainDb.value).toBe(GAIN_MOST_DB);
    stethoscope.setGain(-900);
    expect(stethoscope.gainDb.value).toBe(GAIN_LEAST_DB);
  });

  test("says how loud it is, and writes what it plays", () => {
    const stethoscope = make();
    context.currentTime = 0.05;
    vi.advanceTimersByTime(50);
    expect(stethoscope.level.value).toBeCloseTo(1 - 20 / 70, 3);
    const strip = stethoscope.waveform();
    expect(strip.length).toBe(PHONO_HZ * PHONO_SECONDS);
    expect(strip.subarray(-50).every((sample) => Math.abs(sample - 0.1) < 1e-6)).toBe(true);
    expect(strip[strip.length - 51]).toBe(0);
  });

  test("says when the browser waits for a click, and goes on after it", () => {
    const stethoscope = make();
    expect(stethoscope.suspended.value).toBe(true);
    stethoscope.resume();
    expect(stethoscope.suspended.value).toBe(false);
  });

  test("leaves nothing behind", () => {
    const stethoscope = make();
    expect(pulled).toBe(1);
    stethoscope.close();
    stethoscope.close();
    expect(pulled).toBe(0);
    expect(context.state).toBe("closed");
    expect(vi.getTimerCount()).toBe(0);
    stethoscope.setFilter("bell");
    stethoscope.setGain(3);
    stethoscope.resume();
    expect(stethoscope.filter.value).toBe("wide");
    expect(context.state).toBe("closed");
  });

  test("it plays on the headphones that were chosen, and nothing is played after its end", () => {
    const scope = make();
    scope.playOn("headphones");
    scope.close();
    scope.playOn("other");
    expect(context.played).toEqual(["headphones"]);
  });
});
