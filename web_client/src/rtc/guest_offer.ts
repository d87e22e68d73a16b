// The doctor's end of the connection with a guest: the one place where this page offers, as `state/guest_hosting.ts`
// wants it. The bus is another host: nothing of this goes over its uplink.
import type { IceServer } from "../protocol/types";
import type { HostPeer, HostPeerEvents } from "../state/guest_hosting";
import { run, Scope } from "../state/scope";
import { asRtc, FACE, FACE_BITS, VOICE_BITS, type Own } from "./guest_media";
import { fingerprints, tuneOpus } from "./sdp";

export function hostPeer(iceServers: readonly IceServer[], events: HostPeerEvents, own: Own): HostPeer {
  const scope = new Scope();
  const connection = new RTCPeerConnection({ iceServers: iceServers.map(asRtc), bundlePolicy: "max-bundle" });
  scope.add(() => connection.close());
  scope.listen(connection, "track", (event: RTCTrackEvent) => events.track(event.track));
  scope.listen(connection, "icecandidate", (event: RTCPeerConnectionIceEvent) => events.candidate(event.candidate));
  scope.listen(connection, "connectionstatechange", () => events.state(connection.connectionState));
  const voice = connection.addTransceiver("audio", { direction: "sendrecv" });
  const face = connection.addTransceiver("video", { direction: "sendonly" });
  connection.addTransceiver("video", { direction: "recvonly" });
  let settled = false;
  const limitFace = () =>
    limit(face.sender, (encoding) => {
      const height = face.sender.track?.getSettings().height ?? FACE.lines;
      encoding.maxBitrate = FACE_BITS;
      encoding.maxFramerate = FACE.framesPerSecond;
      encoding.scaleResolutionDownBy = Math.max(1, height / FACE.lines);
      encoding.priority = encoding.networkPriority = "low";
    });
  const send = async (microphone: MediaStreamTrack | null, camera: MediaStreamTrack | null) => {
    await voice.sender.replaceTrack(microphone);
    await face.sender.replaceTrack(camera);
    // Another camera has another size.
    if (settled) await limitFace();
  };
  // A track that cannot be sent leaves its line silent; the page shows what is missing.
  scope.add(own((microphone, camera) => run(send(microphone, camera), () => undefined)));
  return {
    offer: async () => tuneOpus((await connection.createOffer()).sdp ?? ""),
    begin: (offer) => connection.setLocalDescription({ type: "offer", sdp: offer }),
    fingerprint: () => [...fingerprints(connection.localDescription?.sdp ?? "")][0] ?? "",
    accept: async (answer) => {
      await connection.setRemoteDescription({ type: "answer", sdp: answer });
      settled = true;
      await limit(voice.sender, (encoding) => {
        encoding.maxBitrate = VOICE_BITS;
        encoding.priority = encoding.networkPriority = "high";
      });
      await limitFace();
    },
    addCandidate: async (candidate) => {
      try {
        if (!scope.ended) await connection.addIceCandidate(candidate);
      } catch {
        // Candidates of a peer are hints: the connection is made of those that fit.
      }
    },
    close: () => scope.end(),
  };
}

async function limit(sender: RTCRtpSender, change: (encoding: RTCRtpEncodingParameters) => void): Promise<void> {
  const parameters = sender.getParameters();
  for (const encoding of parameters.encodings) change(encoding);
  await sender.setParameters(parameters);
}
