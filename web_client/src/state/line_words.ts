// Which words say how the line is: one sentence a doctor reads in passing. Pure; the words stand in `i18n/doctor_call.ts`.
import type { CallQuality, MediaState } from "../protocol/types";

export type VoiceWord = "voice_good" | "voice_poor" | "voice_none" | "voice_muted";
export type PictureWord = "picture_good" | "picture_reduced" | "picture_paused" | "picture_none";
export type CauseWord = "cause_thin" | "cause_lossy" | "cause_slow" | "cause_outage";
/** `stop`: something the consultation needs is not there. */
export type LineTone = "done" | "look" | "stop";

export interface LineWords {
  readonly voice: VoiceWord;
  /** Null: the words over the picture say it. */
  readonly picture: PictureWord | null;
  readonly cause: CauseWord | null;
  readonly tone: LineTone;
}

const CAUSES: Readonly<Record<string, CauseWord>> = {
  "quality.thin": "cause_thin",
  "quality.lossy": "cause_lossy",
  "quality.slow": "cause_slow",
  "quality.outage": "cause_outage",
};

/** What stands on the line now; null: nothing is known yet. `standing`: the page itself sees that the picture does not move. */
export function lineWords(quality: CallQuality | null, media: MediaState | null, standing = false): LineWords | null {
  if (quality === null) return null;
  const voice = voiceWord(quality, media);
  const shown: PictureWord = `picture_${quality.picture}`;
  // The vehicle's word of a second ago does not stand beside a picture that has stopped.
  const picture = standing && (shown === "picture_good" || shown === "picture_reduced") ? null : shown;
  const cause = quality.code === null ? null : (CAUSES[quality.code] ?? null);
  // Losses that are made good trouble nobody; a delay is noticed in a conversation.
  const good = voice === "voice_good" && picture === "picture_good" && cause !== "cause_slow";
  const gone = voice === "voice_none" || cause === "cause_outage";
  return { voice, picture, cause, tone: good ? "done" : gone ? "stop" : "look" };
}

/** A microphone that gives nothing is not heard, however well its packets travel. */
function voiceWord(quality: CallQuality, media: MediaState | null): VoiceWord {
  const word = microphoneWord(media);
  if (word === "bus_muted") return "voice_muted";
  return word === null ? `voice_${quality.voice}` : "voice_none";
}

export type MicrophoneWord = "bus_muted" | "bus_silent" | "bus_missing" | "bus_closed";

const MICROPHONES: Readonly<Record<string, MicrophoneWord>> = {
  "microphone.muted": "bus_muted",
  "microphone.silent": "bus_silent",
  "microphone.missing": "bus_missing",
  "microphone.absent": "bus_missing",
};

/** Why the doctor does not hear the bus; null: nothing says so. */
export function microphoneWord(media: MediaState | null): MicrophoneWord | null {
  const code = media?.microphone_code ?? null;
  // What else the touchscreen's browser says of it is a microphone that does not open: refused, busy.
  if (code !== null) return MICROPHONES[code] ?? "bus_closed";
  return media === null || media.microphone ? null : "bus_silent";
}
