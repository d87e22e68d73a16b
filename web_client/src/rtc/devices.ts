// The doctor's own camera and microphone. A machine without one of them can still hold a call.

export type DeviceFault = "device.refused" | "device.missing" | "device.busy" | "device.failed";

export interface OwnMedia {
  readonly camera: MediaStreamTrack | null;
  readonly microphone: MediaStreamTrack | null;
  readonly cameraFault: DeviceFault | null;
  readonly microphoneFault: DeviceFault | null;
}

const PICTURE: MediaTrackConstraints = { width: { ideal: 640 }, height: { ideal: 360 }, frameRate: { max: 15 } };
const SOUND: MediaTrackConstraints = { channelCount: 1, echoCancellation: true, noiseSuppression: true };

/** Opens both; the failure of one leaves the other. */
export async function openDevices(): Promise<OwnMedia> {
  try {
    const both = await navigator.mediaDevices.getUserMedia({ video: PICTURE, audio: SOUND });
    return {
      camera: both.getVideoTracks()[0] ?? null,
      microphone: both.getAudioTracks()[0] ?? null,
      cameraFault: null,
      microphoneFault: null,
    };
  } catch {
    const [microphone, microphoneFault] = await openOne({ audio: SOUND });
    const [camera, cameraFault] = await openOne({ video: PICTURE });
    return { camera, microphone, cameraFault, microphoneFault };
  }
}

/** Calls `gone` when a device that was open is unplugged or taken away; not when we close it. */
export function watchDevices(media: OwnMedia, gone: (kind: "camera" | "microphone") => void): void {
  media.camera?.addEventListener("ended", () => gone("camera"));
  media.microphone?.addEventListener("ended", () => gone("microphone"));
}

export function closeDevices(media: OwnMedia): void {
  media.camera?.stop();
  media.microphone?.stop();
}

async function openOne(wanted: MediaStreamConstraints): Promise<[MediaStreamTrack | null, DeviceFault | null]> {
  try {
    const stream = await navigator.mediaDevices.getUserMedia(wanted);
    return [stream.getTracks()[0] ?? null, null];
  } catch (error) {
    return [null, fault(error)];
  }
}

/** Names of getUserMedia's errors (W3C Media Capture and Streams, section 10.4.1). */
function fault(error: unknown): DeviceFault {
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
