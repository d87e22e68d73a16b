import { describe, expect, test } from "vitest";
import { kindOf, Malformed, readChunk, readPart } from "../src/state/chunk";
import { chunkBytes, partBytes } from "./wire_bytes";

describe("chunk", () => {
  test("reads the layout that the gateway packs, byte for byte", () => {
    // struct.pack("<BBHIIHd", 0x57, 1, 2 | 0x8000, 7, 3, 2, 1.5) + struct.pack("<4i", 1, -2, 3, -2**31)
    const hex = "570102800700000003000000" + "0200" + "000000000000f83f" + "01000000feffffff0300000000000080";
    const chunk = readChunk(Uint8Array.from(hex.match(/../g) ?? [], (byte) => parseInt(byte, 16)).buffer);
    expect(chunk).toEqual({
      streamId: 7,
      number: 3,
      firstAt: 1.5,
      leads: 2,
      samples: Int32Array.of(1, -2, 3, -(2 ** 31)),
      again: true,
    });
  });

  test("refuses every truncation", () => {
    const whole = chunkBytes({ streamId: 1, number: 0, leads: 2, samples: [1, 2, 3, 4] });
    for (let length = 0; length < whole.byteLength; length += 1) {
      expect(() => readChunk(whole.slice(0, length))).toThrow(Malformed);
    }
    expect(readChunk(whole).samples).toEqual(Int32Array.of(1, 2, 3, 4));
  });

  test("refuses lead and sample counts that are out of bounds", () => {
    expect(() => readChunk(chunkBytes({ streamId: 1, number: 0, leads: 17, samples: new Array(17).fill(0) }))).toThrow(
      Malformed,
    );
    expect(() => readChunk(chunkBytes({ streamId: 1, number: 0, leads: 1, samples: [] }))).toThrow(Malformed);
  });
});

describe("part", () => {
  test("reads a part and tells it from a chunk", () => {
    const bytes = partBytes("still-1", 10, 14, [9, 8, 7, 6]);
    expect(kindOf(bytes)).toBe("part");
    expect(readPart(bytes)).toEqual({ stillId: "still-1", offset: 10, size: 14, payload: Uint8Array.of(9, 8, 7, 6) });
  });

  test("refuses every truncation, and bytes past the end of the whole", () => {
    const whole = partBytes("s", 0, 3, [1, 2, 3]);
    for (let length = 0; length < whole.byteLength - 2; length += 1) {
      expect(() => readPart(whole.slice(0, length))).toThrow(Malformed);
    }
    expect(() => readPart(partBytes("s", 1, 3, [1, 2, 3]))).toThrow(Malformed);
  });
});
