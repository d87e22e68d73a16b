// What is said over the room's picture, and whether what stands there is live. Pure; words in `i18n/doctor_call.ts`.
import type { CallPhase } from "./doctor_call";

export type PictureState =
  | "live"
  | "ended"
  | "refused"
  | "opening"
  | "own_network"
  | "away"
  | "interrupted"
  | "camera"
  | "paused"
  | "stalled"
  | "no_picture";

export interface PictureFacts {
  readonly phase: CallPhase;
  /** The vehicle's line to the relay is down. */
  readonly away: boolean;
  /** This machine has no network, or its line to the relay is down too. */
  readonly ownNetwork: boolean;
  /** The vehicle has a camera; null: it has not said. */
  readonly camera: boolean | null;
  /** The vehicle holds its picture back. */
  readonly paused: boolean;
  readonly flowing: boolean;
  /** Some picture was shown in this call. */
  readonly seen: boolean;
}

/** The first that holds: what ends the call before what stops it, what stops it before what dims it. */
export function pictureState(facts: PictureFacts): PictureState {
  const { phase } = facts;
  if (phase === "ended" || phase === "refused") return phase;
  if (phase !== "connected" && facts.ownNetwork) return "own_network";
  if (phase !== "connected" && facts.away) return "away";
  if (phase !== "connected") return phase;
  if (facts.camera === false) return "camera";
  if (facts.flowing) return "live";
  if (!facts.seen) return "no_picture";
  return facts.paused ? "paused" : "stalled";
}
