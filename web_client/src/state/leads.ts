// The leads of a stream: what stands in each column of its frames, and their values between two moments. Pure.
import type { Waveform } from "../protocol/types";
import type { StreamSamples } from "./waveform";

/** One lead of a stream. A lead whose code stands n times in a row has n consecutive samples a frame. */
export interface Lead {
  readonly code: number;
  /** Column of its first sample in a frame. */
  readonly column: number;
  /** Samples a frame. */
  readonly samples: number;
  /** UCUM unit of a count times `scale`. */
  readonly unit: string;
  readonly scale: number;
  /** Samples per second. */
  readonly rate: number;
}

/** The leads in the order of their columns (`protocol.readings.Waveform`). */
export function leadsOf(waveform: Waveform): readonly Lead[] {
  const frames = Number(waveform.rate_hz);
  const leads: Lead[] = [];
  for (let column = 0; column < waveform.leads.length; ) {
    const code = waveform.leads[column] ?? 0;
    let samples = 1;
    while (waveform.leads[column + samples] === code) samples += 1;
    leads.push({
      code,
      column,
      samples,
      unit: waveform.lead_units[column] ?? waveform.unit,
      scale: Number(waveform.lead_scales[column] ?? waveform.scale),
      rate: samples * frames,
    });
    column += samples;
  }
  return leads;
}

/** Values of a lead at the indices [from, to) of its own samples; NaN where nothing came or the device lost it. */
export function valuesOf(stream: StreamSamples, lead: Lead, from: number, to: number): Float64Array {
  const values = new Float64Array(Math.max(0, to - from)).fill(Number.NaN);
  const { lost_count: lost } = stream.waveform;
  const each = lead.samples;
  for (let number = stream.at(Math.floor(from / each)); number < stream.head; number += 1) {
    const start = stream.start(number) * each;
    if (start >= to) break;
    const chunk = stream.chunk(number);
    if (chunk === undefined) continue;
    const length = (chunk.samples.length / stream.columns) * each;
    const stop = Math.min(to, start + length);
    for (let index = Math.max(from, start); index < stop; index += 1) {
      const frame = Math.floor((index - start) / each);
      const count = chunk.samples[frame * stream.columns + lead.column + ((index - start) % each)];
      if (count !== undefined && count !== lost) values[index - from] = count * lead.scale;
    }
  }
  return values;
}

/** Runs [a, b) of NaN in values, as indices into them. */
export function gapsIn(values: ArrayLike<number>): readonly (readonly [number, number])[] {
  const gaps: [number, number][] = [];
  for (let index = 0; index < values.length; index += 1) {
    if (!Number.isNaN(values[index])) continue;
    const last = gaps.at(-1);
    if (last !== undefined && last[1] === index) last[1] = index + 1;
    else gaps.push([index, index + 1]);
  }
  return gaps;
}
