// The pairing wizard as the nurse goes through it: how near a device is, the digits of a passkey. Pure.
import type { Instrument, Pairing, PairingCandidate } from "../protocol/types";

export type Nearness = "touching" | "near" | "far" | "unknown";

/** Radio signals at 30 cm and at 3 m of a wearable's antenna, in dBm; measured values scatter by ten. */
const TOUCHING_DBM = -60;
const NEAR_DBM = -75;

export function nearness(candidate: PairingCandidate): Nearness {
  const { signal_dbm: signal } = candidate;
  if (signal === null) return "unknown";
  return signal >= TOUCHING_DBM ? "touching" : signal >= NEAR_DBM ? "near" : "far";
}

/** The device that is being paired, or was. */
export function chosen(pairing: Pairing): PairingCandidate | null {
  return pairing.candidates.find((each) => each.address === pairing.address) ?? null;
}

/** The instrument whose device is replaced, or that was just made. */
export function instrumentOf(pairing: Pairing, instruments: readonly Instrument[]): Instrument | null {
  return instruments.find((each) => each.instrument_id === pairing.instrument_id) ?? null;
}

export const PASSKEY_DIGITS = 6;

/** One more digit of a passkey; a seventh is a finger that slipped. */
export function digitAdded(passkey: string, digit: string): string {
  return /^\d$/.test(digit) && passkey.length < PASSKEY_DIGITS ? passkey + digit : passkey;
}

/** As people read six digits aloud: 123 456. */
export function passkeyRead(passkey: string): string {
  return passkey.replace(/^(\d{3})(\d)/, "$1\u00a0$2");
}
