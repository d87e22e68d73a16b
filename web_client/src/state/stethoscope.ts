// The stethoscope on the doctor's side: the sound as it came, through the filter the doctor turned to, into the
// headphones. Nothing of it goes near the echo canceller: it is never mixed with the voice.
import { signal, type ReadonlySignal } from "@preact/signals";
import { Scope, run } from "./scope";

/** `bell`: low heart sounds, third and fourth, mitral stenosis. `diaphragm`: valves, breath. `wide`: as it came. */
export type StethoscopeFilter = "bell" | "diaphragm" | "wide";

export const FILTERS: readonly StethoscopeFilter[] = ["bell", "diaphragm", "wide"];

/** One BiquadFilterNode (W3C Web Audio API, section 1.13). For low-pass and high-pass `q` is in decibels. */
export interface FilterStage {
  readonly type: "lowpass" | "highpass" | "peaking";
  readonly frequency: number;
  readonly q: number;
  readonly gain: number;
}

/** Butterworth of the second order: maximally flat, -3 dB at its frequency. */
const FLAT_Q = 20 * Math.log10(Math.SQRT1_2);
/** The two halves of a Butterworth of the fourth order. */
const FLAT_Q4 = [20 * Math.log10(0.541196), 20 * Math.log10(1.306563)] as const;

const steep = (type: "lowpass" | "highpass", frequency: number): FilterStage[] =>
  FLAT_Q4.map((q) => ({ type, frequency, q, gain: 0 }));

/** What an acoustic chest piece does: the bell 20-200 Hz and louder, the diaphragm 100-1000 Hz around its 300 Hz. */
export const STAGES: Readonly<Record<StethoscopeFilter, readonly FilterStage[]>> = {
  bell: [{ type: "highpass", frequency: 20, q: FLAT_Q, gain: 0 }, ...steep("lowpass", 200)],
  diaphragm: [
    ...steep("highpass", 100),
    { type: "peaking", frequency: 300, q: 0.7, gain: 6 },
    { type: "lowpass", frequency: 1000, q: FLAT_Q, gain: 0 },
  ],
  wide: [],
};

/** Decibels a filter adds by itself: what a bell lets through is quiet to the ear (ISO 226). */
export const MAKE_UP_DB: Readonly<Record<StethoscopeFilter, number>> = { bell: 9, diaphragm: 0, wide: 0 };

export const GAIN_LEAST_DB = -20;
export const GAIN_MOST_DB = 24;

/** Samples a second of the phonocardiogram, each the largest swing of its millisecond. */
export const PHONO_HZ = 1000;
export const PHONO_SECONDS = 5;

/** How often the analyser is read; its window is twice that, so that a late timer misses nothing. */
const READ_MS = 50;
const WINDOW = 8192;
/** Below it the chest piece is in the air: -70 dB of full scale. */
const FLOOR = 10 ** (-70 / 20);

export interface Stethoscope {
  readonly filter: ReadonlySignal<StethoscopeFilter>;
  readonly gainDb: ReadonlySignal<number>;
  /** Loudness of the last 50 ms before the filters: 0 silence (-70 dB and less), 1 full scale, in equal decibels. */
  readonly level: ReadonlySignal<number>;
  /** Not playing: the browser waits for a click on the page; call `resume` from one. */
  readonly suspended: ReadonlySignal<boolean>;
  setFilter(filter: StethoscopeFilter): void;
  /** Decibels, held to `GAIN_LEAST_DB`..`GAIN_MOST_DB`. */
  setGain(decibels: number): void;
  /** The last `PHONO_SECONDS` behind the filters, newest last, `PHONO_HZ` a second, -1..1. The same array each time. */
  waveform(): Float32Array;
  resume(): void;
  /** Plays on this loudspeaker; empty: the machine's own choice. A browser that cannot choose plays there. */
  playOn(speaker: string): void;
  close(): void;
}

/** W3C Web Audio API 1.1, section 1.2: not in every browser. */
type Choosing = AudioContext & { setSinkId?: (speaker: string) => Promise<void> };

/** What is taken of the browser; the tests put their own in its place. */
export interface StethoscopeWorld {
  context(): AudioContext;
  /** Chromium decodes a remote track only while a media element takes it, muted or not. */
  pull(stream: MediaStream): () => void;
}

const browser: StethoscopeWorld = {
  context: () => new AudioContext({ latencyHint: "interactive" }),
  pull: (stream) => {
    const element = new Audio();
    element.muted = true;
    element.srcObject = stream;
    run(element.play(), () => undefined);
    return () => {
      element.pause();
      element.srcObject = null;
    };
  },
};

/** Plays `stream` until `close`. Small loudspeakers do not play 20-200 Hz: tell the doctor to wear headphones. */
export function createStethoscope(stream: MediaStream, world: StethoscopeWorld = browser): Stethoscope {
  const scope = new Scope();
  scope.add(world.pull(stream));
  const context = world.context();
  scope.add(() => run(context.close(), () => undefined));
  const source = context.createMediaStreamSource(stream);
  const gain = context.createGain();
  const meter = context.createAnalyser();
  const scribe = context.createAnalyser();
  meter.fftSize = 4096;
  scribe.fftSize = WINDOW;
  source.connect(meter);
  gain.connect(scribe);
  gain.connect(context.destination);
  scope.add(() => source.disconnect());
  scope.add(() => gain.disconnect());

  const filter = signal<StethoscopeFilter>("wide");
  const gainDb = signal(0);
  const level = signal(0);
  const suspended = signal(context.state !== "running");
  scope.listen(context, "statechange", () => {
    suspended.value = context.state !== "running";
  });

  let stages: AudioNode[] = [];
  const loudness = () => {
    const linear = 10 ** ((gainDb.peek() + MAKE_UP_DB[filter.peek()]) / 20);
    // 20 ms: a step would be heard as a click, like a heart sound.
    gain.gain.setTargetAtTime(linear, context.currentTime, 0.02);
  };
  const wire = () => {
    source.disconnect();
    for (const stage of stages) stage.disconnect();
    source.connect(meter);
    stages = STAGES[filter.peek()].map((stage) => biquad(context, stage));
    let last: AudioNode = source;
    for (const stage of stages) last = last.connect(stage);
    last.connect(gain);
    loudness();
  };
  wire();

  const strip = new PhonoStrip(context.sampleRate);
  const window = new Float32Array(WINDOW);
  const recent = new Float32Array(meter.fftSize);
  let read = context.currentTime;
  scope.every(READ_MS, () => {
    meter.getFloatTimeDomainData(recent);
    level.value = loudnessOf(recent.subarray(recent.length - Math.round((context.sampleRate * READ_MS) / 1000)));
    const fresh = Math.round((context.currentTime - read) * context.sampleRate);
    read = context.currentTime;
    scribe.getFloatTimeDomainData(window);
    strip.add(window, fresh);
  });

  return {
    filter,
    gainDb,
    level,
    suspended,
    setFilter: (wanted) => {
      if (scope.ended || wanted === filter.peek()) return;
      filter.value = wanted;
      wire();
    },
    setGain: (decibels) => {
      if (scope.ended) return;
      gainDb.value = Math.min(GAIN_MOST_DB, Math.max(GAIN_LEAST_DB, decibels));
      loudness();
    },
    waveform: () => strip.samples,
    resume: () => {
      if (!scope.ended) run(context.resume(), () => undefined);
    },
    playOn: (speaker) => {
      const moved = scope.ended ? undefined : (context as Choosing).setSinkId?.(speaker);
      // One that was unplugged meanwhile: it plays on where it is.
      if (moved !== undefined) run(moved, () => undefined);
    },
    close: () => scope.end(),
  };
}

/** The last seconds of sound, the largest swing of each millisecond. */
export class PhonoStrip {
  readonly samples = new Float32Array(PHONO_HZ * PHONO_SECONDS);
  readonly #step: number;
  /** Share of a millisecond left over from the last reading. */
  #rest = 0;

  constructor(sampleRate: number) {
    this.#step = sampleRate / PHONO_HZ;
  }

  /** Appends the last `fresh` samples of `window`; what is older than the window is a gap, drawn as silence. */
  add(window: Float32Array, fresh: number): void {
    const steps = Math.min(this.samples.length, Math.floor((fresh + this.#rest) / this.#step));
    this.#rest = steps === this.samples.length ? 0 : fresh + this.#rest - steps * this.#step;
    if (steps <= 0) return;
    this.samples.copyWithin(0, steps);
    const end = window.length - this.#rest;
    for (let i = 0; i < steps; i += 1) {
      const from = Math.round(end - (steps - i) * this.#step);
      const to = Math.round(from + this.#step);
      this.samples[this.samples.length - steps + i] = from < 0 ? 0 : largest(window, from, to);
    }
  }
}

function largest(window: Float32Array, from: number, to: number): number {
  let found = 0;
  for (let i = from; i < to && i < window.length; i += 1) {
    const value = window[i] ?? 0;
    if (Math.abs(value) > Math.abs(found)) found = value;
  }
  return found;
}

/** RMS of samples, in equal decibels from the floor (0) to full scale (1). */
export function loudnessOf(samples: Float32Array): number {
  let sum = 0;
  for (const sample of samples) sum += sample * sample;
  const rms = Math.sqrt(sum / Math.max(1, samples.length));
  if (rms <= FLOOR) return 0;
  return Math.min(1, 1 - Math.log10(rms) / Math.log10(FLOOR));
}

function biquad(context: AudioContext, stage: FilterStage): BiquadFilterNode {
  const node = context.createBiquadFilter();
  node.type = stage.type;
  node.frequency.value = stage.frequency;
  node.Q.value = stage.q;
  node.gain.value = stage.gain;
  return node;
}
