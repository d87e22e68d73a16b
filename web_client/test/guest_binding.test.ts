import { readFileSync } from "node:fs";
import { beforeAll, describe, expect, test } from "vitest";
import type { GuestBinding } from "../src/protocol/types";
import { bind, importKey, makeKey, seal, verify, type Pair } from "../src/state/guest_binding";
import { readLink, writeLink } from "../src/state/guest_link";

interface Vector {
  readonly name: string;
  readonly key: string;
  readonly statement: Omit<GuestBinding, "mac">;
  readonly mac: string;
}
const { bindings } = JSON.parse(
  readFileSync(new URL("./vectors/guest_binding.json", import.meta.url), "utf8"),
) as { bindings: Vector[] };

const PRINT = Array.from({ length: 32 }, (_, i) => i.toString(16).padStart(2, "0").toUpperCase()).join(":");
const OTHER = PRINT.replace("00:", "FF:");
const sdp = (...prints: string[]) => ["v=0", ...prints.map((print) => `a=fingerprint:sha-256 ${print}`), ""].join("\r\n");
const PAIR: Pair = { host: "vehicle", callId: "call-1", guestId: "guest-1", generation: 3 };

let key: CryptoKey;

beforeAll(async () => {
  key = await importKey(makeKey());
});

const fault = async (binding: GuestBinding, description: string, byGuest = false, peer = "", by = key) => {
  try {
    return await verify(by, PAIR, byGuest, binding, description, peer);
  } catch (error) {
    return (error as { code: string }).code;
  }
};

describe("a guest's binding", () => {
  test.each(bindings)("$name is sealed as Python's hmac seals it", async ({ key: text, statement, mac }) => {
    expect(await seal(await importKey(text), statement)).toBe(mac);
  });

  test("what one end binds holds at the other, for both directions", async () => {
    expect(await fault(await bind(key, PAIR, false, sdp(PRINT)), sdp(PRINT))).toBe(PRINT);
    const answer = await bind(key, PAIR, true, sdp(OTHER), PRINT);
    expect(await fault(answer, sdp(OTHER), true, PRINT)).toBe(OTHER);
  });

  test("a relay that swaps the fingerprint of a description is refused", async () => {
    const binding = await bind(key, PAIR, false, sdp(PRINT));
    expect(await fault(binding, sdp(OTHER))).toBe("binding.fingerprint");
    expect(await fault(binding, sdp(PRINT, OTHER))).toBe("binding.fingerprint");
    expect(await fault(binding, "v=0\r\n")).toBe("binding.fingerprint");
    expect(await fault(binding, `v=0\r\na=fingerprint:sha-1 ${PRINT}\r\n`)).toBe("binding.fingerprint");
  });

  test("a relay that swaps it in the statement as well has no key to seal it with", async () => {
    const binding = await bind(key, PAIR, false, sdp(PRINT));
    expect(await fault({ ...binding, fingerprint: OTHER }, sdp(OTHER))).toBe("binding.mac");
    expect(await fault({ ...binding, mac: "" }, sdp(PRINT))).toBe("binding.mac");
    expect(await fault(binding, sdp(PRINT), false, "", await importKey(makeKey()))).toBe("binding.mac");
  });

  test("a statement about another pair, call, guest, generation, direction or offer is refused", async () => {
    const binding = await bind(key, PAIR, false, sdp(PRINT));
    for (const change of [
      { host: "doctor" as const }, { call_id: "call-2" }, { guest_id: "guest-2" }, { generation: 2 }, { by_guest: true },
      { peer_fingerprint: OTHER },
    ]) {
      expect(await fault({ ...binding, ...change }, sdp(PRINT))).toBe("binding.statement");
    }
    const answer = await bind(key, PAIR, true, sdp(OTHER), PRINT);
    expect(await fault(answer, sdp(OTHER), true, OTHER)).toBe("binding.statement");
  });

  test("an answer cannot be played back as an offer: the direction is under the seal", async () => {
    const answer = await bind(key, PAIR, true, sdp(PRINT));
    expect(await fault({ ...answer, by_guest: false }, sdp(PRINT))).toBe("binding.mac");
  });

  test("keys are 32 octets in base64url and never the same", () => {
    const made = new Set(Array.from({ length: 50 }, makeKey));
    expect(made.size).toBe(50);
    for (const each of made) expect(each).toMatch(/^[A-Za-z0-9_-]{43}$/);
  });
});

describe("a link", () => {
  const token = "t".repeat(43);
  const whole = "k".repeat(43);

  test("is read as it was written, and everything else is none", () => {
    const address = writeLink("https://relay.example", { token, key: whole });
    expect(address).toBe(`https://relay.example/guest.html#${token}.${whole}`);
    expect(readLink(new URL(address).hash)).toEqual({ token, key: whole });
    for (const bad of ["", "#", `#${token}`, `#${token}.`, `#${token}.${whole.slice(1)}`, `#${token}.${whole}x`,
      `#${token}.${whole}.more`, `#short.${whole}`, `#${token}.${"é".repeat(43)}`]) {
      expect(readLink(bad)).toBeNull();
    }
  });
});
