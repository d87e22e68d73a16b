// Tracks on the guest's page: the guest's own, and those of the two hosts.
import { effect, signal } from "@preact/signals";
import type { Side } from "../protocol/types";
import { browserDevices } from "../rtc/devices";
import type { GuestMedia } from "../rtc/guest_answer";
import type { DeviceFault } from "../state/own_devices";

interface Remote {
  readonly voice: MediaStreamTrack | null;
  readonly picture: MediaStreamTrack | null;
}
const NOTHING: Remote = { voice: null, picture: null };

export const microphone = signal<MediaStreamTrack | null>(null);
/** Why there is no microphone. */
export const microphoneFault = signal<DeviceFault | null>(null);
export const camera = signal<MediaStreamTrack | null>(null);
export type CameraState = "off" | "opening" | "on" | "failed";
export const cameraState = signal<CameraState>("off");
export const muted = signal(false);
export const vehicle = signal<Remote>(NOTHING);
export const doctor = signal<Remote>(NOTHING);
export const statistics = signal<(() => Promise<RTCStatsReport>) | null>(null);
/** The browser waits for a touch before it plays a sound. */
export const soundBlocked = signal(false);
/** Counts what may start sound: each touch of the button is one. */
export const soundTries = signal(0);

const REMEMBERED = "passerelle.guest.own";

/** After a reload of this tab a muted microphone stays muted, and a camera that was on comes back. */
export function remember(shelf: Pick<Storage, "getItem" | "setItem">): void {
  try {
    const kept = JSON.parse(shelf.getItem(REMEMBERED) ?? "null") as { camera?: boolean; muted?: boolean } | null;
    muted.value = kept?.muted === true;
    wanted = kept?.camera === true;
  } catch {
    // Closed or spoilt storage: as at the first visit.
  }
  effect(() => {
    const own = { camera: cameraState.value === "on" || cameraState.value === "opening", muted: muted.value };
    try {
      if (own.camera || own.muted || shelf.getItem(REMEMBERED) !== null) shelf.setItem(REMEMBERED, JSON.stringify(own));
    } catch {
      return;
    }
  });
}

/** The camera was on before the reload. */
let wanted = false;

/** What the visit needs before it enters: null, or why there is no microphone. */
export async function devices(): Promise<DeviceFault | null> {
  const fault = await openMicrophone();
  if (fault === null && wanted) {
    wanted = false;
    await openCamera();
  }
  return fault;
}

/** Counts releases: what an earlier opening brings late is closed. */
let visit = 0;

/** Opens the microphone unless it is open: null, or why there is none. */
export async function openMicrophone(): Promise<DeviceFault | null> {
  if (microphone.peek()?.readyState === "live") return null;
  const mine = visit;
  const { track, fault } = await browserDevices.open("microphone", null);
  if (mine !== visit) {
    track?.stop();
    return "device.failed";
  }
  if (track !== null) {
    track.enabled = !muted.peek();
    track.addEventListener("ended", () => {
      if (microphone.peek() !== track) return;
      microphone.value = null;
      microphoneFault.value = "device.missing";
    });
  }
  microphone.value = track;
  microphoneFault.value = track === null ? (fault ?? "device.failed") : null;
  return microphoneFault.peek();
}

export async function openCamera(): Promise<void> {
  if (cameraState.peek() === "opening" || cameraState.peek() === "on") return;
  const mine = visit;
  cameraState.value = "opening";
  const { track } = await browserDevices.open("camera", null);
  if (mine !== visit || (cameraState.peek() as CameraState) !== "opening") {
    track?.stop();
    return;
  }
  track?.addEventListener("ended", () => {
    if (camera.peek() === track) closeCamera("failed");
  });
  camera.value = track;
  cameraState.value = track === null ? "failed" : "on";
}

export function closeCamera(state: "off" | "failed" = "off"): void {
  const track = camera.peek();
  camera.value = null;
  cameraState.value = state;
  track?.stop();
}

/** Mutes at the track: nothing of this person's voice leaves the page. */
export function mute(silent: boolean): void {
  muted.value = silent;
  const track = microphone.peek();
  if (track !== null) track.enabled = !silent;
}

/** Closes every device: the visit is over. */
export function release(): void {
  visit += 1;
  closeCamera();
  const track = microphone.peek();
  microphone.value = null;
  track?.stop();
  vehicle.value = doctor.value = NOTHING;
  statistics.value = null;
}

/** What a new generation with this host sends, and where its tracks go. */
export function mediaFor(host: Side): GuestMedia {
  const place = host === "vehicle" ? vehicle : doctor;
  return {
    own: (changed) => effect(() => changed(microphone.value, camera.value)),
    remote: (track, kind) => {
      place.value = { ...place.peek(), [kind]: track };
    },
    connection: (report) => {
      if (host === "vehicle") statistics.value = report;
    },
  };
}
