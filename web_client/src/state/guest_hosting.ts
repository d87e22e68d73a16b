// The guests of one call, on the doctor's page: links, the connection with each, and what the vehicle must know.
// The page makes each link's key and tells it the vehicle inside the call; the relay has the other half.
import { computed, effect, signal, untracked, type ReadonlySignal, type Signal } from "@preact/signals";
import type {
  ControlToVehicle,
  GuestAnswer,
  GuestCandidate,
  GuestCard,
  GuestEntered,
  GuestInvitation,
  GuestRole,
  GuestState,
  GuestView,
  IceServer,
} from "../protocol/types";
import { bind, GuestBindingRefused, importKey, makeKey, verify } from "./guest_binding";
import { writeLink } from "./guest_link";
import { GuestPair, type PairPeer } from "./guest_pair";
import { GuestShelf, type Kept, type Shelf } from "./guest_shelf";
import { run, type Scope } from "./scope";
import type { FromDoctor, ToDoctor } from "./signalling";

const HOST = "doctor" as const;

/** What the relay says of guests. */
export type GuestMessage = Extract<ToDoctor, { type: `guest_${string}` }>;

/** The peer connection of one generation with a guest, as `src/rtc/guest_offer.ts` makes it. */
export interface HostPeer extends PairPeer {
  offer(): Promise<string>;
  /** Of the offer that was set (RFC 8122). */
  fingerprint(): string;
  /** Sets the offer: candidates are gathered from here on. */
  begin(offer: string): Promise<void>;
  accept(answer: string): Promise<void>;
}

export interface HostPeerEvents {
  candidate(candidate: RTCIceCandidate | null): void;
  state(state: RTCPeerConnectionState): void;
  track(track: MediaStreamTrack): void;
}

export interface HostingWorld {
  readonly callId: string;
  readonly origin: string;
  /** Asks the relay for a link; throws an error with a `code`. */
  invite(role: GuestRole, name: string): Promise<GuestInvitation>;
  /** Says something to the vehicle inside the call; false: there is no line now. */
  tell(message: ControlToVehicle): boolean;
  /** Counts the openings of that line: what was said is said again. */
  readonly opened: ReadonlySignal<number>;
  /** What the vehicle says of the guests. */
  readonly situation: ReadonlySignal<readonly GuestView[]>;
  readonly live: ReadonlySignal<boolean>;
  signal(body: FromDoctor): void;
  online(): boolean;
  peer(iceServers: readonly IceServer[], events: HostPeerEvents): HostPeer;
  /** Survives a reload of this tab, and nothing else. */
  shelf: Shelf;
  /** Monotonic milliseconds. */
  now(): number;
  /** Milliseconds since the epoch. */
  clock(): number;
}

/** A guest on the doctor's screen. */
export interface HostedGuest {
  readonly guest: GuestCard;
  /** `expired`: nobody came by the link in time. */
  readonly state: GuestState | "expired" | "refused";
  /** While it can still be used. */
  readonly link: string | null;
  readonly expiresAt: number | null;
  readonly refusal: string | null;
  readonly voice: MediaStreamTrack | null;
  readonly picture: MediaStreamTrack | null;
}

interface Tracks {
  readonly voice: MediaStreamTrack | null;
  readonly picture: MediaStreamTrack | null;
}
const NO_TRACKS: Tracks = { voice: null, picture: null };

/** One guest's life on this page. */
class Hosted {
  readonly kept: Signal<Kept | null>;
  readonly entered = signal(false);
  readonly away = signal(false);
  readonly left = signal(false);
  readonly tracks = signal<Tracks>(NO_TRACKS);

  constructor(
    readonly guest: GuestCard,
    kept: Kept | null,
    readonly scope: Scope,
    readonly pair: GuestPair<HostPeer>,
  ) {
    this.kept = signal(kept);
  }
}

export class GuestHosting {
  readonly #shelf: GuestShelf;
  readonly #hosted = signal<ReadonlyMap<string, Hosted>>(new Map());
  /** Moves on when a link's time is up. */
  readonly #tick = signal(0);
  readonly guests: ReadonlySignal<readonly HostedGuest[]>;

  constructor(
    readonly scope: Scope,
    readonly world: HostingWorld,
  ) {
    this.#shelf = new GuestShelf(world.shelf, world.callId);
    for (const kept of this.#shelf.read()) this.#host(kept.guest, kept);
    this.guests = computed(() => this.#all());
    scope.every(1000, () => {
      this.#tick.value += 1;
    });
    // `control` opened, or opened anew after an outage or a restart of the gateway: it may know nothing.
    scope.add(effect(() => {
      if (this.world.opened.value > 0) untracked(() => this.#sayAll());
    }));
    scope.add(effect(() => {
      if (!this.world.live.value) untracked(() => this.#end());
    }));
  }

  /** A link for this person; throws an error with a `code`. */
  async invite(role: GuestRole, name: string): Promise<string> {
    const invitation = await this.world.invite(role, name);
    const kept: Kept = {
      guest: invitation.guest,
      key: makeKey(),
      token: invitation.token,
      expiresAt: invitation.expires_at,
      removed: false,
    };
    this.#host(kept.guest, kept);
    this.#write();
    this.#say(kept);
    return kept.guest.guest_id;
  }

  /** Out of the call, or the link taken back; for good. */
  remove(guestId: string): void {
    const hosted = this.#hosted.value.get(guestId);
    const guest = hosted?.guest ?? this.world.situation.value.find((view) => view.guest.guest_id === guestId)?.guest;
    if (guest === undefined) return;
    this.world.signal({ type: "guest_left", call_id: this.world.callId, guest_id: guestId, by: "" });
    this.world.tell({ type: "guest_removed", guest_id: guestId });
    const known = hosted ?? this.#host(guest, null);
    const before = known.kept.value;
    // Kept as removed: it is said again to a vehicle that did not hear it.
    known.kept.value = { guest, key: "", token: "", expiresAt: before?.expiresAt ?? "", removed: true };
    this.#leave(known);
    this.#write();
  }

  received(body: GuestMessage): void {
    switch (body.type) {
      case "guest_entered":
        if (body.call_id === this.world.callId) this.#entered(body);
        break;
      case "guest_answer":
        this.#answered(body);
        break;
      case "guest_candidate":
        this.#candidate(body);
        break;
      case "guest_refused": {
        const hosted = this.#hosted.value.get(body.guest_id);
        if (hosted !== undefined && body.generation === hosted.pair.generation) hosted.pair.refuse(body.code);
        break;
      }
      case "guest_away": {
        const hosted = this.#hosted.value.get(body.guest_id);
        if (hosted === undefined) return;
        hosted.away.value = body.away;
        if (!body.away && hosted.pair.phase.value !== "connected") hosted.pair.again();
        break;
      }
      case "guest_left": {
        const hosted = this.#hosted.value.get(body.guest_id);
        if (hosted === undefined) return;
        this.#leave(hosted);
        this.#write();
        break;
      }
    }
  }

  #host(guest: GuestCard, kept: Kept | null): Hosted {
    const scope = this.scope.child();
    const pair: GuestPair<HostPeer> = new GuestPair(scope, {
      rejoin: (generation, cause) =>
        this.world.signal({ type: "guest_rejoin", ...this.#of(guest), generation, cause }),
      reachable: () => this.world.online() && !made.away.value,
      now: () => this.world.now(),
    });
    const made: Hosted = new Hosted(guest, kept, scope, pair);
    if (kept?.removed === true) this.#leave(made);
    this.#hosted.value = new Map([...this.#hosted.value, [guest.guest_id, made]]);
    return made;
  }

  #of(guest: GuestCard): { call_id: string; guest_id: string; host: typeof HOST } {
    return { call_id: this.world.callId, guest_id: guest.guest_id, host: HOST };
  }

  #entered(entered: GuestEntered): void {
    const hosted = this.#hosted.value.get(entered.guest.guest_id) ?? this.#host(entered.guest, null);
    if (hosted.left.value) return;
    hosted.entered.value = true;
    hosted.away.value = false;
    const kept = hosted.kept.value;
    if (kept !== null && kept.token !== "") {
      hosted.kept.value = { ...kept, token: "" };
      this.#write();
    }
    const scope = hosted.pair.open(entered.generation);
    if (scope === null) return;
    if (kept === null) {
      // Invited from a page whose key is gone: nothing of this person can be verified here.
      hosted.pair.refuse("guest.key_missing");
      return;
    }
    run(this.#offer(hosted, kept, scope, entered), (reason) => this.#failed(hosted, scope, reason));
  }

  async #offer(hosted: Hosted, kept: Kept, scope: Scope, entered: GuestEntered): Promise<void> {
    const { pair } = hosted;
    const key = await importKey(kept.key);
    if (scope.ended) return;
    const peer = this.world.peer(entered.ice_servers, {
      candidate: (candidate) => {
        if (!scope.ended) this.#sendCandidate(hosted, entered.generation, candidate);
      },
      state: (state) => pair.moved(scope, state),
      track: (track) => {
        if (scope.ended) return;
        hosted.tracks.value = { ...hosted.tracks.value, [track.kind === "audio" ? "voice" : "picture"]: track };
      },
    });
    pair.take(scope, peer);
    scope.add(() => {
      hosted.tracks.value = NO_TRACKS;
    });
    const offer = await peer.offer();
    const binding = await bind(key, this.#about(hosted, entered.generation), false, offer);
    if (scope.ended) return;
    this.world.signal({
      type: "guest_offer",
      call_id: this.world.callId,
      guest_id: hosted.guest.guest_id,
      generation: entered.generation,
      sdp: offer,
      binding,
    });
    await peer.begin(offer);
  }

  #answered(answer: GuestAnswer): void {
    const hosted = this.#hosted.value.get(answer.guest_id);
    if (hosted === undefined || answer.generation !== hosted.pair.generation || hosted.left.value) return;
    const scope = hosted.pair.current;
    const { peer } = hosted.pair;
    const kept = hosted.kept.value;
    if (scope === null || peer === null || kept === null) return;
    run(this.#accept(hosted, kept, scope, peer, answer), (reason) => this.#failed(hosted, scope, reason));
  }

  async #accept(hosted: Hosted, kept: Kept, scope: Scope, peer: HostPeer, answer: GuestAnswer): Promise<void> {
    const key = await importKey(kept.key);
    const own = peer.fingerprint();
    await verify(key, this.#about(hosted, answer.generation), true, answer.binding, answer.sdp, own);
    if (scope.ended) return;
    await peer.accept(answer.sdp);
    hosted.pair.described(scope);
  }

  #about(hosted: Hosted, generation: number) {
    return { host: HOST, callId: this.world.callId, guestId: hosted.guest.guest_id, generation };
  }

  #candidate(candidate: GuestCandidate): void {
    if (candidate.host === HOST) this.#hosted.value.get(candidate.guest_id)?.pair.candidate(candidate);
  }

  #sendCandidate(hosted: Hosted, generation: number, candidate: RTCIceCandidate | null): void {
    this.world.signal({
      type: "guest_candidate",
      ...this.#of(hosted.guest),
      generation,
      candidate: candidate?.candidate ?? "",
      sdp_mid: candidate?.sdpMid ?? "",
      sdp_m_line_index: candidate?.sdpMLineIndex ?? 0,
    });
  }

  #failed(hosted: Hosted, scope: Scope, reason: unknown): void {
    if (scope.ended) return;
    const { pair } = hosted;
    if (reason instanceof GuestBindingRefused) {
      const about = { ...this.#of(hosted.guest), generation: pair.generation };
      this.world.signal({ type: "guest_refused", ...about, code: reason.code });
      pair.refuse(reason.code);
      return;
    }
    pair.lost("call.offer_failed");
  }

  #leave(hosted: Hosted): void {
    hosted.left.value = true;
    const kept = hosted.kept.value;
    if (kept !== null) hosted.kept.value = { ...kept, key: "", token: "" };
    hosted.scope.end();
  }

  /** The call is over: so is everybody's part, and the keys are of no more use. */
  #end(): void {
    for (const hosted of this.#hosted.peek().values()) this.#leave(hosted);
    this.#shelf.clear();
  }

  #sayAll(): void {
    for (const { kept, left } of this.#hosted.peek().values()) {
      const held = kept.peek();
      if (held === null) continue;
      if (held.removed) this.world.tell({ type: "guest_removed", guest_id: held.guest.guest_id });
      else if (!left.peek()) this.#say(held);
    }
  }

  #say(kept: Kept): void {
    this.world.tell({ type: "guest_invited", guest: kept.guest, key: kept.key, expires_at: kept.expiresAt });
  }

  #all(): readonly HostedGuest[] {
    void this.#tick.value;
    const views = new Map(this.world.situation.value.map((view) => [view.guest.guest_id, view]));
    const mine = [...this.#hosted.value.values()].map((hosted) => this.#shown(hosted, views.get(hosted.guest.guest_id)));
    // Invited from another page of this doctor: the vehicle knows of them.
    const others = [...views.values()]
      .filter((view) => !this.#hosted.value.has(view.guest.guest_id))
      .map((view): HostedGuest => ({
        guest: view.guest, state: view.state, link: null, expiresAt: null, refusal: null, voice: null, picture: null,
      }));
    return [...mine, ...others].filter((each) => each.state !== "left");
  }

  #shown(hosted: Hosted, view: GuestView | undefined): HostedGuest {
    const kept = hosted.kept.value;
    const expiresAt = kept !== null && kept.token !== "" ? Date.parse(kept.expiresAt) : null;
    const expired = expiresAt !== null && this.world.clock() > expiresAt;
    const link = kept !== null && kept.token !== "" && !expired ? writeLink(this.world.origin, kept) : null;
    return {
      guest: hosted.guest,
      state: this.#state(hosted, view, expired),
      link,
      expiresAt,
      refusal: hosted.pair.refusal.value,
      ...hosted.tracks.value,
    };
  }

  #state(hosted: Hosted, view: GuestView | undefined, expired: boolean): HostedGuest["state"] {
    if (hosted.left.value || view?.state === "left") return "left";
    const phase = hosted.pair.phase.value;
    if (phase === "refused") return "refused";
    if (phase === "connected") return "present";
    if (hosted.away.value) return "away";
    if (phase === "interrupted") return "away";
    if (hosted.entered.value) return "connecting";
    return expired ? "expired" : "invited";
  }

  #write(): void {
    const kept = [...this.#hosted.peek().values()].flatMap(({ kept: each, left }) => {
      const held = each.peek();
      return held === null || (left.peek() && !held.removed) ? [] : [held];
    });
    this.#shelf.write(kept);
  }
}
