// The page's end of the gateway's WebSocket: comes back by itself, pairs commands with their replies.
import { signal, type ReadonlySignal } from "@preact/signals";
import { SUBPROTOCOL } from "../protocol/constants";
import type { KioskCommand, KioskReply, KioskState, LocalOffer } from "../protocol/types";
import type { Scope } from "./scope";

export type CommandBody = KioskCommand["body"];

/** What became of a command. `code` null: done. */
export type Outcome = Pick<KioskReply, "code" | "facts" | "encounter_id">;

/** The part of `WebSocket` that is used here. */
export interface Socket {
  binaryType: BinaryType;
  readonly readyState: number;
  send(data: string): void;
  close(): void;
  onopen: ((event: never) => void) | null;
  onmessage: ((event: never) => void) | null;
  onclose: ((event: never) => void) | null;
}

export type OpenSocket = (subprotocol: string) => Socket;

export interface SocketEvents {
  state(state: KioskState): void;
  offer(offer: LocalOffer): void;
  chunk(bytes: ArrayBuffer): void;
  /** The socket is there, again or for the first time. */
  opened(): void;
}

/** A gateway that was killed is back in under three seconds; asking on loopback costs nothing. */
export const RETRY_FIRST_MS = 250;
export const RETRY_LAST_MS = 2000;

/** Loopback: longer than this and the gateway is busy with something that will not end well. */
export const REPLY_LIMIT_MS = 10_000;

/** A gloved hand makes two taps a second; past this the gateway does not read any more. */
const COMMANDS_MAXIMUM = 64;

const OPEN = 1;

interface Waiting {
  readonly settle: (outcome: Outcome) => void;
  readonly timer: ReturnType<typeof setTimeout>;
}

const refused = (code: string): Outcome => ({ code, facts: {}, encounter_id: null });

function parse(text: string): KioskState | LocalOffer | KioskReply | null {
  try {
    return JSON.parse(text) as KioskState | LocalOffer | KioskReply;
  } catch {
    return null;
  }
}

/** One page's conversation with its gateway, over as many sockets as it takes. */
export class KioskSocket {
  readonly #scope: Scope;
  readonly #open: OpenSocket;
  readonly #events: SocketEvents;
  readonly #away = signal(true);
  readonly #waiting = new Map<number, Waiting>();
  #socket: Socket | null = null;
  #retry: ReturnType<typeof setTimeout> | undefined;
  #delay = RETRY_FIRST_MS;
  #id = 0;

  constructor(scope: Scope, open: OpenSocket, events: SocketEvents) {
    this.#scope = scope;
    this.#open = open;
    this.#events = events;
    scope.add(() => {
      clearTimeout(this.#retry);
      this.#drop();
    });
    this.#connect();
  }

  /** The gateway does not answer now. */
  get away(): ReadonlySignal<boolean> {
    return this.#away;
  }

  /** Sends a command; resolves with its reply, never rejects. */
  async send(body: CommandBody): Promise<Outcome> {
    const socket = this.#socket;
    if (socket === null || socket.readyState !== OPEN) return refused("kiosk.away");
    if (this.#waiting.size >= COMMANDS_MAXIMUM) return refused("kiosk.unanswered");
    this.#id += 1;
    const command: KioskCommand = { id: this.#id, body };
    return new Promise((settle) => {
      const timer = setTimeout(() => this.#settle(command.id, refused("kiosk.unanswered")), REPLY_LIMIT_MS);
      this.#waiting.set(command.id, { settle, timer });
      socket.send(JSON.stringify(command));
    });
  }

  #connect(): void {
    if (this.#scope.ended) return;
    const socket = this.#open(SUBPROTOCOL);
    socket.binaryType = "arraybuffer";
    this.#socket = socket;
    socket.onopen = () => {
      this.#delay = RETRY_FIRST_MS;
      this.#events.opened();
    };
    socket.onmessage = (event: MessageEvent<unknown>) => this.#message(event.data);
    socket.onclose = () => this.#lost();
  }

  #lost(): void {
    this.#drop();
    const wait = this.#delay;
    this.#delay = Math.min(wait * 2, RETRY_LAST_MS);
    this.#retry = setTimeout(() => this.#connect(), wait);
  }

  #drop(): void {
    this.#away.value = true;
    const socket = this.#socket;
    this.#socket = null;
    if (socket !== null) {
      socket.onopen = socket.onmessage = socket.onclose = null;
      socket.close();
    }
    // Whether the gateway did it before it went is shown by its next state.
    for (const id of [...this.#waiting.keys()]) this.#settle(id, refused("kiosk.unanswered"));
  }

  #message(data: unknown): void {
    if (data instanceof ArrayBuffer) {
      this.#events.chunk(data);
      return;
    }
    if (typeof data !== "string") return;
    const message = parse(data);
    switch (message?.type) {
      case undefined:
        return; // Nothing of this version: the next state is whole again.
      case "state":
        this.#away.value = false;
        this.#events.state(message);
        return;
      case "local_offer":
        this.#events.offer(message);
        return;
      case "reply":
        this.#settle(message.id, message);
        return;
    }
  }

  #settle(id: number, outcome: Outcome): void {
    const waiting = this.#waiting.get(id);
    if (waiting === undefined) return;
    this.#waiting.delete(id);
    clearTimeout(waiting.timer);
    waiting.settle(outcome);
  }
}
