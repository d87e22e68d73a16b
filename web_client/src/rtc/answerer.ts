// One RTCPeerConnection that answers: the gateway is the only offerer, for the doctor's page and for the kiosk.
// A new generation is a new object; the old one is closed.
import { Scope } from "../state/scope";
import { tuneOpus } from "./sdp";

export interface AnswererEvents {
  /** A remote track, with the index of its m-line in the offer. */
  track(track: MediaStreamTrack, line: number): void;
  channel(channel: RTCDataChannel): void;
  /** null: no more candidates (RFC 8838). */
  candidate(candidate: RTCIceCandidate | null): void;
  state(state: RTCPeerConnectionState): void;
}

/** What the encoder of a picture is held to. */
export interface PictureLimits {
  /** Lines of the picture that is sent, whatever the camera gives. */
  readonly lines: number;
  readonly framesPerSecond: number;
}

/** What goes out on one m-line of the offer. */
export interface Outgoing {
  line: number;
  /** null: nothing yet; `replace` brings it later without another offer. */
  track: MediaStreamTrack | null;
  /** Cap of the encoder in bit/s, where it has one. */
  maxBitrate?: number;
  /** Of the packets on this machine's own network and of the browser's budget. */
  priority?: RTCPriorityType;
  picture?: PictureLimits;
  /** False: nothing is encoded or sent until it is set again. */
  active?: boolean;
}

/** Answers one offer. Every method after `close` does nothing. */
export class Answerer {
  #changing: Promise<unknown> = Promise.resolve();
  readonly #scope = new Scope();
  readonly #connection: RTCPeerConnection;

  constructor(iceServers: RTCIceServer[], events: AnswererEvents) {
    const connection = new RTCPeerConnection({ iceServers, bundlePolicy: "max-bundle" });
    this.#connection = connection;
    this.#scope.add(() => connection.close());
    this.#scope.listen(connection, "track", (event: RTCTrackEvent) =>
      events.track(event.track, connection.getTransceivers().indexOf(event.transceiver)),
    );
    this.#scope.listen(connection, "datachannel", (event: RTCDataChannelEvent) => events.channel(event.channel));
    this.#scope.listen(connection, "icecandidate", (event: RTCPeerConnectionIceEvent) =>
      events.candidate(event.candidate),
    );
    this.#scope.listen(connection, "connectionstatechange", () => events.state(connection.connectionState));
  }

  /** Sets the offer and makes the answer, not yet set. Call it only with an offer that was verified. */
  async answer(offer: string, outgoing: readonly Outgoing[]): Promise<string> {
    await this.#connection.setRemoteDescription({ type: "offer", sdp: offer });
    const transceivers = this.#connection.getTransceivers();
    for (const { line, track } of outgoing) {
      const transceiver = transceivers[line];
      if (transceiver === undefined) continue;
      await transceiver.sender.replaceTrack(track);
      transceiver.direction = transceiver.direction === "recvonly" ? "sendrecv" : "sendonly";
    }
    const answer = await this.#connection.createAnswer();
    return tuneOpus(answer.sdp ?? "");
  }

  /** Sends another track on an m-line that was answered as sending, or nothing. */
  async replace(line: number, track: MediaStreamTrack | null): Promise<void> {
    if (this.#scope.ended) return;
    await this.#connection.getTransceivers()[line]?.sender.replaceTrack(track);
  }

  /** Lets what comes on an m-line wait `milliseconds` for what is late (W3C WebRTC Extensions, jitterBufferTarget). */
  hold(line: number, milliseconds: number): void {
    const receiver = this.#connection.getTransceivers()[line]?.receiver;
    if (receiver !== undefined) receiver.jitterBufferTarget = milliseconds;
  }

  /** Sets the answer: candidates are gathered from here on. */
  async settle(answer: string, outgoing: readonly Outgoing[] = []): Promise<void> {
    await this.#connection.setLocalDescription({ type: "answer", sdp: answer });
    for (const each of outgoing) await this.limit(each);
  }

  /** Holds what is sent on an m-line to its limits; after `settle`, whenever they change. One after the other:
   * `setParameters` refuses to be called twice at once. */
  limit(outgoing: Outgoing): Promise<void> {
    const done = this.#changing.then(() => this.#limit(outgoing));
    this.#changing = done.catch(() => undefined);
    return done;
  }

  async #limit(outgoing: Outgoing): Promise<void> {
    const sender = this.#connection.getTransceivers()[outgoing.line]?.sender;
    if (sender === undefined || this.#scope.ended) return;
    const { maxBitrate, priority, picture, active } = outgoing;
    const parameters = sender.getParameters();
    for (const encoding of parameters.encodings) {
      if (maxBitrate !== undefined) encoding.maxBitrate = maxBitrate;
      if (active !== undefined) encoding.active = active;
      if (priority !== undefined) encoding.priority = encoding.networkPriority = priority;
      if (picture !== undefined) {
        encoding.maxFramerate = picture.framesPerSecond;
        const height = sender.track?.getSettings().height ?? picture.lines;
        encoding.scaleResolutionDownBy = Math.max(1, height / picture.lines);
      }
    }
    await sender.setParameters(parameters);
  }

  /** The `mid` of an m-line (RFC 8843); empty before the offer. */
  mid(line: number): string {
    return this.#connection.getTransceivers()[line]?.mid ?? "";
  }

  /** The local description once every candidate is in it; after `limit` ms with those there are. */
  async gathered(limit: number): Promise<string> {
    const connection = this.#connection;
    if (connection.iceGatheringState !== "complete") {
      await new Promise<void>((resolve) => {
        const waiting = this.#scope.child();
        waiting.add(resolve);
        waiting.after(limit, () => waiting.end());
        waiting.listen(connection, "icegatheringstatechange", () => {
          if (connection.iceGatheringState === "complete") waiting.end();
        });
      });
    }
    return connection.localDescription?.sdp ?? "";
  }

  /** Adds a remote candidate; an empty one ends them. A candidate that does not fit is left out. */
  async addCandidate(candidate: RTCIceCandidateInit): Promise<void> {
    if (this.#scope.ended) return;
    try {
      await this.#connection.addIceCandidate(candidate);
    } catch {
      // Candidates of a peer are hints: the connection is made of those that fit.
    }
  }

  /** Milliseconds since a packet of any line was played or shown (W3C WebRTC, 5.3); null: none in the last ten seconds. */
  flow(): number | null {
    let latest = -Infinity;
    for (const { receiver } of this.#connection.getTransceivers()) {
      for (const { timestamp } of receiver.getSynchronizationSources()) latest = Math.max(latest, timestamp);
    }
    return latest === -Infinity ? null : Math.max(0, performance.timeOrigin + performance.now() - latest);
  }

  async stats(): Promise<RTCStatsReport> {
    return this.#connection.getStats();
  }

  close(): void {
    this.#scope.end();
  }
}
