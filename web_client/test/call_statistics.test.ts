import { describe, expect, test } from "vitest";
import { StatisticsReader } from "../src/state/call_statistics";

const LINES = { sound: "0", room: "1", doctor: "2" };

/** As Chromium 138 names them, cut to what is read. */
const second = (n: number, more: Record<string, Record<string, unknown>> = {}): [string, unknown][] => {
  const members: Record<string, Record<string, unknown>> = {
    T: { type: "transport", selectedCandidatePairId: "P", timestamp: n * 1000 },
    P: {
      type: "candidate-pair", localCandidateId: "L", currentRoundTripTime: 0.12, availableOutgoingBitrate: 250_000,
      bytesReceived: n * 40_000, timestamp: n * 1000,
    },
    Q: { type: "candidate-pair", nominated: true, currentRoundTripTime: 9, timestamp: n * 1000 },
    L: { type: "local-candidate", candidateType: "host", address: "10.0.0.7" },
    V: {
      type: "inbound-rtp", mid: "0", bytesReceived: n * 3000, totalSamplesReceived: n * 48_000, concealedSamples: n * 4800,
      silentConcealedSamples: n * 2400, timestamp: n * 1000,
    },
    S: { type: "inbound-rtp", mid: "3", bytesReceived: n * 9999, totalSamplesReceived: 1, timestamp: n * 1000 },
    R: {
      type: "inbound-rtp", mid: "1", bytesReceived: n * 50_000, framesPerSecond: 15, frameHeight: 360, freezeCount: 1,
      totalFreezesDuration: 0.75, timestamp: n * 1000,
    },
    O: { type: "outbound-rtp", mid: "2", bytesSent: n * 15_000, qualityLimitationReason: "bandwidth", timestamp: n * 1000 },
    A: { type: "remote-inbound-rtp", fractionLost: 0.02, roundTripTime: 0.09, timestamp: n * 1000 - 500 },
    B: { type: "remote-inbound-rtp", fractionLost: 0.05, roundTripTime: 0.1, timestamp: n * 1000 - 900 },
    ...more,
  };
  return Object.entries(members);
};

describe("statistics of a call", () => {
  test("rates are of the last second, the room's picture is told from the stethoscope's sound", () => {
    const reader = new StatisticsReader();
    reader.read({ report: second(1), lines: LINES });
    expect(reader.read({ report: second(2), lines: LINES })).toEqual({
      framesPerSecond: 15, lines: 360, freezes: 1, frozenMs: 750, pictureKbps: 400, voiceKbps: 24,
      voiceConcealedPercent: 5, roundTripMs: 90, heard: true, relayed: false, localAddress: "10.0.0.7",
      own: { available: 250_000, limited: true, lost: 0.05, roundTripMs: 90 }, ownKbps: 120,
    });
  });

  test("a report of the receiver that is old says nothing of now", () => {
    const old = {
      A: { type: "remote-inbound-rtp", fractionLost: 0.9, roundTripTime: 3, timestamp: 1000 },
      B: { type: "remote-inbound-rtp", fractionLost: 0.9, roundTripTime: 3, timestamp: 1000 },
    };
    const figures = new StatisticsReader().read({ report: second(9, old), lines: LINES });
    expect(figures.own.lost).toBe(null);
    expect(figures.roundTripMs).toBe(120);
  });

  test("Firefox names no estimate and no limit: what its encoder was told to make is the room there is", () => {
    // As Firefox 153 has them.
    const pair = { type: "candidate-pair", selected: true, nominated: true, bytesReceived: 1, timestamp: 1 };
    const sent = (octets: number, at: number) => ({ P: pair,
      O: { type: "outbound-rtp", mid: "2", bytesSent: 1, totalEncodedBytesTarget: octets, timestamp: at } });
    const reader = new StatisticsReader();
    expect(reader.read({ report: second(1, sent(9_000, 1000)), lines: LINES }).own.available).toBe(null);
    const thin = reader.read({ report: second(2, sent(13_000, 2000)), lines: LINES }).own;
    expect([thin.available, thin.limited]).toEqual([32_000, true]);
  });

  test("nothing new over the used pair is not heard", () => {
    const reader = new StatisticsReader();
    reader.read({ report: second(3), lines: LINES });
    expect(reader.read({ report: second(3), lines: LINES }).heard).toBe(false);
  });

  test("our own address is the host's below a reflexive candidate, and unknown behind a name, a relay or on loopback", () => {
    const address = (local: Record<string, unknown>) =>
      new StatisticsReader().read({ report: second(1, { L: { type: "local-candidate", ...local } }), lines: LINES }).localAddress;
    expect(address({ candidateType: "srflx", address: "203.0.113.9", relatedAddress: "192.168.1.4" })).toBe("192.168.1.4");
    expect(address({ candidateType: "host", address: "1b2c.local" })).toBe(null);
    expect(address({ candidateType: "relay", address: "198.51.100.1", relatedAddress: "203.0.113.9" })).toBe(null);
    expect(address({ candidateType: "prflx", address: "10.0.0.9" })).toBe(null);
    expect(address({ candidateType: "host", address: "127.0.0.1" })).toBe(null);
    expect(address({ candidateType: "host", address: "::1" })).toBe(null);
  });

  test("an empty or strange report is zeros and unknowns, not a failure", () => {
    const figures = new StatisticsReader().read({ report: [["x", null], ["y", { type: 3 }], ["z", "text"]], lines: LINES });
    expect(figures).toMatchObject({ framesPerSecond: 0, roundTripMs: null, heard: false, localAddress: null });
    expect(figures.own).toEqual({ available: null, limited: false, lost: null, roundTripMs: null });
  });
});
