// Frame numbers, acknowledgement and resume of one signalling session (protocol.signalling). Pure.
import { SIGNALLING_BACKLOG } from "../protocol/constants";
import type { FrameFromDoctor, Welcome } from "../protocol/types";

/** A message with its number and what it acknowledges. */
export interface Frame<Body> {
  readonly n: number;
  readonly ack: number;
  readonly body: Body;
}

/** What the session needs to go on over a new socket. */
export interface Resumable {
  readonly session: string | null;
  readonly resumeToken: string;
  readonly lastSeen: number;
}

/** Too many frames wait for the relay: the session is given up, both ends start from snapshots. */
export class BacklogFull extends Error {}

export class Numbering<Body = FrameFromDoctor["body"]> {
  #session: string | null = null;
  #resumeToken = "";
  #sent = 0;
  #seen = 0;
  #acknowledged = 0;
  #kept: Frame<Body>[] = [];

  get resumable(): Resumable {
    return { session: this.#session, resumeToken: this.#resumeToken, lastSeen: this.#seen };
  }

  /** Frames that the relay has not confirmed. */
  get waiting(): number {
    return this.#kept.length;
  }

  /** Frames received since the last acknowledgement went out. */
  get owed(): number {
    return this.#seen - this.#acknowledged;
  }

  /** Numbers a message and keeps it until the relay confirms it. */
  out(body: Body): Frame<Body> {
    if (this.#kept.length >= SIGNALLING_BACKLOG) throw new BacklogFull();
    this.#sent += 1;
    const frame = { n: this.#sent, ack: this.#seen, body };
    this.#kept.push(frame);
    this.#acknowledged = this.#seen;
    return frame;
  }

  /** An unnumbered frame: the Hello, or an acknowledgement and no more. */
  bare(body: Body): Frame<Body> {
    this.#acknowledged = this.#seen;
    return { n: 0, ack: this.#seen, body };
  }

  /** What to do with a frame: `deliver` it, drop a `duplicate`, or reconnect because of a `hole`. */
  in(frame: Frame<unknown>): "deliver" | "duplicate" | "hole" {
    this.#confirm(frame.ack);
    if (frame.n === 0) return "deliver";
    if (frame.n <= this.#seen) return "duplicate";
    if (frame.n !== this.#seen + 1) return "hole";
    this.#seen = frame.n;
    return "deliver";
  }

  /** Reads the Welcome; the frames to send again, in order. A new session starts from nothing. */
  welcome(welcome: Welcome): Frame<Body>[] {
    const resumed = welcome.resumed && welcome.session === this.#session;
    this.#session = welcome.session;
    this.#resumeToken = welcome.resume_token;
    if (!resumed) {
      this.#sent = 0;
      this.#seen = 0;
      this.#acknowledged = 0;
      this.#kept = [];
      return [];
    }
    this.#confirm(welcome.last_seen);
    return this.#kept.map((frame) => ({ ...frame, ack: this.#seen }));
  }

  /** Gives the session up. */
  forget(): void {
    this.#session = null;
    this.#resumeToken = "";
  }

  #confirm(through: number): void {
    this.#kept = this.#kept.filter((frame) => frame.n > through);
  }
}
