// A page's end of the signalling socket, a doctor's or a guest's: connects, resumes, backs off. What a socket and a
// token are is injected.
import { signal, type ReadonlySignal } from "@preact/signals";
import { SIGNALLING_MESSAGE_BYTES, SUBPROTOCOL, VERSION } from "../protocol/constants";
import type { FrameFromDoctor, FrameToDoctor, Hello, Welcome } from "../protocol/types";
import { BacklogFull, Numbering, type Frame } from "./numbering";
import { run, Scope } from "./scope";

/** A relay that restarts is back in about a second: the first tries are quick. */
const BACK_OFF_FIRST_MS = 250;
/** A doctor who waits for the line sees it come back within this. */
const BACK_OFF_LAST_MS = 5000;
/** TCP, TLS, upgrade and Welcome over a link of 800 ms round trip need about 4 s. */
const WELCOME_MS = 10_000;
/** An acknowledgement waits that long for a message to travel in. */
const ACK_MS = 100;
/** The relay confirms within `ACK_MS`: a frame unconfirmed for that long went into a dead socket. */
const CONFIRM_MS = 8000;
/** A token is good for ten minutes: a socket that comes back within half of that asks for no other, which would have
 * to pass a connection that may be dead. */
const TOKEN_KEPT_MS = 300_000;
/** One change of the network is told by several events; a socket needs that long to be welcomed. */
const RENEW_MS = 2000;

export type FromDoctor = FrameFromDoctor["body"];
export type ToDoctor = FrameToDoctor["body"];

/** What both roles' conversations have in common; their other messages are their own. */
type Message = { readonly type?: string };
type Plain = Hello | { type: "nothing" };
type Common = Extract<ToDoctor, { type: "welcome" | "dismissed" | "error" | "nothing" }>;

/** What we use of a WebSocket. */
export interface Socket {
  readonly protocol: string;
  send(text: string): void;
  close(): void;
  onopen: (() => void) | null;
  onmessage: ((event: { data: unknown }) => void) | null;
  onclose: (() => void) | null;
}

export interface SignallingWorld {
  open(subprotocol: string): Socket;
  /** A fresh token; throws an error with a `code` when the person is signed out or the relay is away. */
  token(): Promise<string>;
  now(): number;
  random(): number;
  /** Who greets; a doctor where it is not said. */
  readonly role?: Hello["role"];
  /** A resume token of the page's own making; the relay's where there is none. */
  readonly resumeToken?: string;
  /** Whether a refused Hello with this code is for good: asking again would bring the same. */
  final?(code: string): boolean;
}

export interface SignallingEvents<In = ToDoctor> {
  received(body: In): void;
  /** `resumed` false: the relay's memory of us is gone, snapshots follow. */
  welcomed(welcome: Welcome): void;
  /** The relay ended this session: the code says why, and we do not come back by ourselves. */
  dismissed(code: string): void;
  /** The sign-in does not hold any more. */
  signedOut(): void;
}

export type LinkState = "connecting" | "online" | "offline" | "ended";

/** One person's conversation with the relay, over as many sockets as it takes. */
export class Signalling<Out extends Message = FromDoctor, In extends Message = ToDoctor> {
  readonly #state = signal<LinkState>("connecting");
  readonly #numbering = new Numbering<Out | Plain>();
  #socket: Socket | null = null;
  #attempt = new Scope();
  #failures = 0;
  #oldest: number | null = null;
  #renewed = -Infinity;
  #token: { readonly value: string; readonly at: number } | null = null;
  #acknowledging: (() => void) | null = null;

  constructor(
    readonly scope: Scope,
    readonly world: SignallingWorld,
    readonly events: SignallingEvents<In>,
  ) {
    scope.add(() => this.#drop());
    scope.every(1000, () => this.#watch());
  }

  get state(): ReadonlySignal<LinkState> {
    return this.#state;
  }

  start(): void {
    run(this.#connect(), () => this.#lost());
  }

  /** The network came back: no need to sit the back-off out. */
  nudge(): void {
    if (this.#state.value === "online" || this.#state.value === "ended") return;
    this.#drop();
    this.start();
  }

  /** This machine slept or is on another network: the socket may be dead without a word. A new one resumes. */
  renew(): void {
    const now = this.world.now();
    if (this.#state.value === "ended" || now - this.#renewed < RENEW_MS) return;
    this.#renewed = now;
    if (this.#state.value === "online") this.#state.value = "connecting";
    this.#drop();
    this.start();
  }

  /** Sends now or after the break; a full backlog starts a new session from snapshots. */
  send(body: Out): void {
    let frame: Frame<Out | Plain>;
    try {
      frame = this.#numbering.out(body);
    } catch (error) {
      if (!(error instanceof BacklogFull)) throw error;
      this.#numbering.forget();
      this.#lost();
      return;
    }
    this.#oldest ??= this.world.now();
    if (this.#state.value === "online") this.#socket?.send(JSON.stringify(frame));
  }

  async #connect(): Promise<void> {
    const attempt = this.scope.child();
    this.#attempt = attempt;
    let token: string;
    try {
      token = await this.#fresh();
    } catch (error) {
      if (attempt.ended) return;
      if ((error as { code?: unknown }).code === "session.needed") {
        this.#end();
        this.events.signedOut();
        return;
      }
      this.#lost();
      return;
    }
    if (attempt.ended) return;
    const socket = this.world.open(SUBPROTOCOL);
    this.#socket = socket;
    attempt.add(() => {
      socket.onopen = socket.onmessage = socket.onclose = null;
      socket.close();
    });
    attempt.after(WELCOME_MS, () => {
      if (this.#state.value !== "online") this.#lost();
    });
    socket.onopen = () => this.#greet(socket, token);
    socket.onmessage = (event) => this.#read(event.data);
    socket.onclose = () => this.#lost();
  }

  async #fresh(): Promise<string> {
    const kept = this.#token;
    if (kept !== null && this.world.now() - kept.at < TOKEN_KEPT_MS) return kept.value;
    const value = await this.world.token();
    this.#token = { value, at: this.world.now() };
    return value;
  }

  #greet(socket: Socket, token: string): void {
    const { session, resumeToken, lastSeen } = this.#numbering.resumable;
    const hello: Hello = {
      type: "hello",
      version: VERSION,
      role: this.world.role ?? "doctor",
      token,
      session,
      resume_token: this.world.resumeToken ?? resumeToken,
      last_seen: session === null ? 0 : lastSeen,
    };
    socket.send(JSON.stringify(this.#numbering.bare(hello)));
  }

  #read(data: unknown): void {
    if (typeof data !== "string" || data.length > SIGNALLING_MESSAGE_BYTES) return;
    let frame: Frame<In>;
    try {
      frame = JSON.parse(data) as Frame<In>;
    } catch {
      return;
    }
    const body = frame.body as Common;
    if (body.type === "welcome") {
      this.#welcomed(body);
      return;
    }
    switch (this.#numbering.in(frame)) {
      case "hole":
        this.#lost();
        return;
      case "duplicate":
        return;
      case "deliver":
        break;
    }
    if (this.#numbering.waiting === 0) this.#oldest = null;
    else if (frame.ack > 0) this.#oldest = this.world.now();
    if (body.type === "dismissed") {
      this.#end();
      this.events.dismissed(body.code);
      return;
    }
    if (body.type === "error" && this.#state.value !== "online") {
      // The Hello itself was refused: a fresh token may help, another release of the page must be loaded.
      this.#token = null;
      if (body.code === "version.unsupported" || this.world.final?.(body.code) === true) {
        this.#end();
        this.events.dismissed(body.code);
      }
      return;
    }
    if (body.type !== "nothing") this.events.received(frame.body);
    this.#oweAcknowledgement();
  }

  #welcomed(welcome: Welcome): void {
    const again = this.#numbering.welcome(welcome);
    this.#failures = 0;
    this.#oldest = again.length > 0 ? this.world.now() : null;
    this.#state.value = "online";
    for (const frame of again) this.#socket?.send(JSON.stringify(frame));
    this.events.welcomed(welcome);
  }

  #oweAcknowledgement(): void {
    if (this.#numbering.owed === 0 || this.#acknowledging !== null) return;
    this.#acknowledging = this.#attempt.after(ACK_MS, () => {
      this.#acknowledging = null;
      if (this.#numbering.owed === 0 || this.#state.value !== "online") return;
      this.#socket?.send(JSON.stringify(this.#numbering.bare({ type: "nothing" })));
    });
  }

  #watch(): void {
    const waiting = this.#numbering.waiting > 0 && this.#oldest !== null;
    if (this.#state.value === "online" && waiting && this.world.now() - (this.#oldest ?? 0) > CONFIRM_MS) this.#lost();
  }

  #lost(): void {
    if (this.scope.ended || this.#state.value === "ended") return;
    // The first break is not "offline" yet: a resume takes 300 ms.
    this.#state.value = this.#state.value === "online" ? "connecting" : "offline";
    this.#drop();
    const step = Math.min(BACK_OFF_FIRST_MS * 2 ** Math.min(this.#failures, 10), BACK_OFF_LAST_MS);
    this.#failures += 1;
    const pause = this.scope.child();
    this.#attempt = pause;
    pause.after(step * (0.5 + this.world.random() / 2), () => this.start());
  }

  #end(): void {
    this.#state.value = "ended";
    this.#drop();
  }

  #drop(): void {
    this.#acknowledging = null;
    this.#socket = null;
    this.#attempt.end();
  }
}
