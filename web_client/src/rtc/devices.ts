// The doctor's own camera, microphone and loudspeaker. A machine without one of them can still hold a call.
import type { DeviceFault, DeviceKind, DeviceList, DevicesWorld, Opened } from "../state/own_devices";

/** Small enough for every camera; what is sent is smaller still (`rtc/call.ts`). */
const PICTURE: MediaTrackConstraints = { width: { ideal: 640 }, height: { ideal: 360 }, frameRate: { max: 15 } };
/** The patient is heard over a loudspeaker and the doctor may sit in a practice: nothing of it goes back. */
const SOUND: MediaTrackConstraints = {
  channelCount: 1, echoCancellation: true, noiseSuppression: true, autoGainControl: true,
};

/** The devices of this browser. */
export const browserDevices: DevicesWorld = {
  async openBoth(chosen) {
    // One question to the person for both.
    const both = await navigator.mediaDevices.getUserMedia({
      video: asked("camera", chosen.camera),
      audio: asked("microphone", chosen.microphone),
    });
    return { camera: both.getVideoTracks()[0] ?? null, microphone: both.getAudioTracks()[0] ?? null };
  },
  async open(kind, id): Promise<Opened> {
    const wanted = asked(kind, id);
    try {
      const stream = await navigator.mediaDevices.getUserMedia(
        kind === "camera" ? { video: wanted } : { audio: wanted },
      );
      return { track: stream.getTracks()[0] ?? null, fault: null };
    } catch (error) {
      return { track: null, fault: fault(error) };
    }
  },
  async list(): Promise<DeviceList> {
    const all = await navigator.mediaDevices.enumerateDevices();
    const of = (kind: MediaDeviceKind) =>
      all
        .filter((each) => each.kind === kind && each.deviceId !== "")
        .map(({ deviceId, label }) => ({ id: deviceId, label }));
    return { camera: of("videoinput"), microphone: of("audioinput"), speaker: of("audiooutput") };
  },
  changed(scope, handler) {
    scope.listen(navigator.mediaDevices, "devicechange", handler);
  },
  permitted(scope, handler) {
    for (const [kind, name] of [["camera", "camera"], ["microphone", "microphone"]] as const) {
      navigator.permissions.query({ name: name as PermissionName }).then(
        (status) => scope.listen(status, "change", () => handler(kind, status.state === "granted")),
        // A browser without this question tells by the track's end.
        () => undefined,
      );
    }
  },
};

/** Whether this browser can play sound elsewhere than the machine's own choice (W3C Audio Output Devices API). */
export const speakersChosen = (): boolean => "setSinkId" in HTMLMediaElement.prototype;

/** Plays an element's sound on this loudspeaker; empty: the machine's own choice. One that is gone changes nothing. */
export async function playOn(element: HTMLMediaElement, speaker: string): Promise<void> {
  if (!speakersChosen() || element.sinkId === speaker) return;
  await element.setSinkId(speaker);
}

function asked(kind: DeviceKind, id: string | null): MediaTrackConstraints {
  const wanted = kind === "camera" ? PICTURE : SOUND;
  // Not `exact`: a device that is gone is then replaced instead of refused.
  return id === null ? wanted : { ...wanted, deviceId: { ideal: id } };
}

/** Names of getUserMedia's errors (W3C Media Capture and Streams, section 10.4.1). */
export function fault(error: unknown): DeviceFault {
  switch (error instanceof DOMException ? error.name : "") {
    case "NotAllowedError":
    case "SecurityError":
      return "device.refused";
    case "NotFoundError":
    case "OverconstrainedError":
      return "device.missing";
    case "NotReadableError":
    case "AbortError":
      return "device.busy";
    default:
      return "device.failed";
  }
}
