// One connection between a guest and a host, over as many generations as it takes: what both ends know of it.
// A new generation is a new peer connection; who loses one asks for the next.
import { signal, type ReadonlySignal } from "@preact/signals";
import type { GuestCandidate } from "../protocol/types";
import { run, type Scope } from "./scope";

/** Offer, answer and ICE over a link of 800 ms round trip take 6 s; the relay of a bus at the edge a little more. */
const OPENING_MS = 10_000;
/** ICE gives a path up after 5 s without an answer (RFC 7675 lets it live for 30): a hole in a tunnel heals before. */
const DISCONNECTED_MS = 8000;
const WATCH_MS = 500;
/** Candidates that come before their description; a page gathers about 30. */
const EARLY_CANDIDATES = 64;

export type PairPhase = "waiting" | "opening" | "connected" | "interrupted" | "refused";

/** What a pair needs of a peer connection beside its descriptions. */
export interface PairPeer {
  addCandidate(candidate: RTCIceCandidateInit): Promise<void>;
  close(): void;
}

export interface PairWorld {
  /** Asks the relay for the next generation. */
  rejoin(generation: number, cause: string): void;
  /** Whether the other end can be reached at all: nobody asks for what cannot be answered. */
  reachable(): boolean;
  /** Monotonic milliseconds. */
  now(): number;
}

interface Generation<P> {
  readonly number: number;
  readonly scope: Scope;
  readonly early: GuestCandidate[];
  peer: P | null;
  described: boolean;
  state: RTCPeerConnectionState;
  since: number;
  asked: boolean;
}

export class GuestPair<P extends PairPeer> {
  readonly #phase = signal<PairPhase>("waiting");
  readonly #refusal = signal<string | null>(null);
  #generation: Generation<P> | null = null;
  #stood = false;

  constructor(
    readonly scope: Scope,
    readonly world: PairWorld,
  ) {
    scope.every(WATCH_MS, () => this.#watch());
  }

  get phase(): ReadonlySignal<PairPhase> {
    return this.#phase;
  }
  /** Why this connection is not trusted. */
  get refusal(): ReadonlySignal<string | null> {
    return this.#refusal;
  }
  /** 0: none yet. */
  get generation(): number {
    return this.#generation?.number ?? 0;
  }
  get peer(): P | null {
    return this.#generation?.peer ?? null;
  }

  /** The scope of the generation of the moment. */
  get current(): Scope | null {
    return this.#generation?.scope ?? null;
  }

  /** Starts a generation unless it is an old one; the scope in which it lives, or null. */
  open(number: number): Scope | null {
    if (this.scope.ended || number <= this.generation) return null;
    this.#generation?.scope.end();
    const scope = this.scope.child();
    this.#generation = {
      number,
      scope,
      early: [],
      peer: null,
      described: false,
      state: "new",
      since: this.world.now(),
      asked: false,
    };
    this.#refusal.value = null;
    this.#phase.value = this.#stood ? "interrupted" : "opening";
    return scope;
  }

  /** The peer connection of the generation whose scope this is; it is closed with it. */
  take(scope: Scope, peer: P): void {
    const generation = this.#of(scope);
    if (generation === null) {
      peer.close();
      return;
    }
    generation.peer = peer;
    scope.add(() => peer.close());
  }

  /** Both descriptions stand: the candidates that came before are added. */
  described(scope: Scope): void {
    const generation = this.#of(scope);
    if (generation === null) return;
    generation.described = true;
    for (const candidate of generation.early.splice(0)) this.#add(generation, candidate);
  }

  candidate(candidate: GuestCandidate): void {
    const generation = this.#generation;
    if (generation === null || candidate.generation !== generation.number || generation.scope.ended) return;
    if (generation.described) this.#add(generation, candidate);
    else if (generation.early.length < EARLY_CANDIDATES) generation.early.push(candidate);
  }

  moved(scope: Scope, state: RTCPeerConnectionState): void {
    const generation = this.#of(scope);
    if (generation === null || this.#phase.value === "refused") return;
    generation.state = state;
    generation.since = this.world.now();
    if (state === "connected") {
      this.#stood = true;
      this.#phase.value = "connected";
    } else if (state === "failed" || state === "closed") {
      this.#interrupted();
      this.lost("call.connection_failed");
    } else if (state === "disconnected") {
      this.#interrupted();
    }
  }

  /** This end lost the connection: asks for the next generation, once for each. */
  lost(cause: string): void {
    const generation = this.#generation;
    if (generation === null || generation.asked || !this.world.reachable()) return;
    generation.asked = true;
    generation.since = this.world.now();
    this.world.rejoin(generation.number, cause);
  }

  /** No media to or from an end that is not the one it says. */
  refuse(code: string): void {
    this.#refusal.value = code;
    this.#phase.value = "refused";
    this.#generation?.scope.end();
  }

  /** The other end may have come back, or the relay forgot what was asked: the wait begins anew. */
  again(): void {
    const generation = this.#generation;
    if (generation === null) return;
    generation.asked = false;
    generation.since = this.world.now();
  }

  #of(scope: Scope): Generation<P> | null {
    const generation = this.#generation;
    return generation !== null && generation.scope === scope && !scope.ended ? generation : null;
  }

  #watch(): void {
    const generation = this.#generation;
    if (generation === null || this.#phase.value === "refused" || generation.state === "connected") return;
    const waited = this.world.now() - generation.since;
    // What was asked for did not come: it is asked for again.
    if (waited > OPENING_MS) generation.asked = false;
    switch (generation.state) {
      case "disconnected":
        if (waited > DISCONNECTED_MS) this.lost("call.disconnected");
        break;
      case "failed":
      case "closed":
        // Said when it failed, unless the relay was away then.
        this.lost("call.connection_failed");
        break;
      case "new":
      case "connecting":
        if (waited > OPENING_MS) this.lost("call.no_answer");
        break;
    }
  }

  #interrupted(): void {
    this.#phase.value = this.#stood ? "interrupted" : "opening";
  }

  #add(generation: Generation<P>, candidate: GuestCandidate): void {
    const hint: RTCIceCandidateInit = {
      candidate: candidate.candidate,
      sdpMid: candidate.sdp_mid === "" ? null : candidate.sdp_mid,
      sdpMLineIndex: candidate.sdp_m_line_index,
    };
    const { peer } = generation;
    if (peer !== null) run(peer.addCandidate(hint), () => undefined);
  }
}
