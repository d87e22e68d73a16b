// Tracks on this page: the doctor's own, and the vehicle's of the generation of the moment.
import { signal } from "@preact/signals";
import type { CallMedia } from "../rtc/call";
import { closeDevices, openDevices, type OwnMedia } from "../rtc/devices";
import { run } from "../state/scope";

export const own = signal<OwnMedia | null>(null);
export const room = signal<MediaStreamTrack | null>(null);
export const sound = signal<MediaStreamTrack | null>(null);
export const muted = signal(false);
export const statistics = signal<(() => Promise<RTCStatsReport>) | null>(null);

/** Opens camera and microphone, or opens them again after a fault. */
export function prepare(): void {
  const before = own.peek();
  own.value = null;
  if (before !== null) closeDevices(before);
  run(
    openDevices().then((media) => {
      own.value = media;
    }),
    () => {
      own.value = { camera: null, microphone: null, cameraFault: "device.failed", microphoneFault: "device.failed" };
    },
  );
}

export function release(): void {
  const before = own.peek();
  if (before !== null) closeDevices(before);
  own.value = null;
}

/** Mutes at the track: nothing of the doctor's voice leaves the page. */
export function mute(silent: boolean): void {
  muted.value = silent;
  const microphone = own.value?.microphone ?? null;
  if (microphone !== null) microphone.enabled = !silent;
}

/** What a new generation sends and where its tracks go. */
export function forCall(): CallMedia {
  return {
    microphone: own.value?.microphone ?? null,
    camera: own.value?.camera ?? null,
    remote: (track, kind) => {
      if (kind === "room") room.value = track;
      else sound.value = track;
    },
    connection: (report) => {
      statistics.value = report;
    },
  };
}
