// Tracks on this page: the doctor's own, and the vehicle's of the generation of the moment.
import { computed, effect, signal } from "@preact/signals";
import type { CallMedia } from "../rtc/call";
import { browserDevices } from "../rtc/devices";
import { OwnDevices, type Chosen } from "../state/own_devices";

const CHOSEN = "passerelle.devices";

export const devices = new OwnDevices(browserDevices);
/** The doctor's own tracks; null while they are being opened. */
export const own = devices.media;
export const muted = devices.muted;
export const room = signal<MediaStreamTrack | null>(null);
export const sound = signal<MediaStreamTrack | null>(null);
/** The loudspeaker or headphones that were chosen, for every sound; empty: the machine's own choice. */
export const speaker = devices.speaker;
/** The browser waits for a click before it plays a sound. */
export const soundBlocked = signal(false);
/** Counts what may start sound: each click on the page is one. */
export const soundTries = signal(0);

/** Opens camera and microphone, or opens them again after a fault. */
export const prepare = (): void => devices.prepare();
export const release = (): void => devices.release();
export const mute = (silent: boolean): void => devices.mute(silent);

/** Remembers on this machine which devices were chosen. */
export function rememberDevices(): void {
  try {
    const kept = JSON.parse(localStorage.getItem(CHOSEN) ?? "null") as Partial<Chosen> | null;
    const name = (value: unknown) => (typeof value === "string" && value !== "" ? value : null);
    if (kept !== null) {
      devices.chosen.value = {
        camera: name(kept.camera), microphone: name(kept.microphone), speaker: name(kept.speaker),
      };
    }
  } catch {
    // Closed or spoilt storage: the machine's own choice.
  }
  effect(() => {
    const chosen = devices.chosen.value;
    try {
      localStorage.setItem(CHOSEN, JSON.stringify(chosen));
    } catch {
      return;
    }
  });
}

/** What is sent: nothing of a device that is being opened. */
const sent = computed(() => ({ microphone: own.value?.microphone ?? null, camera: own.value?.camera ?? null }));

/** What a new generation sends and where its tracks go. */
export function forCall(): CallMedia {
  return {
    own: (follow) => effect(() => follow(sent.value.microphone, sent.value.camera)),
    remote: (track, kind) => {
      if (kind === "room") room.value = track;
      else sound.value = track;
    },
  };
}
