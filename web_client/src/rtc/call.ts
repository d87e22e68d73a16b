// The peer connection of one generation of a call, as `state/doctor_call.ts` wants it.
import { BULK, CONTROL, WAVEFORM } from "../protocol/constants";
import type { ControlToVehicle, IceServer } from "../protocol/types";
import type { CallPeer, CallPeerEvents } from "../state/doctor_call";
import { run } from "../state/scope";
import { Answerer, type Outgoing } from "./answerer";

/** m-lines of the vehicle's offer (docs/architecture.md). */
const SOUND = 0;
const ROOM = 1;
const DOCTOR = 2;
const STETHOSCOPE = 3;

/** Heart sounds are not stretched or squeezed to make up for jitter: they wait a little longer instead. */
const STETHOSCOPE_BUFFER_MS = 120;

/** A face at 640x360 and 15 images a second in VP8; the vehicle forwards it as it is. */
const PICTURE_BITS_PER_SECOND = 300_000;

export interface CallMedia {
  /** The doctor's own tracks now and whenever they change; null where there is none. The answer ends it. */
  own(follow: (microphone: MediaStreamTrack | null, camera: MediaStreamTrack | null) => void): () => void;
  /** The vehicle's tracks as they come. */
  remote(track: MediaStreamTrack, kind: "sound" | "room"): void;
  connection(statistics: () => Promise<RTCStatsReport>): void;
}

export function callPeer(iceServers: readonly IceServer[], events: CallPeerEvents, media: CallMedia): CallPeer {
  let control: RTCDataChannel | null = null;
  // A camera that opens after the answer, or is plugged in later, needs no new generation.
  const microphone: Outgoing = { line: SOUND, track: null };
  const camera: Outgoing = { line: DOCTOR, track: null, maxBitrate: PICTURE_BITS_PER_SECOND };
  const outgoing = [microphone, camera];
  const answerer = new Answerer(iceServers.map(asRtc), {
    track: (track, line) => {
      if (line === SOUND) media.remote(track, "sound");
      if (line === ROOM) media.remote(track, "room");
      if (line === STETHOSCOPE) {
        answerer.hold(STETHOSCOPE, STETHOSCOPE_BUFFER_MS);
        events.stethoscope(new MediaStream([track]));
      }
    },
    channel: (channel) => {
      channel.binaryType = "arraybuffer";
      if (channel.label === CONTROL) {
        control = channel;
        channel.onmessage = (event) => events.control(event.data);
        if (channel.readyState === "open") events.opened();
        else channel.onopen = () => events.opened();
      } else if (channel.label === WAVEFORM || channel.label === BULK) {
        channel.onmessage = (event: MessageEvent<unknown>) => {
          if (event.data instanceof ArrayBuffer) events.binary(event.data);
        };
      }
    },
    candidate: events.candidate,
    state: events.state,
  });
  media.connection(() => answerer.stats());
  let answered = false;
  const stop = media.own((sound, picture) => {
    [microphone.track, camera.track] = [sound, picture];
    if (!answered) return;
    // A track that cannot be sent leaves the line silent; the page shows what is missing.
    for (const { line, track } of outgoing) run(answerer.replace(line, track), () => undefined);
  });
  return {
    answer: (offer) => {
      answered = true;
      return answerer.answer(offer, outgoing);
    },
    settle: (answer) => answerer.settle(answer, outgoing),
    addCandidate: (candidate) => answerer.addCandidate(candidate),
    send: (message: ControlToVehicle) => {
      if (control === null || control.readyState !== "open") return false;
      control.send(JSON.stringify(message));
      return true;
    },
    close: () => {
      stop();
      answerer.close();
    },
  };
}

function asRtc(server: IceServer): RTCIceServer {
  const bare: RTCIceServer = { urls: [...server.urls] };
  if (server.username !== "") bare.username = server.username;
  if (server.credential !== "") bare.credential = server.credential;
  return bare;
}
