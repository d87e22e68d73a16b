// The guest's end of its connection with a host: answers one offer, as `state/guest_visit.ts` wants it.
import type { IceServer } from "../protocol/types";
import type { GuestPeer, GuestPeerEvents } from "../state/guest_visit";
import { run } from "../state/scope";
import { Answerer, type Outgoing } from "./answerer";
import { asRtc, FACE, FACE_BITS, GUESTS_PICTURE, HOSTS_PICTURE, VOICE, VOICE_BITS, type Own } from "./guest_media";

export interface GuestMedia {
  readonly own: Own;
  /** The host's tracks as they come. */
  remote(track: MediaStreamTrack, kind: "voice" | "picture"): void;
  connection(statistics: () => Promise<RTCStatsReport>): void;
}

export function guestPeer(iceServers: readonly IceServer[], events: GuestPeerEvents, media: GuestMedia): GuestPeer {
  // A camera that opens later needs no new offer.
  const microphone: Outgoing = { line: VOICE, track: null, maxBitrate: VOICE_BITS, priority: "high" };
  const camera: Outgoing = { line: GUESTS_PICTURE, track: null, maxBitrate: FACE_BITS, priority: "low", picture: FACE };
  const outgoing = [microphone, camera];
  const answerer = new Answerer(iceServers.map(asRtc), {
    track: (track, line) => {
      if (line === VOICE) media.remote(track, "voice");
      if (line === HOSTS_PICTURE) media.remote(track, "picture");
    },
    // Nothing of the patient's file is a guest's.
    channel: (channel) => channel.close(),
    candidate: events.candidate,
    state: events.state,
  });
  media.connection(() => answerer.stats());
  let [answered, settled] = [false, false];
  const send = async (each: Outgoing) => {
    await answerer.replace(each.line, each.track);
    // Another camera has another size.
    if (settled && each === camera) await answerer.limit(each);
  };
  const stop = media.own((voice, picture) => {
    [microphone.track, camera.track] = [voice, picture];
    if (!answered) return;
    // A track that cannot be sent leaves its line silent; the page shows what is missing.
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
    addCandidate: (candidate) => answerer.addCandidate(candidate),
    close: () => {
      stop();
      answerer.close();
    },
  };
}
