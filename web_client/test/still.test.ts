import { describe, expect, test } from "vitest";
import type { Still } from "../src/protocol/types";
import { readPart } from "../src/state/chunk";
import { EncounterRecord } from "../src/state/doctor_record";
import { sha256, StillBytes } from "../src/state/still";
import { partBytes } from "./wire_bytes";

const bytes = Uint8Array.from({ length: 40_000 }, (_, i) => (i * 7) % 251);
const still = async (): Promise<Still> => ({
  still_id: "s",
  device: { device_id: "d", kind: "skin_camera", maker: "", model: "", serial: "", firmware: "", simulated: true },
  taken_at: "2026-01-01T00:00:00Z",
  sha256: await sha256(bytes),
  size: bytes.length,
  width: 10,
  height: 10,
  quality: "sharp",
  thumbnail: "",
  body_site: "",
  like: null,
  pixel_mm: null,
});
const part = (offset: number, end: number, from = bytes) =>
  readPart(partBytes("s", offset, bytes.length, from.subarray(offset, end)));

describe("still", () => {
  test("is whole when its parts came and its hash is right", async () => {
    const coming = new StillBytes(await still());
    for (let at = 0; at < bytes.length; at += 16_000) expect(coming.add(part(at, at + 16_000))).toBe(true);
    expect(await coming.check()).toBe("whole");
    expect(coming.bytes).toEqual(bytes);
  });

  test("goes on from its offset after a break, and takes only what is new of a part", async () => {
    const coming = new StillBytes(await still());
    coming.add(part(0, 10_000));
    expect(coming.have).toBe(10_000);
    expect(coming.add(part(5000, 15_000))).toBe(true);
    expect(coming.have).toBe(15_000);
  });

  test("refuses a part behind a hole and a part of another size", async () => {
    const coming = new StillBytes(await still());
    expect(coming.add(part(10, 20))).toBe(false);
    expect(coming.add(readPart(partBytes("s", 0, 5, [1, 2])))).toBe(false);
    expect(coming.have).toBe(0);
  });

  test("bytes whose hash is wrong are never shown and are asked for from the start", async () => {
    const record = new EncounterRecord("e");
    const event = { encounter_id: "e", seq: 1, at: "2026-01-01T00:00:00Z", body: { type: "still", still: await still() } } as const;
    record.apply(event, 0);
    expect(record.want("s")).toBe(0);
    const wrong = bytes.slice();
    wrong[39_999] = 255;
    await record.part(part(0, 16_000, wrong));
    await record.part(part(16_000, 32_000, wrong));
    expect(await record.part(part(32_000, 40_000, wrong))).toBe(0);
    expect(record.stills.value[0]).toMatchObject({ state: "damaged", picture: null });
    await record.part(part(0, 16_000));
    await record.part(part(16_000, 32_000));
    await record.part(part(32_000, 40_000));
    expect(record.stills.value[0]).toMatchObject({ state: "whole", picture: bytes });
    expect(record.want("s")).toBeNull();
  });
});
