// How the call goes, as one judgement a nurse can act on. Pure: no words, no DOM, no clock of its own.
import type { Encounter, KioskState, Uplink } from "../protocol/types";
import { inCall } from "./kiosk_instruments";
import type { Tone } from "./kiosk_view";

export type VoiceHeard = "good" | "poor" | "muted" | "none";
/** What the doctor sees: `still` is the last picture, standing. */
export type PictureSeen = "good" | "reduced" | "still" | "none";
export type NetworkReason = "thin" | "lossy" | "slow" | "other";

/** `measuring`: the call is too young to judge. `outage`: nothing passes, and it comes back by itself. */
export interface Verdict {
  readonly kind: "running" | "measuring" | "outage";
  readonly voice: VoiceHeard;
  readonly picture: PictureSeen;
  readonly reason: NetworkReason | null;
}

const REASONS: Readonly<Record<string, NetworkReason>> = {
  "quality.thin": "thin", "quality.lossy": "lossy", "quality.slow": "slow",
};

/** Why a call stands interrupted when it is the network: another reason is said over the picture, and is no outage. */
const OUTAGES: ReadonlySet<string> = new Set(["call.interrupted", "call.silent", "call.peer_closed"]);

const OUTAGE: Verdict = { kind: "outage", voice: "none", picture: "none", reason: null };
const MEASURING: Verdict = { kind: "measuring", voice: "good", picture: "good", reason: null };

/** The judgement of this second; null when there is no call to judge. `unheard`: nothing has come from the microphone for long. */
export function verdictOf(state: KioskState, unheard = isUnheard(state)): Verdict | null {
  const { encounter } = state;
  if (encounter === null || !inCall(encounter)) return null;
  const { quality, call_code } = encounter;
  if (quality?.code === "quality.outage") return OUTAGE;
  if (encounter.stage === "interrupted") return call_code === null || OUTAGES.has(call_code) ? OUTAGE : null;
  if (quality === null) return MEASURING;
  const voice = quality.voice === "none" ? "good" : quality.voice;
  return {
    kind: "running",
    voice: state.microphone_muted ? "muted" : unheard ? "none" : voice,
    picture: quality.picture === "paused" ? "still" : quality.picture,
    reason: quality.code === null ? null : (REASONS[quality.code] ?? "other"),
  };
}

export function verdictTone({ kind, voice, picture, reason }: Verdict): Tone {
  if (kind === "measuring") return "plain";
  if (kind === "outage" || voice === "none") return "stop";
  // Losses that are made good trouble nobody; a delay is noticed in a conversation.
  return voice === "good" && picture === "good" && reason !== "slow" ? "done" : "look";
}

/** Why the doctor does not hear the bus, muting apart; null when they do, or when there is no call. */
export function unheardCode(state: KioskState): string | null {
  const { encounter, microphone_code, microphone_muted } = state;
  if (encounter === null || !inCall(encounter) || microphone_muted || microphone_code === "microphone.muted") return null;
  return microphone_code;
}

/** Nothing comes from the microphone now, muting apart. */
export function isUnheard(state: KioskState): boolean {
  const { encounter, microphone_muted } = state;
  if (encounter === null || !inCall(encounter) || microphone_muted) return false;
  return unheardCode(state) !== null || (encounter.quality?.voice === "none" && encounter.quality.code !== "quality.outage");
}

/** A page that was reloaded, or a local connection that is made anew, is silent for a second or two. */
export const UNHEARD_AFTER_MS = 3000;

/** Tells a microphone that gives nothing from one that is being taken up. */
export class LastingSilence {
  #since: number | null = null;

  /** Whether the silence has lasted. `now` in milliseconds, monotonic. */
  take(silent: boolean, now: number): boolean {
    if (!silent) this.#since = null;
    else this.#since ??= now;
    return this.#since !== null && now - this.#since >= UNHEARD_AFTER_MS;
  }
}

/** The doctor's page has paused the picture it sends, for want of room. */
export function doctorPaused(encounter: Encounter): boolean {
  return encounter.quality?.seen?.own_picture === false;
}

/** Beside the gateway's own patience: what got better, or is bad for another reason, has to last before the words change. */
export const BETTER_AFTER_MS = 2000;

const VOICES: readonly VoiceHeard[] = ["good", "muted", "poor", "none"];
const PICTURES: readonly PictureSeen[] = ["good", "reduced", "still", "none"];

const gravity = ({ voice, picture, reason }: Verdict): number =>
  VOICES.indexOf(voice) * 10 + PICTURES.indexOf(picture) * 2 + (reason === null ? 0 : 1);

const same = (a: Verdict, b: Verdict): boolean =>
  a.kind === b.kind && a.voice === b.voice && a.picture === b.picture && a.reason === b.reason;

/** Words that do not flicker: worse is shown at once, better once it has lasted. An outage, its end and the mute button show at once. */
export class SteadyVerdict {
  #shown: Verdict | null = null;
  #betterSince: number | null = null;

  /** Takes this moment's judgement; answers the one to show. `now` in milliseconds, monotonic. */
  take(verdict: Verdict | null, now: number): Verdict | null {
    const shown = this.#shown;
    if (shown === null || verdict === null || this.#atOnce(shown, verdict)) return this.#show(verdict);
    if (same(shown, verdict)) {
      this.#betterSince = null;
      return shown;
    }
    this.#betterSince ??= now;
    return now - this.#betterSince >= BETTER_AFTER_MS ? this.#show(verdict) : shown;
  }

  #atOnce(shown: Verdict, verdict: Verdict): boolean {
    return shown.kind !== verdict.kind || (shown.voice === "muted") !== (verdict.voice === "muted") || gravity(verdict) > gravity(shown);
  }

  #show(verdict: Verdict | null): Verdict | null {
    const shown = this.#shown;
    this.#betterSince = null;
    // The same object for the same judgement: nothing is drawn anew.
    this.#shown = shown !== null && verdict !== null && same(shown, verdict) ? shown : verdict;
    return this.#shown;
  }
}

/** Signs that fit in the bar. */
const UPLINKS_SHOWN = 2;

/** The ways out that the bar shows: none for a vehicle with one. The one in use is always among them; places are kept. */
export function uplinkSigns(uplinks: readonly Uplink[]): readonly Uplink[] {
  if (uplinks.length < 2) return [];
  const used = uplinks.filter((each) => each.in_use);
  const others = uplinks.filter((each) => !each.in_use);
  const chosen = new Set([...used, ...others].slice(0, UPLINKS_SHOWN));
  return uplinks.filter((each) => chosen.has(each));
}

/** The way that carries the call does not answer. */
export function uplinkTroubled(uplinks: readonly Uplink[]): boolean {
  return uplinks.some((each) => each.state === "silent");
}
