import { beforeEach, describe, expect, test } from "vitest";
import {
  nextDevice, OwnDevices, type Chosen, type Device, type DeviceFault, type DeviceKind, type DeviceList, type DevicesWorld,
} from "../src/state/own_devices";
import type { Scope } from "../src/state/scope";

/** A track as far as the page uses one. */
class FakeTrack extends EventTarget {
  enabled = true;
  muted = false;
  stopped = false;
  constructor(readonly id: string, readonly label: string) {
    super();
  }
  getSettings(): MediaTrackSettings {
    return { deviceId: this.id };
  }
  stop(): void {
    this.stopped = true;
  }
}

/** A machine whose devices are plugged in and out, and a person who gives and takes permission. */
class Machine implements DevicesWorld {
  plugged: Record<"camera" | "microphone" | "speaker", Device[]> = { camera: [], microphone: [], speaker: [] };
  refused = new Set<DeviceKind>();
  readonly open_tracks: FakeTrack[] = [];
  #changed: () => void = () => undefined;
  #permitted: (kind: DeviceKind, granted: boolean) => void = () => undefined;

  async openBoth(chosen: Chosen) {
    const [camera, microphone] = [await this.open("camera", chosen.camera), await this.open("microphone", chosen.microphone)];
    if (camera.track === null || microphone.track === null) throw new Error("one is missing");
    return { camera: camera.track, microphone: microphone.track };
  }
  open(kind: DeviceKind, id: string | null) {
    const device = this.plugged[kind].find((each) => each.id === id) ?? this.plugged[kind][0];
    const fault: DeviceFault | null = this.refused.has(kind) ? "device.refused" : device === undefined ? "device.missing" : null;
    if (device === undefined || fault !== null) return Promise.resolve({ track: null, fault });
    const track = new FakeTrack(device.id, device.label);
    this.open_tracks.push(track);
    return Promise.resolve({ track: track as unknown as MediaStreamTrack, fault: null });
  }
  list(): Promise<DeviceList> {
    return Promise.resolve({ ...this.plugged });
  }
  changed(_: Scope, handler: () => void) {
    this.#changed = handler;
  }
  permitted(_: Scope, handler: (kind: DeviceKind, granted: boolean) => void) {
    this.#permitted = handler;
  }
  unplug(kind: "camera" | "microphone" | "speaker", id: string): void {
    this.plugged[kind] = this.plugged[kind].filter((each) => each.id !== id);
    this.#changed();
    for (const track of this.open_tracks.filter((each) => each.id === id && !each.stopped)) track.dispatchEvent(new Event("ended"));
  }
  plug(kind: "camera" | "microphone" | "speaker", device: Device): void {
    this.plugged[kind] = [...this.plugged[kind], device];
    this.#changed();
  }
  permit(kind: DeviceKind, granted: boolean): void {
    if (granted) this.refused.delete(kind);
    else this.refused.add(kind);
    this.#permitted(kind, granted);
  }
}

const HEADSET = { id: "headset", label: "Casque" };
const BUILT_IN = { id: "built-in", label: "Micro interne" };
const WEBCAM = { id: "webcam", label: "Webcam" };

describe("own devices", () => {
  let machine: Machine;
  let own: OwnDevices;
  const settled = () => new Promise<void>((resolve) => void setTimeout(resolve, 0));
  const microphone = () => own.media.value?.microphone as unknown as FakeTrack | null;

  beforeEach(async () => {
    machine = new Machine();
    machine.plugged = { camera: [WEBCAM], microphone: [HEADSET, BUILT_IN], speaker: [{ id: "ear", label: "Oreillette" }] };
    own = new OwnDevices(machine);
    own.prepare();
    await settled();
  });

  test("both are opened, and the failure of one leaves the other", async () => {
    expect([own.used("camera"), own.used("microphone")]).toEqual(["webcam", "headset"]);
    machine.plugged.camera = [];
    own.prepare();
    await settled();
    expect(own.media.value).toMatchObject({ camera: null, cameraFault: "device.missing", microphoneFault: null });
    expect(own.used("microphone")).toBe("headset");
  });

  test("an unplugged microphone is replaced by the next one and said; back in, it is taken again and said", async () => {
    machine.unplug("microphone", "headset");
    await settled();
    expect(own.used("microphone")).toBe("built-in");
    expect(own.notice.value).toEqual({ kind: "microphone", happened: "replaced", name: "Micro interne" });
    const between = microphone();
    machine.plug("microphone", HEADSET);
    await settled();
    expect(own.used("microphone")).toBe("headset");
    expect(own.notice.value).toEqual({ kind: "microphone", happened: "back", name: "Casque" });
    expect(between?.stopped).toBe(true);
  });

  test("the last one unplugged is a fault; the next one plugged in is taken", async () => {
    machine.unplug("camera", "webcam");
    await settled();
    expect(own.media.value).toMatchObject({ camera: null, cameraFault: "device.missing" });
    machine.plug("camera", { id: "other", label: "Autre" });
    await settled();
    expect(own.used("camera")).toBe("other");
    expect(own.media.value?.cameraFault).toBe(null);
    expect(own.notice.value).toMatchObject({ kind: "camera", happened: "back" });
  });

  test("a muted microphone stays muted over its replacement", async () => {
    own.mute(true);
    machine.unplug("microphone", "headset");
    await settled();
    expect(microphone()?.enabled).toBe(false);
    own.mute(false);
    expect(microphone()?.enabled).toBe(true);
  });

  test("a permission taken away is a refusal, not searched around; given again, the device is opened", async () => {
    machine.permit("microphone", false);
    await settled();
    expect(own.media.value).toMatchObject({ microphone: null, microphoneFault: "device.refused" });
    machine.plug("microphone", { id: "third", label: "Troisième" });
    await settled();
    expect(own.media.value?.microphone).toBe(null);
    machine.permit("microphone", true);
    await settled();
    expect(own.media.value?.microphone).not.toBe(null);
  });

  test("a choice by hand is used at once, and one that cannot be opened leaves what works", async () => {
    own.choose("microphone", "built-in");
    await settled();
    expect(own.used("microphone")).toBe("built-in");
    machine.refused.add("camera");
    own.choose("camera", "nowhere");
    await settled();
    expect(own.used("camera")).toBe("webcam");
  });

  test("the chosen loudspeaker that is unplugged gives way to the machine's own, and is taken again", async () => {
    own.chooseSpeaker("ear");
    expect(own.speaker.value).toBe("ear");
    machine.unplug("speaker", "ear");
    await settled();
    expect(own.speaker.value).toBe("");
    expect(own.notice.value).toEqual({ kind: "speaker", happened: "lost", name: "Oreillette" });
    machine.plug("speaker", { id: "ear", label: "Oreillette" });
    await settled();
    expect([own.speaker.value, own.notice.value?.happened]).toEqual(["ear", "back"]);
  });

  test("a microphone that the machine itself mutes is known", () => {
    microphone()?.dispatchEvent(new Event("mute"));
    expect(own.hushed.value).toBe(true);
    microphone()?.dispatchEvent(new Event("unmute"));
    expect(own.hushed.value).toBe(false);
  });

  test("after the release everything is closed and nothing opens any more", async () => {
    own.release();
    machine.plug("microphone", { id: "late", label: "" });
    await settled();
    expect(machine.open_tracks.every((each) => each.stopped)).toBe(true);
    expect(own.media.value).toBe(null);
  });

  test("what is chosen goes before what comes first, and what is gone is never taken", () => {
    expect(nextDevice([HEADSET, BUILT_IN], "x", "built-in")).toBe(BUILT_IN);
    expect(nextDevice([HEADSET, BUILT_IN], "headset", "headset")).toBe(BUILT_IN);
    expect(nextDevice([HEADSET], "headset", null)).toBe(null);
  });
});
