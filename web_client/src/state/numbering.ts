// Frame numbers, acknowledgement and resume of one signalling session (protocol.signalling). Pure.
import { SIGNALLING_BACKLOG } from "../protocol/constants";
import type { FrameFromDoctor, FrameToDoctor, Welcome } from "../protocol/types";

type Body = FrameFromDoctor["body"];

/** What the session needs to go on over a new socket. */
export interface Resumable {
  readonly session: string | null;
  readonly resumeToken: string;
  readonly lastSeen: number;
}

/** Too many frames wait for the relay: the session is given up, both ends start from snapshots. */
export class BacklogFull extends Error {}

export class Numbering {
  #session: string | null = null;
  #resumeToken = "";
  #sent = 0;
  #seen = 0;
  #acknowledged = 0;
  #kept: FrameFromDoctor[] = [];

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
  out(body: Body): FrameFromDoctor {
    if (this.#kept.length >= SIGNALLING_BACKLOG) throw new BacklogFull();
    this.#sent += 1;
    const frame = { n: this.#sent, ack: this.#seen, body };
    this.#kept.push(frame);
    this.#acknowledged = this.#seen;
    return frame;
  }

  /** An unnumbered frame: the Hello, or an acknowledgement and no more. */
  bare(body: Body): FrameFromDoctor {
    this.#acknowledged = this.#seen;
    return { n: 0, ack: this.#seen, body };
  }

  /** What to do with a frame: `deliver` it, drop a `duplicate`, or reconnect because of a `hole`. */
  in(frame: FrameToDoctor): "deliver" | "duplicate" | "hole" {
    this.#confirm(frame.ack);
    if (frame.n === 0) return "deliver";
    if (frame.n <= this.#seen) return "duplicate";
    if (frame.n !== this.#seen + 1) return "hole";
    this.#seen = frame.n;
    return "deliver";
  }

  /** Reads the Welcome; the frames to send again, in order. A new session starts from nothing. */
  welcome(welcome: Welcome): FrameFromDoctor[] {
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
