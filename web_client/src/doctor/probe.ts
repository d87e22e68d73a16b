// For tests and benchmarks, in a demonstration only (`Me.demo`): what the page received and when it was on the screen.
// `window.passerelleProbe` reads; it changes nothing. Moments are milliseconds since the epoch (performance.timeOrigin).
//   ecg(streamId)  -> { received, missing, end, samples }   samples interleaved by lead, in order, as they came
//   marks()        -> [{ name, at }]   tap, granted, first_frame (of each generation), connected
//   readings()     -> [{ readingId, notifiedAt, receivedAt, shownAt }]   notified: by the instrument, on the vehicle's clock
//   frames(since)  -> FrameReport | null   of the drawing of the electrocardiogram since a moment (0: all that is kept)
import type { EncounterRecord } from "../state/doctor_record";
import { FrameMeter } from "../state/frame_meter";

interface Mark {
  readonly name: string;
  readonly at: number;
}

interface ShownReading {
  readonly readingId: string;
  readonly notifiedAt: number;
  readonly receivedAt: number;
  readonly shownAt: number;
}

/** What the electrocardiogram's drawing costs, frame by frame. */
export const ecgFrames = new FrameMeter();

/** The newest marks; a page that stays open for days keeps no more. */
const KEPT = 1000;

const marked: Mark[] = [];
const shown: ShownReading[] = [];

/** `performance.now()` as milliseconds since the epoch. */
export const wall = (at: number = performance.now()): number => performance.timeOrigin + at;

export function mark(name: string): void {
  marked.push({ name, at: wall() });
  if (marked.length > KEPT) marked.shift();
}

export function readingShown(readingId: string, notified: string, cameAt: number): void {
  if (shown.some((each) => each.readingId === readingId)) return;
  shown.push({ readingId, notifiedAt: Date.parse(notified), receivedAt: wall(cameAt), shownAt: wall() });
  if (shown.length > KEPT) shown.shift();
}

/** Opens the probe; called with the record of the moment when the relay says that this is a demonstration. */
export function expose(record: () => EncounterRecord | null): void {
  const probe = {
    ecg: (streamId: number) => {
      const stream = record()?.stream(streamId);
      return {
        received: stream?.received ?? 0,
        missing: stream?.missing ?? 0,
        end: stream?.end ?? null,
        samples: stream?.all() ?? [],
      };
    },
    streams: () => record()?.streams.value.map((stream) => stream.waveform.stream_id) ?? [],
    marks: () => [...marked],
    readings: () => [...shown],
    frames: (since = 0) => ecgFrames.report(since - performance.timeOrigin),
  };
  Object.defineProperty(window, "passerelleProbe", { value: Object.freeze(probe), configurable: true });
}
