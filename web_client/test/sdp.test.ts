import { describe, expect, test } from "vitest";
import { fingerprints, tuneOpus } from "../src/rtc/sdp";

const OFFER = ["v=0", "m=audio 9 UDP/TLS/RTP/SAVPF 111 0", "a=rtpmap:111 opus/48000/2", "a=fmtp:111 minptime=20;useinbandfec=0", "a=rtpmap:0 PCMU/8000", ""].join("\r\n");

describe("session description", () => {
  test("Opus is asked for in mono with in-band redundancy, at the rate of one voice", () => {
    const line = tuneOpus(OFFER).split("\r\n").find((each) => each.startsWith("a=fmtp:111 ")) ?? "";
    const parameters = new Map(line.slice("a=fmtp:111 ".length).split(";").map((each) => each.split("=") as [string, string]));
    expect(Object.fromEntries(parameters)).toEqual({
      minptime: "10", useinbandfec: "1", usedtx: "1", stereo: "0", "sprop-stereo": "0", maxaveragebitrate: "24000",
    });
  });

  test("parameters are added where there were none, once, and nothing else changes", () => {
    const bare = OFFER.replace(/a=fmtp.*\r\n/, "");
    const tuned = tuneOpus(bare).split("\r\n");
    expect(tuned.filter((line) => line.startsWith("a=fmtp:111 "))).toHaveLength(1);
    expect(tuned.filter((line) => !line.startsWith("a=fmtp:111 ")).join("\r\n")).toBe(bare);
    expect(tuneOpus("v=0\r\n")).toBe("v=0\r\n");
  });

  test("fingerprints of other hashes are never taken for SHA-256", () => {
    expect(fingerprints("a=fingerprint:sha-256 ab:cd\r\na=fingerprint:SHA-256 AB:CD\r\na=fingerprint:sha-1 ab\r\n")).toEqual(
      new Set(["AB:CD", "sha-1 ab"]),
    );
  });
});
