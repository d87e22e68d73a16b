// The vehicle's end for the fake relay: a drawn room, drawn hearts, readings, stills. `window.bus` steers it.
import { beat, chunkBytes, device, INSTRUMENTS, readingOf, still, STREAMS } from "./vehicle_instruments.js";

const ALG = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" };
const b64 = (bytes) => btoa(String.fromCharCode(...new Uint8Array(bytes)));
const now = () => new Date().toISOString();

const bus = { drop: 0, spoil: null, camera: true, generation: 0, events: [], streams: new Map(), request: null, channels: {}, peer: null, live: {}, shown: null, beside: false, heard: null, media: {}, received: [], line: null };
window.bus = bus;

const keys = await crypto.subtle.generateKey(ALG, false, ["sign", "verify"]);
bus.certificate = await certificate();

async function certificate() {
  // The fake relay takes any request whose key it can read: the SPKI wrapped as PKCS#10 by hand.
  const spki = new Uint8Array(await crypto.subtle.exportKey("spki", keys.publicKey));
  const der = (tag, ...parts) => {
    const body = parts.flatMap((part) => [...part]);
    const size = body.length < 128 ? [body.length] : body.length < 256 ? [0x81, body.length] : [0x82, body.length >> 8, body.length & 255];
    return Uint8Array.from([tag, ...size, ...body]);
  };
  const info = der(0x30, [2, 1, 0], der(0x30), spki, [0xa0, 0]);
  const raw = new Uint8Array(await crypto.subtle.sign(ALG, keys.privateKey, info));
  const integer = (bytes) => {
    const least = bytes.slice(bytes.findIndex((byte) => byte !== 0));
    return der(2, least[0] > 127 ? [0, ...least] : least);
  };
  const signature = der(0x30, integer(raw.slice(0, 32)), integer(raw.slice(32)));
  const algorithm = der(0x30, [6, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 2]);
  const csr = der(0x30, info, algorithm, der(3, [0, ...signature]));
  const pem = `-----BEGIN CERTIFICATE REQUEST-----\n${b64(csr).replace(/(.{64})(?=.)/g, "$1\n")}\n-----END CERTIFICATE REQUEST-----\n`;
  const answer = await fetch("/api/fake/bus", { method: "POST", body: JSON.stringify({ csr: pem }) });
  return (await answer.json()).certificate;
}

const canvas = document.getElementById("room");
const pen = canvas.getContext("2d");
setInterval(() => {
  const t = performance.now() / 1000;
  pen.fillStyle = "#9fb4bd";
  pen.fillRect(0, 0, 1280, 720);
  pen.fillStyle = "#6f8791";
  pen.fillRect(0, 520, 1280, 200);
  pen.fillStyle = "#34556b";
  pen.beginPath();
  pen.ellipse(640 + 12 * Math.sin(t), 640, 220, 260, 0, 0, 7);
  pen.fill();
  pen.fillStyle = "#d9b08c";
  pen.beginPath();
  pen.arc(640 + 12 * Math.sin(t), 320, 110, 0, 7);
  pen.fill();
  pen.fillStyle = "#fff";
  pen.font = "40px sans-serif";
  pen.fillText(new Date().toLocaleTimeString("fr"), 40, 70);
}, 40);
const picture = canvas.captureStream(25).getVideoTracks()[0];
const audio = new AudioContext();
const tone = audio.createMediaStreamDestination();
const voice = tone.stream.getAudioTracks()[0];
/** Two sounds a beat, 60 Hz and 45 Hz, through a gain that the doctor's wish opens. */
const heart = audio.createMediaStreamDestination();
const open = new GainNode(audio, { gain: 0 });
open.connect(heart);
setInterval(() => {
  [[0, 60, 0.5], [0.32, 45, 0.35]].forEach(([at, frequency, loud]) => {
    const sound = new OscillatorNode(audio, { frequency });
    const shape = new GainNode(audio, { gain: 0 });
    sound.connect(shape).connect(open);
    const from = audio.currentTime + at;
    shape.gain.setValueAtTime(0, from);
    shape.gain.linearRampToValueAtTime(loud, from + 0.03);
    shape.gain.linearRampToValueAtTime(0, from + 0.12);
    sound.start(from);
    sound.stop(from + 0.15);
  });
}, 830);

const socket = new WebSocket(`ws://${location.host}/vehicle-ws`);
const say = (body) => socket.send(JSON.stringify(body));
socket.onmessage = async ({ data }) => {
  const body = JSON.parse(data);
  if (body.type === "assigned") await offer(body);
  else if (body.type === "answer" && body.generation === bus.generation) await bus.peer.setRemoteDescription({ type: "answer", sdp: body.sdp });
  else if (body.type === "candidate" && body.candidate !== "" && body.generation === bus.generation) {
    await bus.peer.addIceCandidate({ candidate: body.candidate, sdpMid: body.sdp_mid, sdpMLineIndex: body.sdp_m_line_index }).catch(() => undefined);
  } else if (body.type === "left") bus.peer?.close();
};

async function offer(assigned) {
  bus.peer?.close();
  bus.generation = assigned.generation;
  if (bus.encounter !== assigned.encounter_id) {
    bus.encounter = assigned.encounter_id;
    bus.events = [];
  }
  const peer = new RTCPeerConnection();
  bus.peer = peer;
  peer.addTransceiver(voice, { direction: "sendrecv" });
  peer.addTransceiver(picture, { direction: "sendonly" });
  peer.addTransceiver("video", { direction: "recvonly" });
  peer.addTransceiver(heart.stream.getAudioTracks()[0], { direction: "sendonly" });
  bus.channels = {
    control: peer.createDataChannel("control"),
    waveform: peer.createDataChannel("waveform", { ordered: false, maxRetransmits: 0 }),
    bulk: peer.createDataChannel("bulk"),
  };
  bus.channels.control.onmessage = ({ data }) => heard(JSON.parse(data));
  peer.onicecandidate = ({ candidate }) => say({ type: "candidate", call_id: assigned.call_id, generation: assigned.generation, candidate: candidate?.candidate ?? "", sdp_mid: candidate?.sdpMid ?? "", sdp_m_line_index: candidate?.sdpMLineIndex ?? 0 });
  const made = await peer.createOffer();
  const fingerprint = /a=fingerprint:sha-256 (\S+)/i.exec(made.sdp)[1].toUpperCase();
  const binding = { side: "vehicle", call_id: assigned.call_id, generation: assigned.generation, vehicle_id: "bus-1", doctor_id: assigned.doctor.doctor_id, fingerprint, peer_fingerprint: "" };
  const text = ["passerelle dtls binding v1", binding.side, binding.call_id, binding.generation, binding.vehicle_id, binding.doctor_id, fingerprint, "", ""].join("\n");
  binding.certificate = bus.certificate;
  binding.signature = b64(await crypto.subtle.sign(ALG, keys.privateKey, new TextEncoder().encode(text)));
  const sdp = bus.spoil === "fingerprint" ? made.sdp.replace(/(a=fingerprint:sha-256 )../gi, "$1AB") : made.sdp;
  say({ type: "offer", call_id: assigned.call_id, generation: assigned.generation, sdp, binding });
  await peer.setLocalDescription(made);
}

const control = (message) => bus.channels.control?.readyState === "open" && bus.channels.control.send(JSON.stringify(message));
const situation = () => control({
  type: "situation",
  encounter: { encounter_id: bus.encounter, patient: { anonymous: false, family_name: "DURAND", given_name: "Jeanne", birth_date: "1951-03-14", sex: "female", birth_place: "58194", ins: "", ins_oid: "", qualified: false }, reason: "heart", urgency: "urgent", opened_at: now(), consent_at: now(), nurse: "Samira Benali", reason_words: "palpitations depuis ce matin" },
  instruments: INSTRUMENTS.map((each) => ({ ...each, request: bus.request?.instrument_id === each.instrument_id ? bus.request : null, live: bus.live[each.instrument_id] ?? [], ...(bus.live[each.instrument_id] ? { state: "measuring" } : {}) })),
  media: { camera: bus.camera, microphone: true, camera_code: null, microphone_code: null, shown: bus.shown, beside: bus.beside, stethoscope: bus.heard, stethoscope_code: null, ...bus.media },
  guests: [],
});
bus.situation = situation;

function event(body) {
  const made = { encounter_id: bus.encounter, seq: bus.events.length + 1, at: now(), body };
  bus.events.push(made);
  control({ type: "event", event: made });
}
bus.reading = (kind, values, more) => {
  const made = readingOf(kind, values, more);
  event({ type: "reading", reading: made });
  return made.reading_id;
};
bus.pressure = (systolic = "138", diastolic = "84", flags = ["irregular_pulse"]) => bus.reading("blood_pressure", { systolic, diastolic, mean: "102", pulse: "76" }, { flags });
bus.still = async (size = 1600, more = {}) => {
  const { body, jpeg } = await still(size, more);
  bus.pictures = { ...bus.pictures, [body.still_id]: jpeg };
  event({ type: "still", still: body });
  return body.still_id;
};

/** A running stream: `frames(n)` gives the interleaved samples of chunk n. */
function stream(waveform, frames, every) {
  const stream_id = bus.events.length + 1;
  const chunks = [];
  bus.streams.set(stream_id, chunks);
  event({ type: "waveform_started", waveform: { lead_units: [], lead_scales: [], lost_count: -(2 ** 31), reading_id: null, started_at: now(), ...waveform, stream_id } });
  const columns = waveform.leads.length;
  const make = () => {
    const bytes = chunkBytes(stream_id, chunks.length, columns, frames(chunks.length));
    chunks.push(bytes);
    if (bus.drop > 0) bus.drop -= 1;
    else if (bus.channels.waveform?.readyState === "open") bus.channels.waveform.send(bytes);
    if (chunks.length % 10 === 0) control({ type: "waveform_head", stream_id, chunks: chunks.length });
  };
  const timer = setInterval(make, every);
  const stop = () => {
    clearInterval(timer);
    event({ type: "waveform_stopped", end: { stream_id, chunks: chunks.length, reason: "waveform.stopped" } });
  };
  return { stream_id, make, stop };
}
bus.ecg = () => (bus.running = stream(...STREAMS.two()));
bus.ecg12 = (samples) => (bus.running = stream(...STREAMS.twelve(samples)));
bus.ctg = (minutes = 0) => {
  bus.running = stream(...STREAMS.ctg());
  for (let n = 0; n < minutes * 60; n += 1) bus.running.make();
};
/** A cart's recording: the reading, and the stream that belongs to it, whole. */
bus.recording = (samples) => {
  const reading_id = bus.reading("ecg_recording", {}, { recording: "0".repeat(64) });
  const [waveform, frames] = STREAMS.twelve(samples, true);
  const run = stream({ ...waveform, reading_id }, frames, 3_600_000);
  for (let n = 0; n < 100; n += 1) run.make();
  run.stop();
};
bus.beat = beat;
bus.device = device;

/** How the line is, once a second while it is set: `bus.quality("good", "reduced", "quality.thin")`. */
bus.quality = (voice, picture, code = null, more = {}) => {
  bus.line = { voice, picture, code, target_kbps: 180, picture_kbps: 120, sent_kbps: 165, lines: 180, frames_per_second: 14.5, loss_percent: 1.5, round_trip_ms: 96, queue_ms: 12, keyframes: 4, freezes: 1, outages: 1, interface: "wwan0", relayed: false, seen: null, ...more };
  control({ type: "quality", quality: bus.line });
};
setInterval(() => bus.line !== null && control({ type: "quality", quality: bus.line }), 1000);
/** The room's picture stops; the sound goes on. */
bus.pause = (paused) => bus.peer.getTransceivers()[1].sender.replaceTrack(paused ? null : picture);
bus.refuse = (code, about) => control({ type: "problem", code, about });
/** What comes of the doctor's picture and voice: W3C inbound-rtp. */
bus.inbound = async () => [...(await bus.peer.getStats()).values()].filter((each) => each.type === "inbound-rtp");

function heard(message) {
  if (message.type !== "beat") bus.received = [...bus.received, message].slice(-50);
  if (message.type === "resume") {
    situation();
    for (const each of bus.events.slice(message.events_through)) control({ type: "event", event: each });
  } else if (message.type === "ack") bus.acknowledged = message.seq;
  else if (message.type === "beat") control({ type: "beat", sent: performance.now() / 1000, echo: message.sent });
  else if (message.type === "chunks_wanted" && !bus.deaf) {
    for (let n = message.from_number; n < message.to_number; n += 1) bus.channels.bulk.send(bus.streams.get(message.stream_id)[n]);
  } else if (message.type === "request") {
    bus.request = { request_id: message.request_id, instrument_id: message.instrument_id, asked_at: now(), state: "asked", words: message.words };
    situation();
  } else if (message.type === "camera_wanted") {
    [bus.shown, bus.beside] = [message.instrument_id, message.beside];
    situation();
  } else if (message.type === "listen_wanted") {
    bus.heard = message.instrument_id;
    open.gain.value = bus.heard === null ? 0 : 1;
    situation();
  } else if (message.type === "withdraw") {
    bus.request = null;
    situation();
  } else if (message.type === "still_wanted") {
    const jpeg = bus.pictures[message.still_id];
    const name = new TextEncoder().encode(message.still_id);
    for (let at = message.offset; at < jpeg.length; at += 16384) {
      const body = jpeg.subarray(at, at + 16384);
      const part = new Uint8Array(12 + name.length + body.length);
      const view = new DataView(part.buffer);
      view.setUint8(0, 0x53);
      view.setUint8(1, 1);
      view.setUint16(2, name.length, true);
      view.setUint32(4, at, true);
      view.setUint32(8, jpeg.length, true);
      part.set(name, 12);
      part.set(body, 12 + name.length);
      bus.channels.bulk.send(part);
    }
  }
}
document.title = "Fake vehicle ready";
