// One call of the doctor's page over as many generations as it takes: verifies, answers, comes back by itself.
import { computed, signal, type ReadonlySignal } from "@preact/signals";
import type { CallCandidate, CallGranted, CallOffer, ControlToVehicle, VehicleCard } from "../protocol/types";
import { BindingRefused, onlyFingerprint, signDoctor, verifyVehicle } from "./binding";
import type { CallPeer, CallWorld, DoctorIdentity } from "./call_peer";
import { newGeneration, type Generation } from "./call_generation";
import { CallPulse } from "./call_pulse";
import { CallReport } from "./call_report";
import { DoctorChannels } from "./doctor_channels";
import type { EncounterRecord } from "./doctor_record";
import { run, Scope } from "./scope";
import type { FromDoctor } from "./signalling";

/** Three beats missed: the doctor is told that the picture is not live. */
const INTERRUPTED_MS = 3000;
/** A path that is silent for that long is given up, also when the browser still calls it connected. The vehicle asks
 * for the next one after 6 s, when it can: who asks while it is out of reach ends a call that heals by itself. */
const SILENT_MS = 30_000;
/** What stood once heals by itself when the network comes back, or over the vehicle's other uplink. While the vehicle is
 * away nobody could answer, and its own checks bring the connection back first, however long that took. */
const DISCONNECTED_MS = 30_000;
/** From granted to connected: an offer, an answer and ICE over a link of 800 ms round trip need 6 s. */
const OPENING_MS = 8000;
/** Candidates that come before their description; a page gathers about 30. */
const EARLY_CANDIDATES = 64;
/** Heard that lately, what was given up stands again. */
const HEALED_MS = 1000;

export type { CallPeer, CallPeerEvents, CallWorld, DoctorIdentity } from "./call_peer";

export type CallPhase = "opening" | "connected" | "interrupted" | "refused" | "ended";

/** Who ended the call, and whether for good. */
export interface CallEnd {
  readonly finished: boolean;
  readonly by: string;
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
  /** How often `control` has opened: what must be said on every connection is said again. */
  readonly opened = signal(0);
  readonly report = new CallReport();
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
    this.report.ended();
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
    } else if (this.#generation.state !== "connected" || this.#generation.rejoined) {
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

  /** Wants an examination camera as the live picture, the room small beside it or not, or the room again; false: there
   * is no line now. */
  show(instrumentId: string | null, beside = false): boolean {
    return this.#generation.channels?.show(instrumentId, beside) ?? false;
  }

  /** Says something on `control`; false: there is no line now. */
  tell(message: ControlToVehicle): boolean {
    return this.#generation.peer?.send(message) ?? false;
  }

  /** Milliseconds since the vehicle was heard on a connection that stood; null where none did. */
  get silence(): number | null {
    const { stood, channels } = this.#generation;
    return stood && channels !== null ? channels.silence() : null;
  }

  /** Milliseconds since sound or a picture came; null where none flows. */
  get flow(): number | null {
    const { stood, peer } = this.#generation;
    return stood && peer !== null ? peer.flow() : null;
  }

  /** Our own address on the way in use; null where the browser hides it. */
  get localAddress(): string | null {
    return this.report.figures.value?.localAddress ?? null;
  }

  /** What stood may be gone without a word: it is given up unless the vehicle is heard within `milliseconds`. */
  doubt(milliseconds: number): void {
    const since = this.world.now();
    if (this.#generation.stood) this.#generation.doubt = { since, until: since + milliseconds };
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
    return newGeneration(granted, this.scope.child(), this.world.now());
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
      opened: () => {
        generation.channels?.opened();
        this.opened.value += 1;
      },
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
      quality: (quality) => this.report.told(quality, this.world.now()),
      problem: (notice) => {
        this.report.problem.value = notice;
      },
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
      if (!generation.stood) this.#pulse(generation);
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

  #pulse(generation: Generation): void {
    const { peer } = generation;
    if (peer === null) return;
    const pulse = new CallPulse(generation.scope, this.report, {
      statistics: () => peer.statistics(),
      adapt: (sending) => peer.adapt(sending),
      tell: (reception) => peer.send({ type: "reception", reception }),
      heard: () => generation.channels?.heard(),
      reached: () => this.#phase.value === "connected",
      now: () => this.world.now(),
    });
    pulse.start();
  }

  #watch(): void {
    if (this.#end.value !== null || this.#phase.value === "refused") return;
    const generation = this.#generation;
    this.#doubts(generation);
    const waited = this.world.now() - generation.since;
    if (generation.state === "connected") {
      const silence = generation.channels?.silence() ?? 0;
      if (silence > INTERRUPTED_MS) this.#interrupted();
      else this.#phase.value = "connected";
      if (silence > SILENT_MS && !this.#away.value) this.rejoin("call.silent");
      // It came back by itself before the next one was granted: no second asking.
      if (silence < HEALED_MS && waited > OPENING_MS / 2) generation.rejoined = false;
    } else if (generation.state === "disconnected" || (generation.state === "failed" && generation.stood)) {
      this.#interrupted();
      if (waited > DISCONNECTED_MS && !this.#away.value) this.rejoin("call.disconnected");
    }
    const opening = !generation.stood && generation.state !== "connected" && generation.state !== "disconnected";
    const since = this.world.now() - generation.since;
    if ((opening || generation.rejoined) && since > OPENING_MS && !this.#away.value) {
      generation.rejoined = false;
      this.rejoin("call.no_answer");
    }
    this.#say();
  }

  #doubts(generation: Generation): void {
    const { doubt, channels } = generation;
    const now = this.world.now();
    if (doubt === null || now < doubt.until) return;
    generation.doubt = null;
    if ((channels?.silence() ?? 0) >= now - doubt.since) this.rejoin("call.silent");
  }

  /** What the screen says of silence and of a picture that stands still. */
  #say(): void {
    const now = this.world.now();
    const silent = this.#phase.value === "interrupted" ? (this.silence ?? now - this.#generation.since) : null;
    const code = this.record.situation.value?.media.camera_code ?? null;
    const paused = code === "picture.paused_thin" || this.report.quality.value?.picture === "paused";
    this.report.watch(now, this.world.clock(), silent, paused && silent === null);
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
