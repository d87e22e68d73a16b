// What a call takes of the world around it: one peer connection a generation, and who signs.
import type { ControlToVehicle, IceServer } from "../protocol/types";
import type { PeerStatistics } from "./call_statistics";
import type { Sending } from "./own_picture";
import type { FromDoctor } from "./signalling";

/** Who signs here: the doctor's certificate and the key that never leaves this browser. */
export interface DoctorIdentity {
  readonly doctorId: string;
  readonly certificate: string;
  readonly key: CryptoKey;
  readonly ca: string;
}

/** The peer connection of one generation, as `src/rtc/call.ts` makes it. */
export interface CallPeer {
  answer(offer: string): Promise<string>;
  settle(answer: string): Promise<void>;
  addCandidate(candidate: RTCIceCandidateInit): Promise<void>;
  send(message: ControlToVehicle): boolean;
  statistics(): Promise<PeerStatistics>;
  /** Milliseconds since sound or a picture of the vehicle's came; null: none did lately. */
  flow(): number | null;
  /** Sends the doctor's picture or not, and the voice at this rate. */
  adapt(sending: Sending): Promise<void>;
  close(): void;
}

export interface CallPeerEvents {
  opened(): void;
  control(data: unknown): void;
  binary(data: ArrayBuffer): void;
  candidate(candidate: RTCIceCandidate | null): void;
  state(state: RTCPeerConnectionState): void;
  /** The stethoscope's track: silent until somebody listens. */
  stethoscope(stream: MediaStream): void;
}

export interface CallWorld {
  peer(iceServers: readonly IceServer[], events: CallPeerEvents): CallPeer;
  signal(body: FromDoctor): void;
  shown(): Promise<void>;
  /** Monotonic milliseconds. */
  now(): number;
  /** Milliseconds since the epoch, for the validity of certificates and what is shown. */
  clock(): number;
}
