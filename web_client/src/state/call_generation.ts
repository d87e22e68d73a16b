// What a call knows of one generation: one peer connection from the grant to its end.
import type { CallCandidate, CallGranted, IceServer } from "../protocol/types";
import type { CallPeer } from "./call_peer";
import type { DoctorChannels } from "./doctor_channels";
import type { Scope } from "./scope";

export interface Generation {
  readonly number: number;
  readonly scope: Scope;
  readonly ice: readonly IceServer[];
  /** Candidates that came before their description. */
  readonly early: CallCandidate[];
  peer: CallPeer | null;
  channels: DoctorChannels | null;
  described: boolean;
  state: RTCPeerConnectionState;
  /** Monotonic milliseconds: of its last step. */
  since: number;
  /** The next one was asked for. */
  rejoined: boolean;
  /** It was connected once. */
  stood: boolean;
  /** Something happened to this machine: unless the vehicle is heard by then, this is given up. */
  doubt: { readonly since: number; readonly until: number } | null;
}

export function newGeneration(granted: CallGranted, scope: Scope, now: number): Generation {
  return {
    number: granted.generation,
    scope,
    ice: granted.ice_servers,
    early: [],
    peer: null,
    channels: null,
    described: false,
    state: "new",
    since: now,
    rejoined: false,
    stood: false,
    doubt: null,
  };
}
