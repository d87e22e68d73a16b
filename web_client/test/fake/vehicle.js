// The vehicle's end for the fake relay: a drawn room, a drawn heart, one cuff reading, one still. `window.bus` steers it.
const ALG = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" };
const RATE = 250;
const PER_CHUNK = 25;
const b64 = (bytes) => btoa(String.fromCharCode(...new Uint8Array(bytes)));
const now = () => new Date().toISOString();
const device = (kind, maker, model) => ({ device_id: `dev-${kind}`, kind, maker, model, serial: "1", firmware: "1", simulated: true });

const bus = { drop: 0, spoil: null, camera: true, generation: 0, events: [], chunks: [], request: null, channels: {}, peer: null };
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
  instruments: [
    { number: 1, instrument_id: "cuff", kind: "blood_pressure", name: "Tensiomètre", state: "ready", problem: null, simulated: true, request: bus.request },
    { number: 2, instrument_id: "ecg", kind: "ecg", name: "Électrocardiographe", state: "measuring", problem: null, simulated: true, request: null },
    { number: 3, instrument_id: "skin", kind: "skin_camera", name: "Caméra de peau", state: "failed", problem: "instrument.unplugged", simulated: true, request: null },
  ],
  media: { camera: bus.camera, microphone: true, camera_code: null, microphone_code: null },
});
bus.situation = situation;

function event(body) {
  const made = { encounter_id: bus.encounter, seq: bus.events.length + 1, at: now(), body };
  bus.events.push(made);
  control({ type: "event", event: made });
}
bus.pressure = (systolic = "138", diastolic = "84", flags = ["irregular_pulse"]) => {
  const quantity = (loinc, mdc, unit, value) => ({ loinc, mdc, unit, value, absent: null });
  event({ type: "reading", reading: { reading_id: crypto.randomUUID(), kind: "blood_pressure", device: device("blood_pressure", "A&D", "UA-651BLE"), received_at: now(), taken_at: now(), device_time: "", clock_offset_s: 0, user: null, flags, error: null, raw: "",
    quantities: [quantity("8480-6", 150021, "mm[Hg]", systolic), quantity("8462-4", 150022, "mm[Hg]", diastolic), quantity("8478-0", 150023, "mm[Hg]", "102"), quantity("8867-4", 149546, "/min", "76")] } });
};
bus.still = async (size = 1600) => {
  const draw = new OffscreenCanvas(size, size * 0.75);
  const brush = draw.getContext("2d");
  brush.fillStyle = "#d8a68a";
  brush.fillRect(0, 0, size, size);
  for (let i = 0; i < 4000; i += 1) {
    brush.fillStyle = `rgb(${190 + Math.random() * 40} ${130 + Math.random() * 40} 110)`;
    brush.fillRect(Math.random() * size, Math.random() * size, 9, 9);
  }
  brush.fillStyle = "#5a2d1f";
  brush.beginPath();
  brush.ellipse(size / 2, size * 0.37, size / 9, size / 11, 0.4, 0, 7);
  brush.fill();
  const jpeg = new Uint8Array(await (await draw.convertToBlob({ type: "image/jpeg" })).arrayBuffer());
  const small = new OffscreenCanvas(160, 120);
  small.getContext("2d").drawImage(draw, 0, 0, 160, 120);
  const thumbnail = b64(await (await small.convertToBlob({ type: "image/jpeg", quality: 0.6 })).arrayBuffer());
  const sha256 = [...new Uint8Array(await crypto.subtle.digest("SHA-256", jpeg))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  const still = { still_id: crypto.randomUUID(), device: device("skin_camera", "Passerelle", "Caméra de peau"), taken_at: now(), sha256, size: jpeg.length, width: size, height: size * 0.75, quality: "sharp", thumbnail };
  bus.pictures = { ...bus.pictures, [still.still_id]: jpeg };
  event({ type: "still", still });
};

const beat = (t, lead) => {
  const p = ((t * 72) / 60) % 1;
  const bump = (at, width, high) => high * Math.exp(-(((p - at) / width) ** 2));
  const value = bump(0.2, 0.028, 0.14) - bump(0.353, 0.008, 0.1) + bump(0.37, 0.011, 1.15) - bump(0.392, 0.01, 0.24) + bump(0.62, 0.05, 0.28);
  return value * (lead === 0 ? 0.7 : 1.05);
};
bus.ecg = () => {
  const stream_id = bus.events.length + 1;
  bus.chunks = [];
  event({ type: "waveform_started", waveform: { stream_id, device: device("ecg", "ProtoCentral", "ADS1292R"), started_at: now(), rate_hz: String(RATE), scale: "0.005", unit: "mV", leads: [131329, 131330], lost_count: -(2 ** 31) } });
  clearInterval(bus.running);
  bus.running = setInterval(() => {
    const number = bus.chunks.length;
    const samples = [];
    for (let i = 0; i < PER_CHUNK; i += 1) for (const lead of [0, 1]) samples.push(Math.round(beat((number * PER_CHUNK + i) / RATE, lead) / 0.005));
    bus.chunks.push({ stream_id, number, samples });
    if (bus.drop > 0) bus.drop -= 1;
    else if (bus.channels.waveform?.readyState === "open") bus.channels.waveform.send(chunk(bus.chunks[number], false));
    if (number % 10 === 9) control({ type: "waveform_head", stream_id, chunks: bus.chunks.length });
  }, 100);
};
function chunk({ stream_id, number, samples }, again) {
  const view = new DataView(new ArrayBuffer(22 + 4 * samples.length));
  view.setUint8(0, 0x57);
  view.setUint8(1, 1);
  view.setUint16(2, 2 | (again ? 0x8000 : 0), true);
  view.setUint32(4, stream_id, true);
  view.setUint32(8, number, true);
  view.setUint16(12, PER_CHUNK, true);
  view.setFloat64(14, Date.now() / 1000, true);
  samples.forEach((sample, i) => view.setInt32(22 + 4 * i, sample, true));
  return view.buffer;
}

function heard(message) {
  if (message.type === "resume") {
    situation();
    for (const each of bus.events.slice(message.events_through)) control({ type: "event", event: each });
  } else if (message.type === "ack") bus.acknowledged = message.seq;
  else if (message.type === "beat") control({ type: "beat", sent: performance.now() / 1000, echo: message.sent });
  else if (message.type === "chunks_wanted" && !bus.deaf) {
    for (let n = message.from_number; n < message.to_number; n += 1) bus.channels.bulk.send(chunk(bus.chunks[n], true));
  } else if (message.type === "request") {
    bus.request = { request_id: message.request_id, instrument_id: message.instrument_id, asked_at: now(), state: "asked", words: message.words };
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
