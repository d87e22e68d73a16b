// A DTLS fingerprint under the key of a guest's link (protocol.guests, invariant I5). The relay passes descriptions on
// and never has the key: what it changes does not hold, and is refused before the description is set.
import type { GuestBinding, Side } from "../protocol/types";
import { fingerprints } from "../rtc/sdp";
import { fromBase64, toBase64 } from "./base64";

const HMAC = { name: "HMAC", hash: "SHA-256" } as const;
const KEY_OCTETS = 32;

export type GuestFault = "binding.statement" | "binding.fingerprint" | "binding.mac";

/** Why a guest's connection is not trusted; the code of `guest_refused`. */
export class GuestBindingRefused extends Error {
  constructor(readonly code: GuestFault) {
    super(code);
  }
}

/** Which connection the statement must be about. */
export interface Pair {
  readonly host: Side;
  readonly callId: string;
  readonly guestId: string;
  readonly generation: number;
}

/** A fresh key: 32 random octets, base64url without padding. */
export function makeKey(): string {
  return toBase64Url(crypto.getRandomValues(new Uint8Array(KEY_OCTETS)));
}

/** Throws a `DOMException` when the text is not base64url. */
export function importKey(text: string): Promise<CryptoKey> {
  const octets = fromBase64(text.replaceAll("-", "+").replaceAll("_", "/"));
  return crypto.subtle.importKey("raw", octets, HMAC, false, ["sign", "verify"]);
}

export function toBase64Url(octets: Uint8Array): string {
  return toBase64(octets).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

/** HMAC-SHA-256 (RFC 2104) over one field a line, LF, ASCII; the first line is its domain. Lower-case hexadecimal. */
export async function seal(key: CryptoKey, statement: Omit<GuestBinding, "mac">): Promise<string> {
  const mac = new Uint8Array(await crypto.subtle.sign(HMAC.name, key, octets(statement)));
  return [...mac].map((octet) => octet.toString(16).padStart(2, "0")).join("");
}

/** What this end says of its own description. */
export async function bind(
  key: CryptoKey,
  pair: Pair,
  byGuest: boolean,
  sdp: string,
  peerFingerprint = "",
): Promise<GuestBinding> {
  const statement = {
    host: pair.host,
    by_guest: byGuest,
    call_id: pair.callId,
    guest_id: pair.guestId,
    generation: pair.generation,
    fingerprint: onlyFingerprint(sdp),
    peer_fingerprint: peerFingerprint,
  };
  return { ...statement, mac: await seal(key, statement) };
}

/** Verifies the other end's statement about its description; throws `GuestBindingRefused`, else its fingerprint. */
export async function verify(
  key: CryptoKey,
  pair: Pair,
  byGuest: boolean,
  binding: GuestBinding,
  sdp: string,
  peerFingerprint = "",
): Promise<string> {
  if (
    binding.host !== pair.host ||
    binding.by_guest !== byGuest ||
    binding.call_id !== pair.callId ||
    binding.guest_id !== pair.guestId ||
    binding.generation !== pair.generation ||
    binding.peer_fingerprint !== peerFingerprint
  ) {
    throw new GuestBindingRefused("binding.statement");
  }
  const fingerprint = onlyFingerprint(sdp);
  if (fingerprint !== binding.fingerprint) throw new GuestBindingRefused("binding.fingerprint");
  const mac = fromHex(binding.mac);
  if (mac === null || !(await crypto.subtle.verify(HMAC.name, key, mac, octets(binding)))) {
    throw new GuestBindingRefused("binding.mac");
  }
  return fingerprint;
}

function onlyFingerprint(sdp: string): string {
  const [only, ...others] = fingerprints(sdp);
  if (only === undefined || others.length > 0 || !/^([0-9A-F]{2}:){31}[0-9A-F]{2}$/.test(only)) {
    throw new GuestBindingRefused("binding.fingerprint");
  }
  return only;
}

function octets(statement: Omit<GuestBinding, "mac">): Uint8Array<ArrayBuffer> {
  const fields = [
    "passerelle guest binding v1",
    statement.host,
    statement.by_guest ? "guest" : "host",
    statement.call_id,
    statement.guest_id,
    String(statement.generation),
    statement.fingerprint,
    statement.peer_fingerprint,
    "",
  ];
  return new TextEncoder().encode(fields.join("\n"));
}

function fromHex(text: string): Uint8Array<ArrayBuffer> | null {
  if (!/^[0-9a-f]{64}$/.test(text)) return null;
  return Uint8Array.from({ length: 32 }, (_, i) => parseInt(text.slice(2 * i, 2 * i + 2), 16));
}
