// Tracks on this page: the doctor's own, and the vehicle's of the generation of the moment.
import { effect, signal } from "@preact/signals";
import type { CallMedia } from "../rtc/call";
import { closeDevices, openDevices, watchDevices, type OwnMedia } from "../rtc/devices";
import { run } from "../state/scope";

export const own = signal<OwnMedia | null>(null);
export const room = signal<MediaStreamTrack | null>(null);
export const sound = signal<MediaStreamTrack | null>(null);
export const muted = signal(false);
/** Counts openings: what an earlier one brings late is closed. */
let opening = 0;
export const statistics = signal<(() => Promise<RTCStatsReport>) | null>(null);

/** Opens camera and microphone, or opens them again after a fault. */
export function prepare(): void {
  const before = own.peek();
  own.value = null;
  if (before !== null) closeDevices(before);
  opening += 1;
  const mine = opening;
  run(
    openDevices().then((media) => {
      if (mine !== opening) {
        closeDevices(media);
        return;
      }
      if (media.microphone !== null) media.microphone.enabled = !muted.peek();
      watchDevices(media, lost);
      own.value = media;
    }),
    () => {
      own.value = { camera: null, microphone: null, cameraFault: "device.failed", microphoneFault: "device.failed" };
    },
  );
}

/** A device was unplugged: the call goes on without it. */
function lost(kind: "camera" | "microphone"): void {
  const media = own.peek();
  if (media === null) return;
  own.value =
    kind === "camera"
      ? { ...media, camera: null, cameraFault: "device.missing" }
      : { ...media, microphone: null, microphoneFault: "device.missing" };
}

export function release(): void {
  opening += 1;
  const before = own.peek();
  if (before !== null) closeDevices(before);
  own.value = null;
}

/** Mutes at the track: nothing of the doctor's voice leaves the page. */
export function mute(silent: boolean): void {
  muted.value = silent;
  const microphone = own.peek()?.microphone ?? null;
  if (microphone !== null) microphone.enabled = !silent;
}

/** What a new generation sends and where its tracks go. */
export function forCall(): CallMedia {
  return {
    own: (follow) =>
      effect(() => {
        const media = own.value;
        follow(media?.microphone ?? null, media?.camera ?? null);
      }),
    remote: (track, kind) => {
      if (kind === "room") room.value = track;
      else sound.value = track;
    },
    connection: (report) => {
      statistics.value = report;
    },
  };
}
