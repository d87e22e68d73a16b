import "reflect-metadata";
import * as x509 from "@peculiar/x509";
import { beforeEach, describe, expect, test } from "vitest";
import type { Me } from "../src/protocol/types";
import type { DoctorApi } from "../src/state/doctor_api";
import { establish, IdentityRefused, type Vault } from "../src/state/doctor_identity";
import { authority, certificate, keyPair, type Authority } from "./certificates";

const NOW = Date.parse("2026-06-01T12:00:00Z");

class MemoryVault implements Vault {
  ca: string | null = null;
  readonly keys = new Map<string, CryptoKeyPair>();
  pinned = () => Promise.resolve(this.ca);
  pin = (pem: string) => {
    this.ca = pem;
    return Promise.resolve();
  };
  key = (id: string) => Promise.resolve(this.keys.get(id) ?? null);
  keep = (id: string, pair: CryptoKeyPair) => {
    this.keys.set(id, pair);
    return Promise.resolve();
  };
}

let ca: Authority;
let vault: MemoryVault;
const me = (authorityPem: string, doctor = true): Me => ({
  kind: "doctor",
  name: "Élise Dupont",
  doctor: doctor ? { doctor_id: "doc", name: "Élise Dupont", title: "", speciality: "", rpps: "", certificate: "" } : null,
  ca: authorityPem,
  demo: true,
});
/** The relay's end: certifies the key of the request, unless told to certify another. */
const api = (issuer: Authority, urn = "urn:passerelle:doctor:doc", other?: CryptoKey) =>
  ({
    certify: async (csr: string) => {
      const request = new x509.Pkcs10CertificateRequest(csr);
      expect(await request.verify()).toBe(true);
      const key = other ?? (await request.publicKey.export({ name: "ECDSA", namedCurve: "P-256" }, ["verify"]));
      return { certificate: await certificate(issuer, key, urn, NOW), ca: issuer.pem };
    },
  }) as unknown as DoctorApi;
const refusal = async (task: Promise<unknown>) => {
  const error: unknown = await task.then(
    () => null,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(IdentityRefused);
  return (error as IdentityRefused).code;
};

beforeEach(async () => {
  ca = await authority("Operator", NOW);
  vault = new MemoryVault();
});

describe("the doctor's key", () => {
  test("is made once, cannot be read out, and is certified by the pinned authority", async () => {
    const first = await establish(me(ca.pem), vault, api(ca), NOW);
    expect(first.key.extractable).toBe(false);
    expect(vault.ca).toBe(ca.pem);
    const second = await establish(me(ca.pem), vault, api(ca), NOW);
    expect(second.key).toBe(first.key);
    await expect(crypto.subtle.exportKey("pkcs8", first.key)).rejects.toThrow();
  });

  test("is not used when the operator's authority has changed", async () => {
    await establish(me(ca.pem), vault, api(ca), NOW);
    const other = await authority("Operator", NOW);
    expect(await refusal(establish(me(other.pem), vault, api(other), NOW))).toBe("ca.changed");
    expect(vault.ca).toBe(ca.pem);
  });

  test("is not used when the relay answers with another authority than it said", async () => {
    const other = await authority("Operator", NOW);
    expect(await refusal(establish(me(ca.pem), vault, api(other), NOW))).toBe("ca.changed");
  });

  test("takes no certificate of another key or of another doctor", async () => {
    const stranger = (await keyPair()).publicKey;
    const urn = "urn:passerelle:doctor:doc";
    expect(await refusal(establish(me(ca.pem), vault, api(ca, urn, stranger), NOW))).toBe("certificate.refused");
    expect(await refusal(establish(me(ca.pem), vault, api(ca, "urn:passerelle:doctor:x"), NOW))).toBe("certificate.refused");
  });

  test("is not made for an account that is no doctor's", async () => {
    expect(await refusal(establish(me(ca.pem, false), vault, api(ca), NOW))).toBe("doctor.needed");
    expect(vault.keys.size).toBe(0);
  });
});
