// Sound and picture between this page and its gateway: one local peer connection, the microphone, its level.
import { effect, type ReadonlySignal, type Signal, signal, untracked } from "@preact/signals";
import type { LocalOffer } from "../protocol/types";
import { Answerer, type Outgoing } from "../rtc/answerer";
import type { CommandBody, Outcome } from "../state/kiosk_socket";
import { run, type Scope } from "../state/scope";

/** m-lines of the local offer (docs/architecture.md, A call). */
const SOUND_LINE = 0;
const OWN_LINE = 1;
const DOCTOR_LINE = 2;
/** The picture of one guest; a gateway that knows no guests offers three lines, one that knows one of them five. */
const GUEST_LINE = 4;
/** As many voices as a call takes guests. */
const GUEST_SOUND_LINES = [3, 5, 6] as const;

/** On loopback every candidate is there at once. */
const GATHER_LIMIT_MS = 1000;
/** A USB headset needs up to a second to start; an answer without microphone is renewed when it came. */
const MICROPHONE_LIMIT_MS = 2000;
/** Without a connection by then the offer or the answer was lost: ask again. */
const CONNECT_LIMIT_MS = 8000;
/** Consent checks come each 5 s: shorter breaks heal without a new connection. */
const DISCONNECTED_MS = 2500;
/** A microphone that was refused or is held by another program is tried again this often. */
const MICROPHONE_RETRY_MS = 5000;

const CONSTRAINTS: MediaStreamConstraints = {
  audio: { echoCancellation: true, noiseSuppression: true, autoGainControl: true },
};

/** The code of what `getUserMedia` refuses (W3C Media Capture, section 10.2). */
export function microphoneCode(reason: unknown): string {
  const name = reason instanceof Error ? reason.name : "";
  if (name === "NotAllowedError" || name === "SecurityError") return "microphone.refused";
  if (name === "NotFoundError" || name === "OverconstrainedError") return "microphone.absent";
  return name === "NotReadableError" ? "microphone.busy" : "microphone.failed";
}

const nothing = (): void => undefined;

export class LocalMedia {
  readonly own = signal<MediaStreamTrack | null>(null);
  readonly doctor = signal<MediaStreamTrack | null>(null);
  readonly sound = signal<MediaStreamTrack | null>(null);
  readonly guestSounds = GUEST_SOUND_LINES.map((line) => ({ line, track: signal<MediaStreamTrack | null>(null) }));
  readonly guestPicture = signal<MediaStreamTrack | null>(null);
  readonly microphone = signal<MediaStreamTrack | null>(null);
  /** Why there is no microphone; null while there is one, or none is wanted yet. */
  readonly microphoneProblem = signal<string | null>(null);
  /** The code of a refused local connection, as `local.elsewhere`; null while it is made or stands. */
  readonly problem = signal<string | null>(null);
  /** The browser refused to play: a touch is needed. */
  readonly soundBlocked = signal(false);

  readonly #places = new Map<number, Signal<MediaStreamTrack | null>>([
    [SOUND_LINE, this.sound], [OWN_LINE, this.own], [DOCTOR_LINE, this.doctor], [GUEST_LINE, this.guestPicture],
    ...this.guestSounds.map(({ line, track }) => [line, track] as const),
  ]);
  readonly #scope: Scope;
  readonly #send: (body: CommandBody) => Promise<Outcome>;
  #answerer: Answerer | null = null;
  /** The microphone on the connection of now, and what its encoder may take. */
  readonly #voice: Outgoing = { line: SOUND_LINE, track: null };
  /** The track of the last answer that was sent; undefined while none was. */
  #answered: MediaStreamTrack | null | undefined;
  #wanted = false;
  #again: () => void = nothing;
  #acquiring: Promise<void> | null = null;
  #hearing: { context: AudioContext; analyser: AnalyserNode; samples: Float32Array<ArrayBuffer> } | null = null;

  /** `wanted` is 0 when nobody needs sound and picture; another number than before asks for a new connection.
   * `muted` is the gateway's word: the track that it drops is not sent either. `voiceKbps`: what the microphone's
   * encoder may take; changing it needs no other offer. */
  constructor(
    scope: Scope, send: (body: CommandBody) => Promise<Outcome>, wanted: ReadonlySignal<number>,
    muted: ReadonlySignal<boolean>, voiceKbps: ReadonlySignal<number>,
  ) {
    this.#scope = scope;
    this.#send = send;
    scope.add(() => this.#stop());
    scope.add(
      effect(() => {
        const on = wanted.value !== 0;
        untracked(() => (on ? this.#start() : this.#stop()));
      }),
    );
    scope.add(
      effect(() => {
        const track = this.microphone.value;
        if (track !== null) track.enabled = !muted.value;
      }),
    );
    scope.add(
      effect(() => {
        this.#voice.maxBitrate = 1000 * voiceKbps.value;
        const answerer = this.#answerer;
        // Before the answer there is nothing to hold; the answer holds it itself.
        if (answerer !== null && this.#answered) run(answerer.limit(this.#voice), nothing);
      }),
    );
    if ("mediaDevices" in navigator) {
      scope.listen(navigator.mediaDevices, "devicechange", () => this.#retryMicrophone());
    }
    scope.every(MICROPHONE_RETRY_MS, () => this.#retryMicrophone());
  }

  /** Answers an offer of the gateway. A later offer ends what the earlier one made. */
  offered(offer: LocalOffer): void {
    if (!this.#wanted) return;
    run(this.#answer(offer), () => this.#wantSoon(1000));
  }

  /** Level of the microphone now: root mean square of full scale, 0 without one. */
  level(): number {
    const hearing = this.#hearing;
    if (hearing === null) return 0;
    if (hearing.context.state === "suspended") run(hearing.context.resume(), nothing);
    hearing.analyser.getFloatTimeDomainData(hearing.samples);
    let sum = 0;
    for (const sample of hearing.samples) sum += sample * sample;
    return Math.sqrt(sum / hearing.samples.length);
  }

  #start(): void {
    this.#wanted = true;
    if (this.microphone.value === null) this.#acquiring ??= this.#acquire();
    this.#want();
  }

  #stop(): void {
    this.#wanted = false;
    this.#again();
    this.#close();
    this.#forgetMicrophone();
    this.microphoneProblem.value = null;
  }

  #want(): void {
    this.#wantSoon(CONNECT_LIMIT_MS);
    run(
      this.#send({ type: "want_local" }).then(({ code }) => {
        // What the overlay says already is not said twice.
        this.problem.value = code?.startsWith("kiosk.") === true ? null : code;
      }),
      nothing,
    );
  }

  #wantSoon(milliseconds: number): void {
    this.#again();
    const timer = setTimeout(() => {
      if (this.#wanted) this.#want();
    }, milliseconds);
    this.#again = () => clearTimeout(timer);
  }

  #close(): void {
    this.#answerer?.close();
    this.#answerer = null;
    this.#answered = undefined;
    for (const place of this.#places.values()) place.value = null;
  }

  async #answer(offer: LocalOffer): Promise<void> {
    this.#close();
    const answerer = new Answerer([], {
      track: (track, line) => this.#track(answerer, track, line),
      channel: nothing,
      candidate: nothing,
      state: (state) => this.#state(answerer, state),
    });
    this.#answerer = answerer;
    await this.#microphoneOrTime();
    if (this.#answerer !== answerer) return;
    const track = this.microphone.value;
    this.#voice.track = track;
    const outgoing: Outgoing[] = track === null ? [] : [this.#voice];
    const answer = await answerer.answer(offer.sdp, outgoing);
    await answerer.settle(answer, outgoing);
    const sdp = await answerer.gathered(GATHER_LIMIT_MS);
    if (this.#answerer !== answerer) return;
    await this.#send({ type: "local_answer", generation: offer.generation, sdp });
    if (this.#answerer !== answerer) return;
    this.#answered = track;
    // What the gateway said meanwhile.
    if (track !== null) run(answerer.limit(this.#voice), nothing);
    this.#renew();
  }

  /** A microphone that came or went after the answer needs a new offer. */
  #renew(): void {
    if (this.#answered !== undefined && this.#answered !== this.microphone.value) this.#want();
  }

  #track(answerer: Answerer, track: MediaStreamTrack, line: number): void {
    if (this.#answerer !== answerer) return;
    const place = this.#places.get(line);
    if (place !== undefined) place.value = track;
  }

  #state(answerer: Answerer, state: RTCPeerConnectionState): void {
    if (this.#answerer !== answerer || !this.#wanted) return;
    if (state === "connected") this.#again();
    if (state === "failed" || state === "closed") this.#want();
    if (state === "disconnected") this.#wantSoon(DISCONNECTED_MS);
  }

  async #microphoneOrTime(): Promise<void> {
    const limit = new Promise<void>((resolve) => setTimeout(resolve, MICROPHONE_LIMIT_MS));
    await Promise.race([this.#acquiring ?? Promise.resolve(), limit]);
  }

  #retryMicrophone(): void {
    if (!this.#wanted || this.microphone.value !== null || this.#acquiring !== null) return;
    this.#acquiring = this.#acquire();
  }

  async #acquire(): Promise<void> {
    try {
      const stream = await navigator.mediaDevices.getUserMedia(CONSTRAINTS);
      const track = stream.getAudioTracks()[0] ?? null;
      if (!this.#wanted || track === null) {
        for (const each of stream.getTracks()) each.stop();
        return;
      }
      this.#scope.listen(track, "ended", () => this.#microphoneLost(track));
      this.#listenTo(stream);
      this.microphone.value = track;
      this.microphoneProblem.value = null;
      this.#renew();
    } catch (reason) {
      this.#fail(microphoneCode(reason));
    } finally {
      this.#acquiring = null;
    }
  }

  #microphoneLost(track: MediaStreamTrack): void {
    if (this.microphone.value !== track) return;
    this.#forgetMicrophone();
    this.#fail("microphone.lost");
  }

  #fail(code: string): void {
    if (this.microphoneProblem.value === code || !this.#wanted) return;
    this.microphoneProblem.value = code;
    run(this.#send({ type: "microphone_failed", code }), nothing);
  }

  #forgetMicrophone(): void {
    this.microphone.value?.stop();
    this.microphone.value = null;
    if (this.#hearing !== null) run(this.#hearing.context.close(), nothing);
    this.#hearing = null;
  }

  #listenTo(stream: MediaStream): void {
    const context = new AudioContext();
    const analyser = context.createAnalyser();
    analyser.fftSize = 1024;
    context.createMediaStreamSource(stream).connect(analyser);
    this.#hearing = { context, analyser, samples: new Float32Array(analyser.fftSize) };
  }
}
