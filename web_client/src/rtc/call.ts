// The peer connection of one generation of a call, as `state/doctor_call.ts` wants it.
import { BULK, CONTROL, WAVEFORM } from "../protocol/constants";
import type { ControlToVehicle, IceServer } from "../protocol/types";
import type { CallPeer, CallPeerEvents } from "../state/call_peer";
import { VOICE_BITS } from "../state/own_picture";
import { run } from "../state/scope";
import { Answerer, type Outgoing, type PictureLimits } from "./answerer";
import { Playout } from "./playout";

/** m-lines of the vehicle's offer (docs/architecture.md). */
const SOUND = 0;
const ROOM = 1;
const DOCTOR = 2;
const STETHOSCOPE = 3;

/** Heart sounds are not stretched or squeezed to make up for jitter: they wait a little longer instead. */
const STETHOSCOPE_BUFFER_MS = 120;

/** A face at 320x180 and 15 images a second in VP8. The vehicle forwards it as it is, over a downlink that may be as
 * thin as its uplink, to a tile on the touchscreen. */
const PICTURE: PictureLimits = { lines: 180, framesPerSecond: 15 };
const PICTURE_BITS = 120_000;

/** The picture comes as soon as it can be shown: what smooths it is the vehicle's pacing. Held back only for the lips. */
const PICTURE_BUFFER_MS = 0;

export interface CallMedia {
  /** The doctor's own tracks now and whenever they change; null where there is none. The answer ends it. */
  own(follow: (microphone: MediaStreamTrack | null, camera: MediaStreamTrack | null) => void): () => void;
  /** The vehicle's tracks as they come. */
  remote(track: MediaStreamTrack, kind: "sound" | "room"): void;
}

export function callPeer(iceServers: readonly IceServer[], events: CallPeerEvents, media: CallMedia): CallPeer {
  let control: RTCDataChannel | null = null;
  // A camera that opens after the answer, or is plugged in later, needs no new generation.
  const microphone: Outgoing = { line: SOUND, track: null, maxBitrate: VOICE_BITS, priority: "high" };
  const camera: Outgoing = {
    line: DOCTOR, track: null, maxBitrate: PICTURE_BITS, priority: "low", picture: PICTURE, active: true,
  };
  const outgoing = [microphone, camera];
  const playout = new Playout();
  let held = PICTURE_BUFFER_MS;
  const answerer = new Answerer(iceServers.map(asRtc), {
    track: (track, line) => {
      if (line === SOUND) media.remote(track, "sound");
      if (line === ROOM) {
        answerer.hold(ROOM, PICTURE_BUFFER_MS);
        media.remote(track, "room");
      }
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
  let [answered, settled] = [false, false];
  const send = async (each: Outgoing) => {
    await answerer.replace(each.line, each.track);
    // Another camera has another size.
    if (settled && each === camera) await answerer.limit(each);
  };
  const stop = media.own((sound, picture) => {
    [microphone.track, camera.track] = [sound, picture];
    if (!answered) return;
    // A track that cannot be sent leaves the line silent; the page shows what is missing.
    for (const each of outgoing) run(send(each), () => undefined);
  });
  return {
    answer: (offer) => {
      answered = true;
      return answerer.answer(offer, outgoing);
    },
    settle: async (answer) => {
      await answerer.settle(answer, outgoing);
      settled = true;
    },
    statistics: async () => {
      const report = await answerer.stats();
      const lines = { sound: answerer.mid(SOUND), room: answerer.mid(ROOM), doctor: answerer.mid(DOCTOR) };
      const target = Math.max(PICTURE_BUFFER_MS, playout.second(report, lines.sound));
      if (target !== held) answerer.hold(ROOM, (held = target));
      return { report, lines };
    },
    flow: () => answerer.flow(),
    adapt: async ({ picture, voiceBits }) => {
      camera.active = picture;
      microphone.maxBitrate = voiceBits;
      if (!settled) return;
      await Promise.all(outgoing.map((each) => answerer.limit(each)));
    },
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
