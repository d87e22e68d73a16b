// The doctor's end of the video benchmark: shows the picture, listens to the voice, keeps when what came.
// `passerelleReadCode` of sim/read_code.js stands before it. All lists are read at the end, none while it runs.
const SAMPLE_MS = 1000, STATS_MS = 500;
const PLANAR = new Set(["I420", "I420A", "I422", "I444", "NV12"]);

const LISTENER = `
const PITCHES = [600, 900, 1200, 1500, 1800, 2100, 2400, 2700], HOP = 480;
registerProcessor("listener", class extends AudioWorkletProcessor {
  constructor() {
    super();
    this.hop = new Float32Array(HOP);
    this.filled = 0;
  }
  process(inputs) {
    const input = inputs[0][0];
    for (let i = 0; i < 128; i++) {
      this.hop[this.filled++] = input ? input[i] : 0;
      if (this.filled === HOP) this.measure();
    }
    return true;
  }
  measure() {
    this.filled = 0;
    let best = 0, loudest = 0;
    PITCHES.forEach((pitch, number) => {
      const turn = 2 * Math.cos((2 * Math.PI * pitch) / 48000);
      let one = 0, two = 0;
      for (const sample of this.hop) [one, two] = [sample + turn * one - two, one];
      const power = one * one + two * two - turn * one * two;
      const amplitude = (2 * Math.sqrt(Math.max(0, power))) / HOP;
      if (amplitude > loudest) [best, loudest] = [number, amplitude];
    });
    this.port.postMessage([Date.now(), best, Math.round(loudest * 1000)]);
  }
});
`;

const video = document.createElement("video");
video.muted = video.autoplay = video.playsInline = true;
video.style.width = "960px";
document.body.append(video);

let context = null, source = null, connection = null;
const small = document.createElement("canvas");
const pen = small.getContext("2d", { willReadFrequently: true });
let kept;

window.clear = () => {
  kept = { frames: [], samples: [], levels: [], messages: [], stats: [], states: [], unsampled: [] };
  window.seen = new Set();
  window.lastSample = -SAMPLE_MS;
  connection?.close();
  connection = null;
  video.srcObject = null;
};

// The decoded luma as it is: what a page draws has gone through a conversion of colours that depends on how the sender
// tagged them. Firefox gives no planes: there it is what a page draws.
const luma = async (picture) => {
  const { width, height } = picture.visibleRect;
  const octets = new Uint8Array(picture.allocationSize());
  const [plane] = await picture.copyTo(octets);
  const rows = new Uint8Array(width * height);
  for (let y = 0; y < height; y++) {
    rows.set(octets.subarray(plane.offset + y * plane.stride, plane.offset + y * plane.stride + width), y * width);
  }
  return ["luma", width, height, rows];
};

const drawn = () => {
  small.width = video.videoWidth;
  small.height = video.videoHeight;
  pen.drawImage(video, 0, 0);
  const { data, width, height } = pen.getImageData(0, 0, small.width, small.height);
  const rows = new Uint8Array(width * height);
  for (let i = 0, j = 0; i < rows.length; i++, j += 4) {
    rows[i] = (299 * data[j] + 587 * data[j + 1] + 114 * data[j + 2] + 500) / 1000;
  }
  return ["drawn", width, height, rows];
};

const sample = async (at, code, samples) => {
  const picture = new VideoFrame(video);
  try {
    const planar = PLANAR.has(picture.format);
    samples.push([at, code, ...(planar ? await luma(picture) : drawn())]);
  } finally {
    picture.close();
  }
};

const shown = (now, facts) => {
  const at = performance.now();
  const code = passerelleReadCode(video);
  kept.frames.push([at, code, video.videoWidth, video.videoHeight, facts.presentedFrames]);
  if (code !== null && at - window.lastSample >= SAMPLE_MS) {
    window.lastSample = at;
    sample(at, code, kept.samples).catch((error) => kept.unsampled.push(String(error)));
  }
  video.requestVideoFrameCallback(shown);
};
video.requestVideoFrameCallback(shown);

window.listen = async () => {
  context = new AudioContext({ sampleRate: 48000 });
  await context.audioWorklet.addModule(URL.createObjectURL(new Blob([LISTENER], { type: "text/javascript" })));
  const listener = new AudioWorkletNode(context, "listener");
  listener.port.onmessage = (event) => kept.levels.push(event.data);
  const silence = context.createGain();
  silence.gain.value = 0;
  listener.connect(silence).connect(context.destination);
  window.listener = listener;
  await context.resume();
  return context.state;
};

const hear = (track) => {
  const stream = new MediaStream([track]);
  const sound = new Audio();
  sound.muted = true;
  sound.srcObject = stream;
  source?.disconnect();
  source = context.createMediaStreamSource(stream);
  source.connect(window.listener);
};

const took = (channel, data) => {
  const at = Date.now();
  if (channel.label === "control") {
    const { n, sent } = JSON.parse(data);
    if (!window.seen.has(n)) kept.messages.push(["control", sent, at]);
    window.seen.add(n);
    channel.send(String(n));
  } else if (channel.label === "waveform") {
    kept.messages.push(["waveform", new DataView(data).getFloat64(0, true), at]);
  }
};

let generation = 0;

window.candidate = async (number, candidate) => {
  if (number === generation && connection) await connection.addIceCandidate({ candidate, sdpMLineIndex: 0 });
};

window.answer = async (offer, number = 0) => {
  connection?.close();
  generation = number;
  const pc = connection = new RTCPeerConnection({ iceServers: [] });
  pc.onconnectionstatechange = () => kept.states.push([performance.now(), pc.connectionState]);
  let heard = false;
  pc.ontrack = (event) => {
    if (event.track.kind === "video") video.srcObject = new MediaStream([event.track]);
    else if (!heard) {
      heard = true;
      hear(event.track);
    }
  };
  pc.ondatachannel = (event) => {
    event.channel.binaryType = "arraybuffer";
    event.channel.onmessage = (message) => took(event.channel, message.data);
  };
  await pc.setRemoteDescription({ type: "offer", sdp: offer });
  await pc.setLocalDescription(await pc.createAnswer());
  await new Promise((done) => {
    if (pc.iceGatheringState === "complete") done();
    pc.onicegatheringstatechange = () => { if (pc.iceGatheringState === "complete") done(); };
    setTimeout(done, 500);
  });
  return pc.localDescription.sdp;
};

setInterval(async () => {
  const pc = connection;
  if (!pc || pc.connectionState === "closed") return;
  const row = { at: performance.now() };
  for (const entry of (await pc.getStats()).values()) {
    if (entry.type !== "inbound-rtp" || !entry.packetsReceived) continue;
    if (entry.kind === "video") {
      Object.assign(row, { bytes: entry.bytesReceived, keyframes: entry.keyFramesDecoded, decoded: entry.framesDecoded,
                           freezes: entry.freezeCount, codec: entry.decoderImplementation, nacks: entry.nackCount,
                           plis: entry.pliCount, jitterBuffer: entry.jitterBufferDelay,
                           emitted: entry.jitterBufferEmittedCount });
    } else {
      Object.assign(row, { concealed: entry.concealedSamples, samples: entry.totalSamplesReceived,
                           voiceLost: entry.packetsLost, voicePackets: entry.packetsReceived,
                           voiceBytes: entry.bytesReceived, voiceBuffer: entry.jitterBufferDelay,
                           voiceTarget: entry.jitterBufferTargetDelay, voiceEmitted: entry.jitterBufferEmittedCount });
    }
  }
  kept.stats.push(row);
}, STATS_MS);

const text = (bytes) => {
  let whole = "";
  for (let i = 0; i < bytes.length; i += 32768) whole += String.fromCharCode(...bytes.subarray(i, i + 32768));
  return btoa(whole);
};
// One sample at a time: a window has up to a hundred megabytes of them.
window.collect = () => ({ ...kept, samples: kept.samples.length });
window.sampled = (number) => {
  const [at, code, kind, width, height, rows] = kept.samples[number];
  return [at, code, kind, width, height, text(rows)];
};
window.clear();
