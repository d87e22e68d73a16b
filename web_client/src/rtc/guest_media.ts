// What both ends of a guest's connection have in common: its m-lines and how little a face needs.
import type { IceServer } from "../protocol/types";
import type { PictureLimits } from "./answerer";

/** m-lines of an offer to a guest, in order. */
export const VOICE = 0;
export const HOSTS_PICTURE = 1;
export const GUESTS_PICTURE = 2;

/** A face in a tile: VP8 at 180 lines and 15 images a second. The bus takes it in over a downlink as thin as its
 * uplink, and shows it smaller than the doctor's. */
export const FACE: PictureLimits = { lines: 180, framesPerSecond: 15 };
export const FACE_BITS = 120_000;
/** Opus, one person's voice. */
export const VOICE_BITS = 24_000;

/** A person's own tracks now and whenever they change; null where there is none. The answer ends it. */
export type Own = (
  changed: (microphone: MediaStreamTrack | null, camera: MediaStreamTrack | null) => void,
) => () => void;

export function asRtc(server: IceServer): RTCIceServer {
  const bare: RTCIceServer = { urls: [...server.urls] };
  if (server.username !== "") bare.username = server.username;
  if (server.credential !== "") bare.credential = server.credential;
  return bare;
}
