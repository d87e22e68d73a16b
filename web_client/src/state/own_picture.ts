// Whether the page sends the doctor's picture, and how much voice: the vehicle's downlink is as thin as its uplink, and
// the nurse and the patient need the voice first. Pure: figures and `now` in, a decision out.

/** Below it a face of 180 lines is blur: the octets are better spent on the voice. */
export const LEAST_BITS = 40_000;
/** Over it a queue is full somewhere: the voice is lost with the picture. Radio noise alone stays under it. */
const LOST_SHARE = 0.12;
/** What a full queue of a mobile network adds to the round trip; two voices then talk over each other. */
const LATE_MS = 500;
/** Reports of the receiver come about each second: one bad one is a hiccup. */
const BAD_MS = 2500;
/** The least round trip of this long is the path's own. */
const LEAST_OVER_MS = 60_000;
/** A figure that stays bad that long although nothing is sent was not the picture's doing. */
const VAIN_MS = 5000;
/** And is then not asked about for that long. */
const IGNORED_MS = 60_000;
/** First wait before the picture is tried again; each try in vain doubles it. */
export const WAIT_FIRST_MS = 8000;
export const WAIT_LAST_MS = 120_000;
/** A picture that was sent that long was worth the try. */
const HELD_MS = 30_000;

/** One person's voice; under a thin downlink what Opus still makes intelligible in mono (RFC 7587, section 3.1.1). */
export const VOICE_BITS = 24_000;
export const VOICE_LEAST_BITS = 16_000;

/** One second as the page's own statistics say it; null where nothing was measured. */
export interface SendingFigures {
  /** The browser's estimate of what the path takes, bit/s. */
  readonly available: number | null;
  /** The encoder gave way to that estimate. */
  readonly limited: boolean;
  /** Share of packets that did not arrive since the report before, 0 to 1. */
  readonly lost: number | null;
  readonly roundTripMs: number | null;
}

/** `thin`: no room for a picture. `outage`: nobody is there to see it. */
export type OwnPictureState = "sent" | "thin" | "outage";

export interface Sending {
  readonly picture: boolean;
  readonly voiceBits: number;
}

type Cause = "room" | "lost" | "late";

export class OwnPicture {
  #state: OwnPictureState = "sent";
  #since = -Infinity;
  #badSince: number | null = null;
  #cause: Cause | null = null;
  #causeHeld = true;
  #wait = WAIT_FIRST_MS;
  #tried = false;
  #ignored = new Map<Cause, number>();
  #roundTrips: { at: number; ms: number }[] = [];

  get state(): OwnPictureState {
    return this.#state;
  }

  get sending(): Sending {
    const picture = this.#state === "sent";
    return { picture, voiceBits: this.#state === "thin" ? VOICE_LEAST_BITS : VOICE_BITS };
  }

  /** Takes one second's figures; `reached`: the vehicle was heard within the last three seconds. */
  decide(figures: SendingFigures, reached: boolean, now: number): OwnPictureState {
    if (!reached) {
      // What is sent into an outage stands in the network's queue when it comes back.
      if (this.#state === "sent") this.#become("outage", now);
      this.#badSince = null;
      return this.#state;
    }
    const cause = this.#bad(figures, now);
    switch (this.#state) {
      case "outage":
        this.#become("sent", now);
        break;
      case "sent":
        this.#judge(cause, now);
        break;
      case "thin":
        this.#await(cause, now);
        break;
    }
    return this.#state;
  }

  #judge(cause: Cause | null, now: number): void {
    if (this.#tried && now - this.#since >= HELD_MS) {
      this.#tried = false;
      this.#wait = WAIT_FIRST_MS;
    }
    if (cause === null) {
      this.#badSince = null;
      return;
    }
    this.#badSince ??= now;
    if (now - this.#badSince < BAD_MS) return;
    if (this.#tried) this.#wait = Math.min(2 * this.#wait, WAIT_LAST_MS);
    this.#cause = cause;
    this.#causeHeld = true;
    this.#become("thin", now);
  }

  #await(cause: Cause | null, now: number): void {
    const paused = now - this.#since;
    if (cause !== this.#cause) this.#causeHeld = false;
    if (paused >= VAIN_MS && this.#causeHeld && this.#cause !== "room" && this.#cause !== null) {
      this.#ignored.set(this.#cause, now + IGNORED_MS);
      this.#become("sent", now);
      return;
    }
    if (paused < this.#wait || cause === "lost" || cause === "late") return;
    this.#tried = true;
    this.#become("sent", now);
  }

  #bad(figures: SendingFigures, now: number): Cause | null {
    const late = this.#late(figures.roundTripMs, now);
    if (figures.lost !== null && figures.lost > LOST_SHARE && this.#asks("lost", now)) return "lost";
    if (late && this.#asks("late", now)) return "late";
    // While nothing is sent the browser's estimate is an old one.
    if (this.#state !== "sent") return null;
    return figures.limited && figures.available !== null && figures.available < LEAST_BITS ? "room" : null;
  }

  #late(roundTripMs: number | null, now: number): boolean {
    if (roundTripMs === null) return false;
    this.#roundTrips.push({ at: now, ms: roundTripMs });
    this.#roundTrips = this.#roundTrips.filter(({ at }) => now - at <= LEAST_OVER_MS);
    return roundTripMs - Math.min(...this.#roundTrips.map(({ ms }) => ms)) > LATE_MS;
  }

  #asks(cause: Cause, now: number): boolean {
    return now >= (this.#ignored.get(cause) ?? -Infinity);
  }

  #become(state: OwnPictureState, now: number): void {
    this.#state = state;
    this.#since = now;
    this.#badSince = null;
  }
}
