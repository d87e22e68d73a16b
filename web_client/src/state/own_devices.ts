// The doctor's camera, microphone and loudspeaker over the life of the page: the one that was chosen, the next one when
// it is unplugged, the first one again when it comes back. What a browser's devices are is injected.
import { computed, signal, type ReadonlySignal } from "@preact/signals";
import { run, Scope } from "./scope";

export type DeviceKind = "camera" | "microphone";
export type DeviceFault = "device.refused" | "device.missing" | "device.busy" | "device.failed";

export interface Device {
  readonly id: string;
  /** Empty until the person has let the page use devices. */
  readonly label: string;
}

export interface DeviceList {
  readonly camera: readonly Device[];
  readonly microphone: readonly Device[];
  readonly speaker: readonly Device[];
}

export interface Opened {
  readonly track: MediaStreamTrack | null;
  readonly fault: DeviceFault | null;
}

/** What was chosen by hand; null: the machine's own choice. */
export interface Chosen {
  readonly camera: string | null;
  readonly microphone: string | null;
  readonly speaker: string | null;
}

export interface DevicesWorld {
  /** Both at once; throws when one of them cannot be had. */
  openBoth(chosen: Chosen): Promise<{ camera: MediaStreamTrack | null; microphone: MediaStreamTrack | null }>;
  open(kind: DeviceKind, id: string | null): Promise<Opened>;
  list(): Promise<DeviceList>;
  /** Calls `handler` whenever something is plugged in or out, until the scope ends. */
  changed(scope: Scope, handler: () => void): void;
  /** Calls `handler` when the person gives or takes a permission. */
  permitted(scope: Scope, handler: (kind: DeviceKind, granted: boolean) => void): void;
}

/** Both devices as the page shows them. */
export interface OwnMedia {
  readonly camera: MediaStreamTrack | null;
  readonly microphone: MediaStreamTrack | null;
  readonly cameraFault: DeviceFault | null;
  readonly microphoneFault: DeviceFault | null;
}

/** `lost`: nothing takes its place. `replaced`: `name` does. `back`: `name` is there again and used. */
export interface DeviceNotice {
  readonly kind: DeviceKind | "speaker";
  readonly happened: "lost" | "replaced" | "back";
  readonly name: string;
}

/** What stands in the place of `gone`: what was chosen, or the first other one. Null: nothing is left. */
export function nextDevice(there: readonly Device[], gone: string, wanted: string | null): Device | null {
  const left = there.filter((each) => each.id !== gone);
  return left.find((each) => each.id === wanted) ?? left[0] ?? null;
}

const NOTHING: OwnMedia = { camera: null, microphone: null, cameraFault: null, microphoneFault: null };
const FAULTS = { camera: "cameraFault", microphone: "microphoneFault" } as const;
const EMPTY: DeviceList = { camera: [], microphone: [], speaker: [] };

export class OwnDevices {
  readonly #media = signal<OwnMedia | null>(null);
  readonly #list = signal<DeviceList>(EMPTY);
  readonly chosen = signal<Chosen>({ camera: null, microphone: null, speaker: null });
  readonly notice = signal<DeviceNotice | null>(null);
  /** The machine or the headset itself has muted the microphone: nothing of it is sent. */
  readonly hushed = signal(false);
  readonly muted = signal(false);
  /** The loudspeaker to play on; empty: the machine's own choice, also while the chosen one is away. */
  readonly speaker = computed(() => {
    const { speaker } = this.chosen.value;
    return speaker !== null && this.#list.value.speaker.some((each) => each.id === speaker) ? speaker : "";
  });
  /** What was unplugged and is taken again when it comes back. */
  readonly #missed = new Map<DeviceKind, string>();
  #open: Scope | null = null;
  #tracks = new Map<DeviceKind, Scope>();
  #work: Promise<void> = Promise.resolve();

  constructor(readonly world: DevicesWorld) {}

  /** Null while they are being opened, or are not wanted. */
  get media(): ReadonlySignal<OwnMedia | null> {
    return this.#media;
  }
  get list(): ReadonlySignal<DeviceList> {
    return this.#list;
  }

  /** Opens both, or opens them again after a fault. */
  prepare(): void {
    this.release();
    const scope = new Scope();
    this.#open = scope;
    this.world.changed(scope, () => this.#do(scope, () => this.#changed()));
    this.world.permitted(scope, (kind, granted) => this.#do(scope, () => this.#permitted(kind, granted)));
    this.#do(scope, () => this.#first(scope));
  }

  release(): void {
    this.#open?.end();
    this.#open = null;
    for (const track of this.#tracks.values()) track.end();
    this.#tracks.clear();
    this.#missed.clear();
    this.#media.value = null;
    this.notice.value = null;
  }

  /** Mutes at the track: nothing of the doctor's voice leaves the page. */
  mute(silent: boolean): void {
    this.muted.value = silent;
    const microphone = this.#media.peek()?.microphone ?? null;
    if (microphone !== null) microphone.enabled = !silent;
  }

  /** The person chooses a device; it is used from now on, in a call too. */
  choose(kind: DeviceKind, id: string): void {
    this.chosen.value = { ...this.chosen.value, [kind]: id };
    this.#missed.delete(kind);
    const scope = this.#open;
    if (scope !== null) this.#do(scope, async () => void (await this.#take(kind, id)));
  }

  chooseSpeaker(id: string): void {
    this.chosen.value = { ...this.chosen.value, speaker: id === "" ? null : id };
  }

  /** The device in use. */
  used(kind: DeviceKind): string {
    return this.#media.value?.[kind]?.getSettings().deviceId ?? "";
  }

  async #first(scope: Scope): Promise<void> {
    let both: Opened[];
    try {
      const { camera, microphone } = await this.world.openBoth(this.chosen.peek());
      both = [camera, microphone].map((track) => ({ track, fault: track === null ? "device.missing" : null }));
    } catch {
      const { camera, microphone } = this.chosen.peek();
      const voice = await this.world.open("microphone", microphone);
      both = [await this.world.open("camera", camera), voice];
    }
    if (scope.ended) {
      for (const { track } of both) track?.stop();
      return;
    }
    this.#media.value = NOTHING;
    this.#put("camera", both[0] ?? { track: null, fault: "device.failed" });
    this.#put("microphone", both[1] ?? { track: null, fault: "device.failed" });
    this.#list.value = await this.world.list();
  }

  /** Opens one device in the place of what was there. */
  async #take(kind: DeviceKind, id: string | null): Promise<boolean> {
    const opened = await this.world.open(kind, id);
    if (this.#open === null || this.#media.value === null) {
      opened.track?.stop();
      return false;
    }
    // A choice that cannot be opened leaves what works.
    if (opened.track === null && this.#media.value[kind] !== null) return false;
    this.#put(kind, opened);
    return opened.track !== null;
  }

  #put(kind: DeviceKind, { track, fault }: Opened): void {
    this.#tracks.get(kind)?.end();
    const scope = new Scope();
    this.#tracks.set(kind, scope);
    if (track !== null) {
      scope.add(() => track.stop());
      const id = track.getSettings().deviceId ?? "";
      scope.listen(track, "ended", () => this.#lost(kind, id));
      if (kind === "microphone") {
        track.enabled = !this.muted.peek();
        this.hushed.value = track.muted;
        scope.listen(track, "mute", () => (this.hushed.value = true));
        scope.listen(track, "unmute", () => (this.hushed.value = false));
      }
    }
    this.#media.value = { ...(this.#media.value ?? NOTHING), [kind]: track, [FAULTS[kind]]: fault };
  }

  /** The open device was unplugged, or the person took the permission away. */
  #lost(kind: DeviceKind, id: string): void {
    const scope = this.#open;
    if (scope === null) return;
    this.#put(kind, { track: null, fault: "device.missing" });
    if (!this.#missed.has(kind)) this.#missed.set(kind, id);
    this.#do(scope, async () => {
      this.#list.value = await this.world.list();
      const next = nextDevice(this.#list.value[kind], id, this.chosen.peek()[kind]);
      const taken = next !== null && (await this.#take(kind, next.id));
      this.#say(kind, taken ? "replaced" : "lost");
    });
  }

  async #changed(): Promise<void> {
    const before = this.#list.value;
    this.#list.value = await this.world.list();
    for (const kind of ["camera", "microphone"] as const) {
      const there = this.#list.value[kind];
      const media = this.#media.value;
      const missed = this.#missed.get(kind);
      const back = missed !== undefined && there.some((each) => each.id === missed);
      const wanting = media !== null && media[kind] === null && media[FAULTS[kind]] !== "device.refused";
      if (!back && !(wanting && there.length > 0)) continue;
      const id = back ? missed : (nextDevice(there, "", this.chosen.peek()[kind])?.id ?? null);
      if (await this.#take(kind, id)) {
        if (back) this.#missed.delete(kind);
        this.#say(kind, "back");
      }
    }
    this.#speakers(before);
  }

  #speakers(before: DeviceList): void {
    const { speaker } = this.chosen.peek();
    const was = before.speaker.find((each) => each.id === speaker);
    const is = this.#list.value.speaker.find((each) => each.id === speaker);
    if (was !== undefined && is === undefined) this.notice.value = { kind: "speaker", happened: "lost", name: was.label };
    if (was === undefined && is !== undefined) this.notice.value = { kind: "speaker", happened: "back", name: is.label };
  }

  async #permitted(kind: DeviceKind, granted: boolean): Promise<void> {
    const media = this.#media.value;
    if (media === null) return;
    if (!granted) this.#put(kind, { track: null, fault: "device.refused" });
    else if (media[kind] === null && (await this.#take(kind, this.chosen.peek()[kind]))) this.#say(kind, "back");
  }

  #say(kind: DeviceKind, happened: DeviceNotice["happened"]): void {
    const fault = this.#media.value?.[FAULTS[kind]] ?? null;
    // The fault itself stands on the screen, with what to do.
    if (fault !== null) return;
    this.notice.value = { kind, happened, name: this.#media.value?.[kind]?.label ?? "" };
  }

  /** One change after the other: two that overlap would open a device twice. */
  #do(scope: Scope, task: () => Promise<void>): void {
    this.#work = this.#work.then(() => (scope.ended ? undefined : task())).catch(() => {
      if (!scope.ended && this.#media.value === null) {
        this.#media.value = { ...NOTHING, cameraFault: "device.failed", microphoneFault: "device.failed" };
      }
    });
    run(this.#work, () => undefined);
  }
}
