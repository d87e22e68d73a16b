// A guest's visit: the link, the door, the call, the end. The page shows it; what a socket and a peer connection are is
// injected.
import { computed, signal, type ReadonlySignal } from "@preact/signals";
import type { DoctorCard, FrameFromGuest, FrameToGuest, GuestCard, GuestDoor, GuestOffer, IceServer, Side, VehicleCard, Welcome } from "../protocol/types";
import { bind, GuestBindingRefused, importKey, makeKey, verify } from "./guest_binding";
import { readLink, type GuestLink } from "./guest_link";
import { GuestPair, type PairPeer } from "./guest_pair";
import { run, Scope } from "./scope";
import { Signalling, type LinkState, type SignallingWorld } from "./signalling";

/** A relay that restarts is back in about a second; a guest who reads the page sees it come. */
const KNOCK_AGAIN_MS = 3000;
/** The last word of a guest who leaves is on its way within a round trip; then the socket closes. */
const FAREWELL_MS = 2000;

const KEPT = "passerelle.guest";

export type FromGuest = FrameFromGuest["body"];
export type ToGuest = FrameToGuest["body"];

/** `starting` asks whose link it is, `door` waits for the person, `entering` opens devices and the line. */
export type VisitScreen = "starting" | "door" | "entering" | "inside" | "over";

const STEPS: Readonly<Record<VisitScreen, readonly VisitScreen[]>> = {
  starting: ["door", "entering", "over"],
  door: ["starting", "entering", "over"],
  entering: ["inside", "door", "over"],
  inside: ["over"],
  over: ["starting", "entering"],
};

/** Codes after which this page may go on by a touch; after all others of `guest.` the link is of no more use. */
const RETURNS: ReadonlySet<string> = new Set(["session.replaced", "version.unsupported"]);
/** Refused for now: the relay wants fewer tries. */
const LATER = "guest.wait";

/** The peer connection of one generation with one host, as `src/rtc/guest_answer.ts` makes it. */
export interface GuestPeer extends PairPeer {
  answer(offer: string): Promise<string>;
  settle(answer: string): Promise<void>;
}

export interface GuestPeerEvents {
  candidate(candidate: RTCIceCandidate | null): void;
  state(state: RTCPeerConnectionState): void;
}

export interface VisitWorld {
  /** Survives a reload of this tab, and nothing else. */
  shelf: Pick<Storage, "getItem" | "setItem" | "removeItem">;
  /** Asks whose link it is; throws an error with a `code`. */
  knock(token: string): Promise<GuestDoor>;
  socket: Pick<SignallingWorld, "open" | "now" | "random">;
  /** Opens the microphone, and the camera if it is wanted: null, or why there is no microphone. */
  devices(): Promise<string | null>;
  release(): void;
  peer(host: Side, iceServers: readonly IceServer[], events: GuestPeerEvents): GuestPeer;
}

interface Kept {
  readonly link: GuestLink;
  /** This page's own, by which it comes back. */
  readonly resume: string;
  readonly entered: boolean;
  readonly over: string | null;
}

/** Who is in the call, as the guest sees it. */
export interface Company {
  readonly callId: string;
  readonly guest: GuestCard;
  readonly doctor: DoctorCard;
  readonly vehicle: VehicleCard;
}

/** A code for a sentence on the page, with its facts. */
export interface VisitProblem {
  readonly code: string;
  readonly facts: Readonly<Record<string, string>>;
}

export class GuestVisit {
  readonly #screen = signal<VisitScreen>("starting");
  readonly #door = signal<GuestDoor | null>(null);
  readonly #problem = signal<VisitProblem | null>(null);
  readonly #company = signal<Company | null>(null);
  readonly #signalling = signal<Signalling<FromGuest, ToGuest> | null>(null);
  readonly #pairs = signal<Readonly<Record<Side, GuestPair<GuestPeer>>> | null>(null);
  #kept: Kept | null = null;
  #key: CryptoKey | null = null;
  #stay = new Scope();
  /** Ends with the person's part; the line to the relay lives on for its last word. */
  #media = new Scope();
  #ice: readonly IceServer[] = [];
  /** The line to the relay, whichever signalling holds it. */
  readonly link: ReadonlySignal<LinkState> = computed(() => this.#signalling.value?.state.value ?? "connecting");

  constructor(
    readonly scope: Scope,
    readonly world: VisitWorld,
  ) {
    scope.add(() => this.#stay.end());
  }

  get screen(): ReadonlySignal<VisitScreen> {
    return this.#screen;
  }
  /** Who invites, and as what; null after a reload, when the page has entered already. */
  get door(): ReadonlySignal<GuestDoor | null> {
    return this.#door;
  }
  get problem(): ReadonlySignal<VisitProblem | null> {
    return this.#problem;
  }
  get company(): ReadonlySignal<Company | null> {
    return this.#company;
  }
  get pairs(): ReadonlySignal<Readonly<Record<Side, GuestPair<GuestPeer>>> | null> {
    return this.#pairs;
  }

  /** Takes the link of the address, or the one this tab came with before it was reloaded. */
  start(fragment: string): void {
    this.#stay.end();
    this.#stay = this.scope.child();
    this.#move("starting");
    const link = readLink(fragment);
    const kept = this.#read();
    this.#kept = link !== null && link.token !== kept?.link.token
      ? { link, resume: makeKey(), entered: false, over: null }
      : kept;
    if (this.#kept === null || (link === null && fragment.length > 1)) {
      this.#over("guest.link_incomplete");
      return;
    }
    this.#keep(this.#kept);
    if (this.#kept.over !== null) this.#over(this.#kept.over);
    else if (this.#kept.entered) this.enter();
    else this.#knock();
  }

  /** The person wants in: devices first, then the link is used up. */
  enter(): void {
    const screen = this.#screen.value;
    if (screen === "entering" || screen === "inside" || this.#kept === null) return;
    this.#problem.value = null;
    this.#move("entering");
    run(this.#enter(this.#kept), () => this.#back("page.failed"));
  }

  /** The person goes, for good. */
  leave(): void {
    const company = this.#company.value;
    const signalling = this.#signalling.value;
    if (company === null || signalling === null) return;
    signalling.send({ type: "guest_left", call_id: company.callId, guest_id: company.guest.guest_id, by: "" });
    this.#over("guest.left", FAREWELL_MS);
  }

  /** The network came back. */
  nudge(): void {
    this.#signalling.value?.nudge();
  }

  #knock(): void {
    const kept = this.#kept;
    if (kept === null) return;
    // Another link may be opened in this tab meanwhile: what is said of this one is not said of that.
    const stay = this.#stay;
    run(
      this.world.knock(kept.link.token).then((door) => {
        if (stay.ended || this.#screen.value !== "starting") return;
        this.#door.value = door;
        this.#problem.value = null;
        this.#move("door");
      }),
      (error) => {
        if (!stay.ended) this.#notLetIn(error);
      },
    );
  }

  #notLetIn(error: unknown): void {
    if (this.#screen.value !== "starting") return;
    const { code, facts } = told(error);
    if (code.startsWith("guest.") && code !== LATER) {
      this.#over(code);
      return;
    }
    this.#problem.value = { code, facts };
    const seconds = Number(facts["seconds"] ?? 0);
    this.#stay.after(Math.max(KNOCK_AGAIN_MS, seconds * 1000), () => this.#knock());
  }

  async #enter(kept: Kept): Promise<void> {
    const stay = this.#stay;
    const fault = await this.world.devices();
    if (stay.ended) return;
    if (fault !== null) {
      this.#back(fault);
      return;
    }
    this.#key = await importKey(kept.link.key);
    if (stay.ended) return;
    this.#media = stay.child();
    const signalling = new Signalling<FromGuest, ToGuest>(
      stay.child(),
      {
        ...this.world.socket,
        role: "guest",
        resumeToken: kept.resume,
        // The link opens once; from then on the page is known by what it made itself.
        token: () => Promise.resolve(this.#kept?.entered === true ? "" : kept.link.token),
        final: (code) => code !== LATER && (code.startsWith("guest.") || code === "forbidden"),
      },
      {
        received: (body) => this.#received(body),
        welcomed: (welcome) => this.#welcomed(welcome),
        dismissed: (code) => this.#over(code),
        signedOut: () => undefined,
      },
    );
    this.#signalling.value = signalling;
    signalling.start();
  }

  #welcomed(welcome: Welcome): void {
    const { guest, doctor, vehicle, call_id: callId } = welcome;
    if (guest === null || doctor === null || vehicle === null || callId === null || this.#kept === null) {
      this.#over("version.unsupported");
      return;
    }
    this.#ice = welcome.ice_servers;
    this.#company.value = { callId, guest, doctor, vehicle };
    this.#keep({ ...this.#kept, entered: true });
    const pairs = this.#pairs.value;
    if (pairs === null) this.#pairs.value = { vehicle: this.#pair("vehicle"), doctor: this.#pair("doctor") };
    else if (!welcome.resumed) for (const pair of Object.values(pairs)) pair.again();
    if (this.#screen.value === "entering") this.#move("inside");
  }

  #pair(host: Side): GuestPair<GuestPeer> {
    return new GuestPair<GuestPeer>(this.#media, {
      rejoin: (generation, cause) => this.#send({ type: "guest_rejoin", ...this.#of(host, generation), cause }),
      reachable: () => this.link.value === "online",
      now: () => this.world.socket.now(),
    });
  }

  #received(body: ToGuest): void {
    const pairs = this.#pairs.value;
    if (pairs === null) return;
    switch (body.type) {
      case "guest_offer": {
        const host = body.binding.host;
        const pair = pairs[host];
        const scope = pair.open(body.generation);
        if (scope !== null) run(this.#answer(pair, host, scope, body), (reason) => this.#failed(pair, host, scope, reason));
        break;
      }
      case "guest_candidate":
        pairs[body.host].candidate(body);
        break;
      case "guest_refused":
        if (body.generation === pairs[body.host].generation) pairs[body.host].refuse(body.code);
        break;
      case "guest_left":
        this.#over("guest.removed");
        break;
      case "error":
      case "welcome":
      case "nothing":
      case "dismissed":
        break;
    }
  }

  async #answer(pair: GuestPair<GuestPeer>, host: Side, scope: Scope, offer: GuestOffer): Promise<void> {
    const [key, company] = [this.#key, this.#company.value];
    if (key === null || company === null) return;
    const about = { host, callId: company.callId, guestId: company.guest.guest_id, generation: offer.generation };
    // Before the description is set, and before this machine looks for a way to anybody.
    const theirs = await verify(key, about, false, offer.binding, offer.sdp);
    if (scope.ended) return;
    const peer = this.world.peer(host, this.#ice, {
      candidate: (candidate) => {
        if (!scope.ended) this.#sendCandidate(host, offer.generation, candidate);
      },
      state: (state) => pair.moved(scope, state),
    });
    pair.take(scope, peer);
    const answer = await peer.answer(offer.sdp);
    const binding = await bind(key, about, true, answer, theirs);
    if (scope.ended) return;
    this.#send({
      type: "guest_answer",
      call_id: company.callId,
      guest_id: company.guest.guest_id,
      generation: offer.generation,
      sdp: answer,
      binding,
    });
    await peer.settle(answer);
    pair.described(scope);
  }

  #failed(pair: GuestPair<GuestPeer>, host: Side, scope: Scope, reason: unknown): void {
    if (scope.ended) return;
    if (reason instanceof GuestBindingRefused) {
      this.#send({ type: "guest_refused", ...this.#of(host, pair.generation), code: reason.code });
      pair.refuse(reason.code);
      return;
    }
    pair.lost("call.answer_failed");
  }

  #sendCandidate(host: Side, generation: number, candidate: RTCIceCandidate | null): void {
    this.#send({
      type: "guest_candidate",
      ...this.#of(host, generation),
      candidate: candidate?.candidate ?? "",
      sdp_mid: candidate?.sdpMid ?? "",
      sdp_m_line_index: candidate?.sdpMLineIndex ?? 0,
    });
  }

  #of(host: Side, generation: number): { call_id: string; guest_id: string; host: Side; generation: number } {
    const company = this.#company.value;
    return { call_id: company?.callId ?? "", guest_id: company?.guest.guest_id ?? "", host, generation };
  }

  #send(body: FromGuest): void {
    this.#signalling.value?.send(body);
  }

  /** Not in yet, by a fault that the person can mend. */
  #back(code: string): void {
    if (this.#screen.value !== "entering") return;
    this.#problem.value = { code, facts: {} };
    this.#move("door");
  }

  #over(code: string, linger = 0): void {
    if (this.#screen.value === "over") return;
    this.#problem.value = { code, facts: {} };
    this.#move("over");
    const returns = RETURNS.has(code);
    if (this.#kept !== null && !returns) {
      this.#keep({ ...this.#kept, link: { token: this.#kept.link.token, key: "" }, over: code });
    }
    this.world.release();
    this.#media.end();
    this.#pairs.value = null;
    const stay = this.#stay;
    this.#stay = this.scope.child();
    if (linger > 0) this.scope.after(linger, () => stay.end());
    else stay.end();
    this.#signalling.value = null;
  }

  #move(next: VisitScreen): void {
    const now = this.#screen.value;
    if (now === next) return;
    if (!STEPS[now].includes(next)) throw new Error(`visit: ${now} -> ${next}`);
    this.#screen.value = next;
  }

  #read(): Kept | null {
    try {
      return JSON.parse(this.world.shelf.getItem(KEPT) ?? "null") as Kept | null;
    } catch {
      return null;
    }
  }

  #keep(kept: Kept): void {
    this.#kept = kept;
    try {
      this.world.shelf.setItem(KEPT, JSON.stringify(kept));
    } catch {
      // A browser that keeps nothing: the visit goes on, a reload ends it.
    }
  }
}

function told(error: unknown): VisitProblem {
  const { code, facts } = (error ?? {}) as Partial<VisitProblem>;
  return { code: typeof code === "string" ? code : "page.failed", facts: facts ?? {} };
}
