// The signed binding of a DTLS fingerprint to a vehicle or a doctor (protocol.binding, invariant I5).
// What is verified here is verified before the description is set: nothing flows to a peer that fails.
import "reflect-metadata";
import * as x509 from "@peculiar/x509";
import type { Binding, Side } from "../protocol/types";
import { fingerprints } from "../rtc/sdp";
import { fromBase64, toBase64 } from "./base64";

const ECDSA = { name: "ECDSA", hash: "SHA-256" } as const;
const P256 = { name: "ECDSA", namedCurve: "P-256" } as const;

/** The machine of a doctor may be behind by this much when a fresh certificate comes. */
const CLOCK_SKEW_MS = 5 * 60 * 1000;

/** Why the other end is not who the call is with; the codes of `CallRefused`. */
export type BindingFault =
  | "binding.statement"
  | "binding.certificate"
  | "binding.certificate_foreign"
  | "binding.certificate_expired"
  | "binding.certificate_subject"
  | "binding.fingerprint"
  | "binding.signature";

export class BindingRefused extends Error {
  constructor(readonly code: BindingFault) {
    super(code);
  }
}

/** What the call was granted for: the statement must say the same. */
export interface Expected {
  readonly callId: string;
  readonly generation: number;
  readonly vehicleId: string;
  readonly doctorId: string;
}

/** The canonical text that is signed: one field a line, LF, ASCII; the first line is its domain. */
export function statement(binding: Omit<Binding, "certificate" | "signature">): Uint8Array<ArrayBuffer> {
  const fields = [
    "passerelle dtls binding v1",
    binding.side,
    binding.call_id,
    String(binding.generation),
    binding.vehicle_id,
    binding.doctor_id,
    binding.fingerprint,
    binding.peer_fingerprint,
    "",
  ];
  return new TextEncoder().encode(fields.join("\n"));
}

/** The one SHA-256 fingerprint of a description; throws when there is none, several, or another hash. */
export function onlyFingerprint(sdp: string): string {
  const [only, ...others] = fingerprints(sdp);
  if (only === undefined || others.length > 0 || !/^([0-9A-F]{2}:){31}[0-9A-F]{2}$/.test(only)) {
    throw new BindingRefused("binding.fingerprint");
  }
  return only;
}

/** Verifies the vehicle's binding against the pinned CA; throws `BindingRefused` with the first fault. */
export async function verifyVehicle(
  binding: Binding,
  sdp: string,
  expected: Expected,
  caPem: string,
  now: number,
): Promise<void> {
  if (
    binding.side !== "vehicle" ||
    binding.call_id !== expected.callId ||
    binding.generation !== expected.generation ||
    binding.vehicle_id !== expected.vehicleId ||
    binding.doctor_id !== expected.doctorId ||
    binding.peer_fingerprint !== ""
  ) {
    throw new BindingRefused("binding.statement");
  }
  const key = await certifiedKey(binding.certificate, "vehicle", expected.vehicleId, caPem, now);
  if (onlyFingerprint(sdp) !== binding.fingerprint) throw new BindingRefused("binding.fingerprint");
  const holds = await crypto.subtle.verify(ECDSA, key, fromBase64(binding.signature), statement(binding));
  if (!holds) throw new BindingRefused("binding.signature");
}

/** The P-256 key of a certificate that the CA issued to this subject and that is valid now. */
export async function certifiedKey(
  pem: string,
  side: Side,
  id: string,
  caPem: string,
  now: number,
): Promise<CryptoKey> {
  let leaf: x509.X509Certificate;
  let ca: x509.X509Certificate;
  try {
    leaf = new x509.X509Certificate(pem);
    ca = new x509.X509Certificate(caPem);
  } catch {
    throw new BindingRefused("binding.certificate");
  }
  if (!isAuthority(ca) || leaf.issuer !== ca.subject || !(await issuedBy(leaf, ca))) {
    throw new BindingRefused("binding.certificate_foreign");
  }
  if (leaf.getExtension(x509.BasicConstraintsExtension)?.ca === true) throw new BindingRefused("binding.certificate");
  for (const each of [leaf, ca]) {
    if (now < each.notBefore.getTime() - CLOCK_SKEW_MS || now > each.notAfter.getTime()) {
      throw new BindingRefused("binding.certificate_expired");
    }
  }
  const urn = `urn:passerelle:${side}:${id}`;
  const names = leaf.getExtension(x509.SubjectAlternativeNameExtension)?.names.items ?? [];
  if (names.length !== 1 || names[0]?.type !== "url" || names[0].value !== urn) {
    throw new BindingRefused("binding.certificate_subject");
  }
  try {
    return await leaf.publicKey.export(P256, ["verify"]);
  } catch {
    throw new BindingRefused("binding.certificate");
  }
}

/** The doctor's own statement, signed with the key that never leaves this browser. */
export async function signDoctor(
  expected: Expected,
  answer: string,
  vehicleFingerprint: string,
  certificate: string,
  key: CryptoKey,
): Promise<Binding> {
  const unsigned = {
    side: "doctor" as const,
    call_id: expected.callId,
    generation: expected.generation,
    vehicle_id: expected.vehicleId,
    doctor_id: expected.doctorId,
    fingerprint: onlyFingerprint(answer),
    peer_fingerprint: vehicleFingerprint,
  };
  // WebCrypto's ECDSA signature is raw r||s (IEEE P1363) as the binding wants it.
  const signature = await crypto.subtle.sign(ECDSA, key, statement(unsigned));
  return { ...unsigned, certificate, signature: toBase64(new Uint8Array(signature)) };
}

function isAuthority(ca: x509.X509Certificate): boolean {
  const usages = ca.getExtension(x509.KeyUsagesExtension)?.usages ?? x509.KeyUsageFlags.keyCertSign;
  return (
    ca.getExtension(x509.BasicConstraintsExtension)?.ca === true && (usages & x509.KeyUsageFlags.keyCertSign) !== 0
  );
}

async function issuedBy(leaf: x509.X509Certificate, ca: x509.X509Certificate): Promise<boolean> {
  try {
    return await leaf.verify({ publicKey: ca.publicKey, signatureOnly: true });
  } catch {
    return false;
  }
}
