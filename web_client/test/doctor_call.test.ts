import { afterEach, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import type { Binding, CallGranted, CallQuality, ControlToDoctor, ControlToVehicle } from "../src/protocol/types";
import { statement } from "../src/state/binding";
import { toBase64 } from "../src/state/base64";
import { DoctorCall, type CallPeer, type CallPeerEvents, type DoctorIdentity } from "../src/state/doctor_call";
import type { PeerStatistics } from "../src/state/call_statistics";
import { EncounterRecord } from "../src/state/doctor_record";
import type { Sending } from "../src/state/own_picture";
import { Scope } from "../src/state/scope";
import type { FromDoctor } from "../src/state/signalling";
import { authority, certificate, ECDSA, keyPair } from "./certificates";
import { chunkBytes } from "./wire_bytes";

const NOW = Date.parse("2026-06-01T12:00:00Z");
const PRINT = Array.from({ length: 32 }, () => "AB").join(":");
const OWN = Array.from({ length: 32 }, () => "CD").join(":");
const sdp = (print: string) => `v=0\r\na=fingerprint:sha-256 ${print}\r\n`;

/** Signatures are made beside: on a busy machine they take seconds. */
vi.setConfig({ testTimeout: 60_000 });
const until = (held: () => boolean) => vi.waitUntil(held, { timeout: 30_000 });

/** A peer connection that connects when it is told to. */
class FakePeer implements CallPeer {
  readonly offers: string[] = [];
  readonly sent: ControlToVehicle[] = [];
  readonly candidates: string[] = [];
  open = false;
  closed = false;
  settled = false;
  constructor(readonly events: CallPeerEvents) {}
  answer(offer: string): Promise<string> {
    this.offers.push(offer);
    return Promise.resolve(sdp(OWN));
  }
  settle(): Promise<void> {
    this.settled = true;
    return Promise.resolve();
  }
  addCandidate(candidate: RTCIceCandidateInit): Promise<void> {
    this.candidates.push(candidate.candidate ?? "");
    return Promise.resolve();
  }
  send(message: ControlToVehicle): boolean {
    if (this.open) this.sent.push(message);
    return this.open;
  }
  /** What the browser counts; a test writes into it. */
  report: [string, unknown][] = [];
  readonly adapted: Sending[] = [];
  flow(): number | null {
    return null;
  }
  statistics(): Promise<PeerStatistics> {
    return Promise.resolve({ report: this.report, lines: { sound: "0", room: "1", doctor: "2" } });
  }
  adapt(sending: Sending): Promise<void> {
    this.adapted.push(sending);
    return Promise.resolve();
  }
  close(): void {
    this.closed = true;
  }
  connect(): void {
    this.open = true;
    this.events.state("connected");
    this.events.opened();
  }
  say(message: ControlToDoctor): void {
    this.events.control(JSON.stringify(message));
  }
  of<T extends ControlToVehicle["type"]>(type: T): Extract<ControlToVehicle, { type: T }>[] {
    return this.sent.filter((message) => message.type === type) as Extract<ControlToVehicle, { type: T }>[];
  }
}

let identity: DoctorIdentity;
let vehicleKey: CryptoKey;
let vehiclePem: string;

beforeAll(async () => {
  const ca = await authority("Operator", NOW);
  const vehicle = await keyPair();
  const doctor = await keyPair();
  vehicleKey = vehicle.privateKey;
  vehiclePem = await certificate(ca, vehicle.publicKey, "urn:passerelle:vehicle:bus", NOW);
  const pem = await certificate(ca, doctor.publicKey, "urn:passerelle:doctor:doc", NOW);
  identity = { doctorId: "doc", certificate: pem, key: doctor.privateKey, ca: ca.pem };
});

const granted = (generation: number): CallGranted => ({
  type: "granted",
  call_id: "call",
  generation,
  encounter_id: "enc",
  vehicle: { vehicle_id: "bus", name: "Bus", territory: "", simulated: true, certificate: "" },
  ice_servers: [],
});
const offered = async (generation: number, description = sdp(PRINT)) => {
  const unsigned = {
    side: "vehicle" as const, call_id: "call", generation, vehicle_id: "bus", doctor_id: "doc", fingerprint: PRINT,
    peer_fingerprint: "",
  };
  const signature = toBase64(new Uint8Array(await crypto.subtle.sign(ECDSA, vehicleKey, statement(unsigned))));
  const binding: Binding = { ...unsigned, certificate: vehiclePem, signature };
  return { type: "offer" as const, call_id: "call", generation, sdp: description, binding };
};
const reading = (seq: number, encounter_id = "enc"): ControlToDoctor => ({
  type: "event",
  event: {
    encounter_id, seq, at: "2026-06-01T12:00:00Z",
    body: {
      type: "reading",
      reading: {
        reading_id: `r${seq}`, kind: "blood_pressure", received_at: "2026-06-01T12:00:00Z", quantities: [], taken_at: null,
        device: { device_id: "d", kind: "blood_pressure", maker: "", model: "", serial: "", firmware: "", simulated: true },
        device_time: "", clock_offset_s: null, user: null, record: null, context: [], recording: "", flags: [], error: null, raw: "",
      },
    },
  },
});

describe("a call", () => {
  let scope: Scope;
  let peers: FakePeer[];
  let signalled: FromDoctor[];
  let record: EncounterRecord;
  let call: DoctorCall;
  let time: number;

  beforeEach(() => {
    vi.useFakeTimers({ toFake: ["setInterval", "clearInterval", "setTimeout", "clearTimeout"] });
    scope = new Scope();
    peers = [];
    signalled = [];
    time = 0;
    record = new EncounterRecord("enc");
    const world = {
      peer: (_: unknown, events: CallPeerEvents) => {
        const peer = new FakePeer(events);
        peers.push(peer);
        return peer;
      },
      signal: (body: FromDoctor) => signalled.push(body),
      shown: () => Promise.resolve(),
      now: () => time,
      clock: () => NOW,
    };
    const first = granted(1);
    call = new DoctorCall(scope, "call", first.vehicle, record, identity, world, first);
  });
  afterEach(() => {
    scope.end();
    vi.useRealTimers();
  });

  const pass = (milliseconds: number) => {
    for (let passed = 0; passed < milliseconds; passed += 100) {
      time += 100;
      vi.advanceTimersByTime(100);
    }
  };
  /** The browser has answered what the last second asked of it. */
  const measured = () => new Promise<void>((resolve) => void setImmediate(resolve));
  const said = <T extends FromDoctor["type"]>(type: T) =>
    signalled.filter((body) => body.type === type) as Extract<FromDoctor, { type: T }>[];
  const answered = async (generation: number) => {
    const before = said("answer").length;
    call.offer(await offered(generation));
    await until(() => said("answer").length > before && peers.at(-1)?.settled === true);
    return peers.at(-1) as FakePeer;
  };

  test("answers a verified offer with a binding that names the vehicle's fingerprint", async () => {
    const peer = await answered(1);
    expect(said("answer")[0]).toMatchObject({
      generation: 1,
      sdp: sdp(OWN),
      binding: { side: "doctor", fingerprint: OWN, peer_fingerprint: PRINT, call_id: "call", generation: 1 },
    });
    peer.connect();
    expect(call.phase.value).toBe("connected");
  });

  test("an offer whose fingerprint was swapped is refused before it reaches the peer connection", async () => {
    call.offer(await offered(1, sdp(OWN)));
    await until(() => said("refused").length === 1);
    expect(said("refused")[0]?.code).toBe("binding.fingerprint");
    expect([call.phase.value, call.refusal.value]).toEqual(["refused", "binding.fingerprint"]);
    expect(peers[0]?.offers).toEqual([]);
    expect(peers[0]?.closed).toBe(true);
    pass(30_000);
    expect(said("rejoin")).toEqual([]);
  });

  test("a new generation is a new peer connection; the old one is closed and what was measured stays", async () => {
    const first = await answered(1);
    first.connect();
    first.say(reading(1));
    call.granted(granted(2));
    expect(first.closed).toBe(true);
    expect(call.phase.value).toBe("interrupted");
    const second = await answered(2);
    second.connect();
    expect(second.of("resume")).toEqual([{ type: "resume", encounter_id: "enc", events_through: 1 }]);
    expect(record.readings.value).toHaveLength(1);
    expect(call.phase.value).toBe("connected");
  });

  test("offers and candidates of another generation are dropped; early ones wait for the description", async () => {
    const candidate = (generation: number, text: string) =>
      call.candidate({ type: "candidate", call_id: "call", generation, candidate: text, sdp_mid: "0", sdp_m_line_index: 0 });
    candidate(1, "early");
    candidate(2, "other");
    call.offer(await offered(2));
    expect(peers).toEqual([]);
    const peer = await answered(1);
    candidate(1, "late");
    expect(peer.candidates).toEqual(["early", "late"]);
  });

  test("acknowledges events once they are on the screen, and asks again behind a hole", async () => {
    const peer = await answered(1);
    peer.connect();
    peer.say(reading(1));
    peer.say(reading(3));
    await until(() => peer.of("ack").length === 1);
    expect(peer.of("ack")[0]?.seq).toBe(1);
    expect(peer.of("resume").at(-1)?.events_through).toBe(1);
    expect(record.readings.value).toHaveLength(1);
  });

  test("an event of another encounter is not shown in this file", async () => {
    const peer = await answered(1);
    peer.connect();
    peer.say(reading(1, "another"));
    expect(record.readings.value).toEqual([]);
    expect(peer.of("problem")[0]?.code).toBe("event.encounter");
  });

  test("three seconds of silence are said, thirty end the peer connection", async () => {
    const peer = await answered(1);
    peer.connect();
    peer.say({ type: "beat", sent: 1, echo: null });
    pass(2500);
    expect(call.phase.value).toBe("connected");
    pass(1000);
    expect(call.phase.value).toBe("interrupted");
    pass(26_000);
    expect(said("rejoin")).toEqual([]);
    pass(1500);
    expect(said("rejoin")).toMatchObject([{ generation: 1, cause: "call.silent" }]);
  });

  test("a connection that stood and failed is left to heal for as long as consent holds", async () => {
    const peer = await answered(1);
    peer.connect();
    peer.events.state("disconnected");
    pass(5000);
    peer.events.state("failed");
    expect(call.phase.value).toBe("interrupted");
    pass(29_000);
    expect(said("rejoin")).toEqual([]);
    pass(2000);
    expect(said("rejoin")).toHaveLength(1);
  });

  test("while the vehicle is away what stood is kept for its return, however long that takes", async () => {
    const peer = await answered(1);
    peer.connect();
    peer.events.state("disconnected");
    peer.events.state("failed");
    call.peerAway(true);
    pass(300_000);
    expect(said("rejoin")).toEqual([]);
    peer.events.state("connected");
    call.peerAway(false);
    expect(call.phase.value).toBe("connected");
    expect(peer.closed).toBe(false);
  });

  test("a failed connection asks for the next generation once", async () => {
    const peer = await answered(1);
    peer.connect();
    peer.events.state("failed");
    peer.events.state("closed");
    expect(said("rejoin")).toHaveLength(1);
  });

  test("no offer within eight seconds: asks again, unless the vehicle is away", () => {
    pass(8600);
    expect(said("rejoin")).toHaveLength(1);
    call.peerAway(true);
    pass(30_000);
    expect(said("rejoin")).toHaveLength(1);
    call.peerAway(false);
    pass(9000);
    expect(said("rejoin")).toHaveLength(2);
  });

  test("a vehicle that was away before the relay's restart is not away for ever", () => {
    call.peerAway(true);
    call.relayForgot();
    expect(call.away.value).toBe(false);
    const before = said("rejoin").length;
    pass(9000);
    expect(said("rejoin").length).toBeGreaterThan(before);
  });

  test("a relay that forgot us hears again what still counts", async () => {
    const peer = await answered(1);
    peer.connect();
    call.relayForgot();
    expect(said("rejoin")).toEqual([]);
    peer.events.state("failed");
    call.relayForgot();
    expect(said("rejoin")).toHaveLength(1);
    call.leave(true, "Dr");
    call.relayForgot();
    expect(said("left")).toHaveLength(2);
  });

  test("a rejoin that went down with the relay's memory is asked for again, also of a connection that seems to stand", async () => {
    const peer = await answered(1);
    peer.connect();
    call.rejoin("call.network_changed");
    call.relayForgot();
    expect(said("rejoin")).toHaveLength(2);
  });

  test("a camera and a stethoscope are wished for on the line of the moment, and nowhere when there is none", async () => {
    expect([call.show("skin"), call.listen("steth")]).toEqual([false, false]);
    const peer = await answered(1);
    peer.connect();
    expect([call.show("skin"), call.show("skin", true), call.show(null)]).toEqual([true, true, true]);
    expect(call.listen("steth")).toBe(true);
    expect(peer.of("camera_wanted").map((wish) => [wish.instrument_id, wish.beside])).toEqual([
      ["skin", false], ["skin", true], [null, false],
    ]);
    expect(peer.of("listen_wanted").map((wish) => wish.instrument_id)).toEqual(["steth"]);
  });

  test("the vehicle is told each second what the page gets, and its picture stops while nobody is there", async () => {
    const peer = await answered(1);
    peer.connect();
    const second = async (octets: number) => {
      peer.report = [
        ["T", { type: "transport", selectedCandidatePairId: "P" }],
        ["P", { type: "candidate-pair", bytesReceived: octets, currentRoundTripTime: 0.08 }],
        ["R", { type: "inbound-rtp", mid: "1", framesPerSecond: 15, freezeCount: 2, totalFreezesDuration: 1.5 }],
      ];
      pass(1000);
      await measured();
    };
    await second(1000);
    await until(() => peer.of("reception").length === 1);
    expect(peer.of("reception")[0]?.reception).toEqual({
      frames_per_second: 15, freezes: 2, frozen_ms: 1500, voice_concealed_percent: 0, round_trip_ms: 80, own_picture: true,
    });
    expect(peer.adapted).toEqual([{ picture: true, voiceBits: 24_000 }]);
    for (let n = 0; n < 5; n += 1) await second(1000);
    await until(() => peer.adapted.length === 2);
    expect(peer.adapted[1]).toEqual({ picture: false, voiceBits: 24_000 });
    expect(call.report.silentSince.value).toBeLessThan(NOW - 3000);
  });

  test("sound that comes back is the end of an interruption, before the beat that waits on its channel", async () => {
    const peer = await answered(1);
    peer.connect();
    pass(4000);
    expect(call.phase.value).toBe("interrupted");
    for (const octets of [10, 20, 30]) {
      peer.report = [["P", { type: "candidate-pair", nominated: true, bytesReceived: octets }]];
      pass(1000);
      await measured();
    }
    pass(500);
    expect(call.phase.value).toBe("connected");
  });

  test("what the vehicle says of the line is kept for four seconds, and its refusals until they are read", async () => {
    const peer = await answered(1);
    peer.connect();
    const quality: CallQuality = {
      voice: "good", picture: "paused", code: "quality.thin", target_kbps: 40, picture_kbps: 0, sent_kbps: 35, lines: 0,
      frames_per_second: 0, loss_percent: 0, round_trip_ms: 90, queue_ms: 0, keyframes: 3, freezes: 0, outages: 0,
      interface: "wwan0", relayed: false, seen: null,
    };
    peer.say({ type: "quality", quality });
    peer.say({ type: "problem", code: "instrument.unknown", about: "camera_wanted" });
    pass(500);
    expect(call.report.quality.value?.picture).toBe("paused");
    expect(call.report.pausedSince.value).toBe(NOW);
    for (let n = 0; n < 9; n += 1) {
      peer.say({ type: "beat", sent: n, echo: null });
      pass(500);
    }
    expect([call.report.quality.value, call.report.pausedSince.value]).toEqual([null, null]);
    expect(call.report.problem.value).toEqual({ code: "instrument.unknown", about: "camera_wanted" });
  });

  test("what is doubted is given up unless the vehicle is heard in time", async () => {
    const peer = await answered(1);
    peer.connect();
    call.doubt(3000);
    pass(1500);
    peer.say({ type: "beat", sent: 1, echo: null });
    pass(5000);
    expect(said("rejoin")).toEqual([]);
    peer.say({ type: "beat", sent: 2, echo: null });
    call.doubt(1200);
    pass(1000);
    expect(said("rejoin")).toEqual([]);
    pass(1000);
    expect(said("rejoin")).toMatchObject([{ generation: 1, cause: "call.silent" }]);
  });

  test("a connection that came back before the next one was granted is not given up again", async () => {
    const peer = await answered(1);
    peer.connect();
    call.rejoin("call.silent");
    for (let n = 0; n < 40; n += 1) {
      peer.say({ type: "beat", sent: n, echo: null });
      pass(500);
    }
    expect(said("rejoin")).toHaveLength(1);
  });

  test("each opening of the control channel is counted, for what must be said again", async () => {
    (await answered(1)).connect();
    call.granted(granted(2));
    const peer = await answered(2);
    peer.connect();
    expect(call.opened.value).toBe(2);
    expect(call.tell({ type: "problem", code: "x", about: "" })).toBe(true);
    expect(peer.of("problem")).toHaveLength(1);
  });

  test("bytes that are no chunk are refused and the next chunk is taken", async () => {
    const peer = await answered(1);
    peer.connect();
    peer.say({
      type: "event",
      event: {
        encounter_id: "enc", seq: 1, at: "2026-06-01T12:00:00Z",
        body: {
          type: "waveform_started",
          waveform: {
            stream_id: 9, started_at: "2026-06-01T12:00:00Z", rate_hz: "100", scale: "1", unit: "uV", leads: [131330], lead_units: [], lead_scales: [], lost_count: 0, reading_id: null,
            device: { device_id: "d", kind: "ecg", maker: "", model: "", serial: "", firmware: "", simulated: true },
          },
        },
      },
    });
    peer.events.binary(new ArrayBuffer(3));
    peer.events.binary(chunkBytes({ streamId: 9, number: 0, leads: 1, samples: [5] }));
    expect(peer.of("problem")).toHaveLength(1);
    expect(record.stream(9)?.all()).toEqual([5]);
  });

  test("chunks that come before their stream's event are kept for it", async () => {
    const peer = await answered(1);
    peer.connect();
    peer.events.binary(chunkBytes({ streamId: 9, number: 0, leads: 1, samples: [7] }));
    expect(record.streams.value).toEqual([]);
    peer.say({
      type: "event",
      event: {
        encounter_id: "enc", seq: 1, at: "2026-06-01T12:00:00Z",
        body: {
          type: "waveform_started",
          waveform: {
            stream_id: 9, started_at: "2026-06-01T12:00:00Z", rate_hz: "100", scale: "1", unit: "uV", leads: [131330], lead_units: [], lead_scales: [], lost_count: 0, reading_id: null,
            device: { device_id: "d", kind: "ecg", maker: "", model: "", serial: "", firmware: "", simulated: true },
          },
        },
      },
    });
    expect(record.stream(9)?.all()).toEqual([7]);
  });

  test("after leaving nothing is answered and nothing is asked", async () => {
    call.leave(false, "Dr");
    call.offer(await offered(1));
    pass(20_000);
    expect(signalled.map((body) => body.type)).toEqual(["left"]);
    expect(peers).toEqual([]);
    expect(call.end.value).toEqual({ finished: false, by: "Dr" });
  });
});
