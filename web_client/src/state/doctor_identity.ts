// The doctor's key and certificate in this browser, and the operator's CA pinned at first sight.
import "reflect-metadata";
import * as x509 from "@peculiar/x509";
import type { Me } from "../protocol/types";
import { certifiedKey } from "./binding";
import type { DoctorApi } from "./doctor_api";
import type { DoctorIdentity } from "./doctor_call";
import { sha256 } from "./still";

const P256 = { name: "ECDSA", namedCurve: "P-256" } as const;
const SIGNING = { name: "ECDSA", hash: "SHA-256" } as const;

/** Where the key and the pinned CA stay between visits. Keys go in as they are: not extractable. */
export interface Vault {
  pinned(): Promise<string | null>;
  pin(caPem: string): Promise<void>;
  key(doctorId: string): Promise<CryptoKeyPair | null>;
  keep(doctorId: string, pair: CryptoKeyPair): Promise<void>;
}

/** `ca.changed`: the operator's CA is not the one this browser knows. `certificate.refused`: not for our key. */
export class IdentityRefused extends Error {
  constructor(readonly code: "ca.changed" | "certificate.refused" | "doctor.needed" | "vault.failed") {
    super(code);
  }
}

/** Makes or finds the doctor's key and has it certified; throws `IdentityRefused` or `ApiRefused`. */
export async function establish(me: Me, vault: Vault, api: DoctorApi, now: number): Promise<DoctorIdentity> {
  if (me.doctor === null) throw new IdentityRefused("doctor.needed");
  const doctorId = me.doctor.doctor_id;
  const ca = await pinnedCa(me.ca, vault);
  const pair = await keyOf(doctorId, vault);
  const request = await x509.Pkcs10CertificateRequestGenerator.create({
    name: [{ CN: [me.doctor.name.slice(0, 64)] }],
    keys: pair,
    signingAlgorithm: SIGNING,
  });
  // The same key gets the same certificate while it is valid; asking binds this sign-in to this browser's key.
  const issued = await api.certify(request.toString("pem"));
  if ((await fingerprint(issued.ca)) !== (await fingerprint(ca))) throw new IdentityRefused("ca.changed");
  const own = await crypto.subtle.exportKey("spki", pair.publicKey);
  let certified: ArrayBuffer;
  try {
    const key = await certifiedKey(issued.certificate, "doctor", doctorId, ca, now);
    certified = await crypto.subtle.exportKey("spki", key);
  } catch {
    throw new IdentityRefused("certificate.refused");
  }
  if ((await sha256(certified)) !== (await sha256(own))) throw new IdentityRefused("certificate.refused");
  return { doctorId, certificate: issued.certificate, key: pair.privateKey, ca };
}

/** SHA-256 of the certificate's DER: two PEM texts of one certificate are the same. */
async function fingerprint(pem: string): Promise<string> {
  try {
    return await sha256(new x509.X509Certificate(pem).rawData);
  } catch {
    throw new IdentityRefused("certificate.refused");
  }
}

async function pinnedCa(offered: string, vault: Vault): Promise<string> {
  const known = await vault.pinned();
  if (known === null) {
    await fingerprint(offered);
    await vault.pin(offered);
    return offered;
  }
  if ((await fingerprint(known)) !== (await fingerprint(offered))) throw new IdentityRefused("ca.changed");
  return known;
}

async function keyOf(doctorId: string, vault: Vault): Promise<CryptoKeyPair> {
  const kept = await vault.key(doctorId);
  if (kept !== null) return kept;
  const made = await crypto.subtle.generateKey(P256, false, ["sign", "verify"]);
  await vault.keep(doctorId, made);
  return made;
}
