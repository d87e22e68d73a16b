// Chromium's own sender of the video benchmark, in the vehicle: the same pictures, voice and messages as the others.
// Nobody debugs this browser: a debugger would be told of all that the page is fed, which costs more than the encoder.
// It is spoken to over /control: {"do": "offer"}, {"do": "take", "sdp"}, {"do": "count"}.
const WIDTH = 1280, HEIGHT = 720, FPS = 25, READING_MS = 200, CHUNK_MS = 100, READING_BYTES = 600, CHUNK_BYTES = 160;
const sent = { readings: [], chunks: [], pictures: [] };

const picture = new MediaStreamTrackGenerator({ kind: "video" });
const sound = new MediaStreamTrackGenerator({ kind: "audio" });
const pictures = picture.writable.getWriter(), sounds = sound.writable.getWriter();

const fed = (path, took) => {
  const socket = new WebSocket(`ws://${location.host}/${path}`);
  socket.binaryType = "arraybuffer";
  socket.onmessage = (event) => {
    const number = Number(new DataView(event.data, 0, 8).getBigUint64(0, true));
    took(number, new Uint8Array(event.data, 8), socket);
  };
};

const feed = () => new Promise((ready) => {
  fed("pictures", (number, data, socket) => {
    sent.pictures.push([Date.now(), number]);
    // What the encoder has not taken is left out, as a camera would.
    if (pictures.desiredSize > 0) {
      pictures.write(new VideoFrame(data, {
        format: "I420", codedWidth: WIDTH, codedHeight: HEIGHT, timestamp: Math.round((number * 1e6) / FPS),
        colorSpace: { matrix: "smpte170m", primaries: "smpte170m", transfer: "smpte170m", fullRange: false } }));
    }
    socket.send("next");
    ready();
  });
  fed("voice", (number, data) => {
    sounds.write(new AudioData({ format: "s16", sampleRate: 48000, numberOfFrames: data.length / 2,
                                 numberOfChannels: 1, timestamp: Math.round((number * 1e6) / 48000), data }));
  });
});

let pc = null;

const offer = async () => {
  pc = new RTCPeerConnection({ iceServers: [] });
  const stream = new MediaStream([sound, picture]);
  pc.addTrack(sound, stream);
  pc.addTrack(picture, stream);
  const readings = pc.createDataChannel("control");
  const waveform = pc.createDataChannel("waveform", { ordered: false, maxRetransmits: 0 });
  let begun = 0;
  const waiting = [];
  const send = () => {
    while (waiting.length && readings.readyState === "open") readings.send(waiting.shift());
  };
  const reading = () => {
    const now = Date.now();
    waiting.push(JSON.stringify({ n: begun++, sent: now }).padEnd(READING_BYTES));
    sent.readings.push(now);
    send();
  };
  const chunk = () => {
    const now = Date.now();
    const data = new DataView(new ArrayBuffer(CHUNK_BYTES));
    data.setFloat64(0, now, true);
    sent.chunks.push(now);
    if (waveform.readyState === "open") waveform.send(data.buffer);
  };
  setInterval(reading, READING_MS);
  setInterval(chunk, CHUNK_MS);
  await pc.setLocalDescription(await pc.createOffer());
  await new Promise((done) => {
    if (pc.iceGatheringState === "complete") done();
    pc.onicegatheringstatechange = () => { if (pc.iceGatheringState === "complete") done(); };
    setTimeout(done, 500);
  });
  return pc.localDescription.sdp;
};

const count = async () => {
  const reports = [...(await pc.getStats()).values()];
  const picture = reports.find((entry) => entry.type === "outbound-rtp" && entry.kind === "video");
  pc.close();
  return { ...sent, limited: picture?.qualityLimitationDurations ?? {}, encoder: picture?.encoderImplementation,
           target: picture?.targetBitrate };
};

const control = new WebSocket(`ws://${location.host}/control`);
const say = (message) => control.send(JSON.stringify(message));
control.onmessage = async ({ data }) => {
  const message = JSON.parse(data);
  try {
    if (message.do === "offer") say({ kind: "page_offer", sdp: await offer() });
    if (message.do === "take") await pc.setRemoteDescription({ type: "answer", sdp: message.sdp });
    if (message.do === "count") say({ kind: "page_sent", ...(await count()) });
  } catch (error) {
    say({ kind: "page_failed", words: String(error) });
  }
};
control.onopen = () => feed().then(() => say({ kind: "page_ready" }), (error) => say({ kind: "page_failed",
                                                                                       words: String(error) }));
