// One call of the doctor's page over as many generations as it takes: verifies, answers, comes back by itself.
import { computed, signal, type ReadonlySignal } from "@preact/signals";
import type {
  CallCandidate,
  CallGranted,
  CallOffer,
  ControlToVehicle,
  IceServer,
  VehicleCard,
} from "../protocol/types";
import { BindingRefused, onlyFingerprint, signDoctor, verifyVehicle } from "./binding";
import { DoctorChannels } from "./doctor_channels";
import type { EncounterRecord } from "./doctor_record";
import { run, Scope } from "./scope";
import type { FromDoctor } from "./signalling";

/** Three beats missed: the doctor is told that the picture is not live. */
const INTERRUPTED_MS = 3000;
/** A path that is silent for that long is given up, also when the browser still calls it connected. The vehicle asks
 * for the next one after 6 s, when it can: who asks while it is out of reach ends a call that heals by itself. */
const SILENT_MS = 30_000;
/** What stood once heals by itself when the network comes back, or over the vehicle's other uplink, as long as consent
 * holds (RFC 7675). */
const DISCONNECTED_MS = 30_000;
/** From granted to connected: an offer, an answer and ICE over a link of 800 ms round trip need 6 s. */
const OPENING_MS = 8000;
/** Candidates that come before their description; a page gathers about 30. */
const EARLY_CANDIDATES = 64;

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
  /** Milliseconds since the epoch, for the validity of certificates. */
  clock(): number;
}

export type CallPhase = "opening" | "connected" | "interrupted" | "refused" | "ended";

/** Who ended the call, and whether for good. */
export interface CallEnd {
  readonly finished: boolean;
  readonly by: string;
}

interface Generation {
  readonly number: number;
  readonly scope: Scope;
  readonly ice: readonly IceServer[];
  readonly early: CallCandidate[];
  peer: CallPeer | null;
  channels: DoctorChannels | null;
  described: boolean;
  state: RTCPeerConnectionState;
  since: number;
  rejoined: boolean;
  /** It was connected once. */
  stood: boolean;
}

export class DoctorCall {
  readonly #phase = signal<CallPhase>("opening");
  readonly #refusal = signal<string | null>(null);
  readonly #away = signal(false);
  readonly #end = signal<CallEnd | null>(null);
  readonly #connectedOnce = signal(false);
  #generation: Generation;
  /** What this page said when it left; said again to a relay that forgot. */
  #left: Extract<FromDoctor, { type: "left" }> | null = null;
  /** Monotonic moment at which this call was first connected. */
  readonly connectedAt = signal<number | null>(null);
  readonly #stethoscope = signal<MediaStream | null>(null);
  readonly live: ReadonlySignal<boolean> = computed(() => this.#end.value === null);

  constructor(
    readonly scope: Scope,
    readonly callId: string,
    readonly vehicle: VehicleCard,
    readonly record: EncounterRecord,
    readonly identity: DoctorIdentity,
    readonly world: CallWorld,
    granted: CallGranted,
  ) {
    this.#generation = this.#open(granted);
    scope.every(500, () => this.#watch());
  }

  get phase(): ReadonlySignal<CallPhase> {
    return this.#phase;
  }
  /** Why the other end is not trusted, or does not trust us. */
  get refusal(): ReadonlySignal<string | null> {
    return this.#refusal;
  }
  /** The vehicle's line to the relay is down. */
  get away(): ReadonlySignal<boolean> {
    return this.#away;
  }
  /** The stethoscope's sound of this generation, never mixed with the voice; `createStethoscope` plays it. */
  get stethoscope(): ReadonlySignal<MediaStream | null> {
    return this.#stethoscope;
  }
  get end(): ReadonlySignal<CallEnd | null> {
    return this.#end;
  }
  get connectedOnce(): ReadonlySignal<boolean> {
    return this.#connectedOnce;
  }
  get generation(): number {
    return this.#generation.number;
  }

  /** The relay grants the call (again): a higher generation replaces the peer connection. */
  granted(granted: CallGranted): void {
    if (granted.generation <= this.#generation.number || this.#end.value !== null) return;
    this.#generation.scope.end();
    this.#generation = this.#open(granted);
    this.#refusal.value = null;
    this.#phase.value = this.#connectedOnce.value ? "interrupted" : "opening";
  }

  offer(offer: CallOffer): void {
    const generation = this.#generation;
    if (offer.generation !== generation.number || generation.peer !== null || this.#end.value !== null) return;
    run(this.#answer(generation, offer), (reason) => this.#failed(generation, reason));
  }

  candidate(candidate: CallCandidate): void {
    const generation = this.#generation;
    if (candidate.generation !== generation.number) return;
    if (generation.described) this.#add(generation, candidate);
    else if (generation.early.length < EARLY_CANDIDATES) generation.early.push(candidate);
  }

  /** The vehicle does not trust our binding. */
  refused(code: string): void {
    this.#refuse(this.#generation, code);
  }

  peerAway(away: boolean): void {
    this.#away.value = away;
    if (!away) this.#generation.since = this.world.now();
  }

  left(end: CallEnd): void {
    if (this.#end.value !== null) return;
    this.#end.value = end;
    this.#phase.value = "ended";
    this.#generation.scope.end();
  }

  /** The doctor ends the call for good, or puts the patient back in the queue. */
  leave(finished: boolean, by: string): void {
    if (this.#end.value !== null) return;
    this.#left = { type: "left", call_id: this.callId, finished, by };
    this.world.signal(this.#left);
    this.left({ finished, by });
  }

  /** This page lost its peer connection: asks for the next generation, once for each. */
  rejoin(cause: string): void {
    const generation = this.#generation;
    if (generation.rejoined || this.#end.value !== null) return;
    generation.rejoined = true;
    generation.since = this.world.now();
    this.world.signal({ type: "rejoin", call_id: this.callId, generation: generation.number, cause });
  }

  /** The relay lost our session, and with it what we had said: what still counts is said again. */
  relayForgot(): void {
    // It forgot too who was away: that the vehicle came back while it restarted it will never say.
    this.#away.value = false;
    if (this.#left !== null) {
      this.world.signal(this.#left);
    } else if (this.#generation.state !== "connected") {
      this.#generation.rejoined = false;
      this.rejoin("call.relay_restarted");
    }
  }

  ask(instrumentId: string, words: string): boolean {
    return this.#generation.channels?.ask(crypto.randomUUID(), instrumentId, words) ?? false;
  }

  withdraw(requestId: string): boolean {
    return this.#generation.channels?.withdraw(requestId) ?? false;
  }

  /** Wants an examination camera as the live picture, or the room again; false: there is no line now. */
  show(instrumentId: string | null): boolean {
    return this.#generation.channels?.show(instrumentId) ?? false;
  }

  /** Wants a stethoscope's sound, or silence again; false: there is no line now. */
  listen(instrumentId: string | null): boolean {
    return this.#generation.channels?.listen(instrumentId) ?? false;
  }

  openStill(stillId: string): void {
    const { channels } = this.#generation;
    if (channels === null) this.record.want(stillId);
    else channels.open(stillId);
  }

  #open(granted: CallGranted): Generation {
    return {
      number: granted.generation,
      scope: this.scope.child(),
      ice: granted.ice_servers,
      early: [],
      peer: null,
      channels: null,
      described: false,
      state: "new",
      since: this.world.now(),
      rejoined: false,
      stood: false,
    };
  }

  async #answer(generation: Generation, offer: CallOffer): Promise<void> {
    const { identity } = this;
    const expected = {
      callId: this.callId,
      generation: generation.number,
      vehicleId: this.vehicle.vehicle_id,
      doctorId: identity.doctorId,
    };
    const peer = this.#peer(generation);
    await verifyVehicle(offer.binding, offer.sdp, expected, identity.ca, this.world.clock());
    const answer = await peer.answer(offer.sdp);
    const binding = await signDoctor(
      expected,
      answer,
      onlyFingerprint(offer.sdp),
      identity.certificate,
      identity.key,
    );
    if (generation.scope.ended) return;
    this.world.signal({
      type: "answer",
      call_id: this.callId,
      generation: generation.number,
      sdp: answer,
      binding,
    });
    await peer.settle(answer);
    generation.described = true;
    for (const candidate of generation.early.splice(0)) this.#add(generation, candidate);
  }

  #peer(generation: Generation): CallPeer {
    const peer = this.world.peer(generation.ice, {
      opened: () => generation.channels?.opened(),
      control: (data) => generation.channels?.control(data),
      binary: (data) => generation.channels?.binary(data),
      candidate: (candidate) => this.#sendCandidate(generation, candidate),
      state: (state) => this.#moved(generation, state),
      stethoscope: (stream) => {
        if (!generation.scope.ended) this.#stethoscope.value = stream;
      },
    });
    generation.scope.add(() => {
      this.#stethoscope.value = null;
    });
    generation.peer = peer;
    generation.scope.add(() => peer.close());
    generation.channels = new DoctorChannels(generation.scope, this.record, {
      send: (message) => peer.send(message),
      shown: () => this.world.shown(),
      now: () => this.world.now(),
    });
    return peer;
  }

  #sendCandidate(generation: Generation, candidate: RTCIceCandidate | null): void {
    if (generation.scope.ended) return;
    this.world.signal({
      type: "candidate",
      call_id: this.callId,
      generation: generation.number,
      candidate: candidate?.candidate ?? "",
      sdp_mid: candidate?.sdpMid ?? "",
      sdp_m_line_index: candidate?.sdpMLineIndex ?? 0,
    });
  }

  #add(generation: Generation, candidate: CallCandidate): void {
    const hint: RTCIceCandidateInit = {
      candidate: candidate.candidate,
      sdpMid: candidate.sdp_mid === "" ? null : candidate.sdp_mid,
      sdpMLineIndex: candidate.sdp_m_line_index,
    };
    const { peer } = generation;
    if (peer !== null) run(peer.addCandidate(hint), () => undefined);
  }

  #moved(generation: Generation, state: RTCPeerConnectionState): void {
    if (generation !== this.#generation || generation.scope.ended) return;
    generation.state = state;
    generation.since = this.world.now();
    if (state === "connected") {
      generation.stood = true;
      this.#phase.value = "connected";
      this.#connectedOnce.value = true;
      this.connectedAt.value ??= this.world.now();
    } else if (state === "failed" && generation.stood) {
      this.#interrupted();
    } else if (state === "failed" || state === "closed") {
      this.#interrupted();
      this.rejoin("call.connection_failed");
    }
  }

  #watch(): void {
    if (this.#end.value !== null || this.#phase.value === "refused") return;
    const generation = this.#generation;
    const waited = this.world.now() - generation.since;
    if (generation.state === "connected") {
      const silence = generation.channels?.silence() ?? 0;
      if (silence > INTERRUPTED_MS) this.#interrupted();
      else this.#phase.value = "connected";
      if (silence > SILENT_MS) this.rejoin("call.silent");
    } else if (generation.state === "disconnected" || (generation.state === "failed" && generation.stood)) {
      this.#interrupted();
      if (waited > DISCONNECTED_MS) this.rejoin("call.disconnected");
    }
    const opening = !generation.stood && generation.state !== "connected" && generation.state !== "disconnected";
    const since = this.world.now() - generation.since;
    if ((opening || generation.rejoined) && since > OPENING_MS && !this.#away.value) {
      generation.rejoined = false;
      this.rejoin("call.no_answer");
    }
  }

  #interrupted(): void {
    this.#phase.value = this.#connectedOnce.value ? "interrupted" : "opening";
  }

  #failed(generation: Generation, reason: unknown): void {
    if (generation.scope.ended) return;
    if (reason instanceof BindingRefused) {
      this.world.signal({
        type: "refused",
        call_id: this.callId,
        generation: generation.number,
        code: reason.code,
      });
      this.#refuse(generation, reason.code);
      return;
    }
    this.rejoin("call.answer_failed");
  }

  #refuse(generation: Generation, code: string): void {
    this.#refusal.value = code;
    this.#phase.value = "refused";
    generation.scope.end();
  }
}
