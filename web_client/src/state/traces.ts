// Which stream is on the paper, and how it stands. Pure.
import { toMillivolts } from "./ecg_paper";
import type { StreamSamples } from "./waveform";

export type TraceKind = "ecg" | "ctg";

/** A stream of a CTG monitor is drawn as CTG, every other one as ECG. */
export const traceKind = (stream: StreamSamples): TraceKind =>
  stream.waveform.device.kind === "ctg" ? "ctg" : "ecg";

/** The stream the doctor chose, else the newest that runs or was recorded; null when there is none. */
export const shownStream = (streams: readonly StreamSamples[], chosen: number | null): StreamSamples | null =>
  streams.find((stream) => stream.waveform.stream_id === chosen) ?? streams.at(-1) ?? null;

/** How a trace stands: live, live but the line is down, being filled in, a whole recording, stopped. */
export type TraceState = "live" | "waits" | "arriving" | "recorded" | "stopped";

export function traceState(stream: StreamSamples, phase: string): TraceState {
  if (stream.waveform.reading_id !== null) return stream.complete ? "recorded" : "arriving";
  if (stream.end !== null) return "stopped";
  if (phase === "connected") return "live";
  return phase === "ended" ? "stopped" : "waits";
}

/** Share of a stream's chunks that are here, in whole percent; 100 only when all are. */
export const arrived = (stream: StreamSamples): number => {
  const all = stream.end ?? stream.head;
  return all === 0 ? 0 : Math.floor((100 * stream.received) / all);
};

/** Chunks that may be late without a word. */
const UNDER_WAY = 3;

/** Seconds known to be missing, once they are more than chunks under way; else 0. */
export const missingSeconds = (stream: StreamSamples): number =>
  stream.missing <= UNDER_WAY ? 0 : (stream.seconds * stream.missing) / stream.head;

/** Units of leads that are no voltage, each once. */
export const foreignUnits = (stream: StreamSamples): readonly string[] => [
  ...new Set(stream.leads.filter((lead) => toMillivolts(lead.unit) === null).map((lead) => lead.unit)),
];

/** Where a page of `seconds` begins when it is moved by `by`; it never leaves the stream. */
export const movedPage = (from: number, by: number, seconds: number, stream: StreamSamples): number =>
  Math.min(Math.max(0, stream.seconds - seconds), Math.max(0, from + by));
