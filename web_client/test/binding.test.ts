import "reflect-metadata";
import * as x509 from "@peculiar/x509";
import { beforeAll, describe, expect, test } from "vitest";
import type { Binding } from "../src/protocol/types";
import { BindingRefused, onlyFingerprint, signDoctor, statement, verifyVehicle } from "../src/state/binding";
import { fromBase64, toBase64 } from "../src/state/base64";
import { authority, certificate, ECDSA, keyPair, type Authority } from "./certificates";

const NOW = Date.parse("2026-06-01T12:00:00Z");
const DAY = 86_400_000;
const PRINT = Array.from({ length: 32 }, (_, i) => i.toString(16).padStart(2, "0").toUpperCase()).join(":");
const OTHER = PRINT.replace("00:", "FF:");
const sdp = (...prints: string[]) =>
  ["v=0", "m=audio 9 UDP/TLS/RTP/SAVPF 111", ...prints.map((print) => `a=fingerprint:sha-256 ${print}`), ""].join("\r\n");
const EXPECTED = { callId: "call-1", generation: 2, vehicleId: "bus-1", doctorId: "doc-1" };

let ca: Authority;
let stranger: Authority;
let vehicle: CryptoKeyPair;
let pem: string;

const bound = async (change: Partial<Binding> = {}, key = vehicle.privateKey): Promise<Binding> => {
  const unsigned = {
    side: "vehicle" as const,
    call_id: "call-1",
    generation: 2,
    vehicle_id: "bus-1",
    doctor_id: "doc-1",
    fingerprint: PRINT,
    peer_fingerprint: "",
    certificate: pem,
    ...change,
  };
  const signature = new Uint8Array(await crypto.subtle.sign(ECDSA, key, statement(unsigned)));
  return { signature: toBase64(signature), ...unsigned };
};
const fault = async (binding: Binding, description = sdp(PRINT), caPem = ca.pem, now = NOW): Promise<string> => {
  try {
    await verifyVehicle(binding, description, EXPECTED, caPem, now);
    return "holds";
  } catch (error) {
    expect(error).toBeInstanceOf(BindingRefused);
    return (error as BindingRefused).code;
  }
};

beforeAll(async () => {
  ca = await authority("Operator", NOW);
  stranger = await authority("Operator", NOW);
  vehicle = await keyPair();
  pem = await certificate(ca, vehicle.publicKey, "urn:passerelle:vehicle:bus-1", NOW);
});

describe("the vehicle's binding", () => {
  test("holds when certificate, statement, signature and fingerprint fit", async () => {
    expect(await fault(await bound())).toBe("holds");
  });

  test("the text under the signature is the one docs/protocol.md writes", async () => {
    const text = new TextDecoder().decode(statement(await bound()));
    expect(text).toBe(`passerelle dtls binding v1\nvehicle\ncall-1\n2\nbus-1\ndoc-1\n${PRINT}\n\n`);
  });

  test.each([
    ["side", { side: "doctor" }],
    ["call", { call_id: "call-2" }],
    ["generation", { generation: 1 }],
    ["vehicle", { vehicle_id: "bus-2" }],
    ["doctor", { doctor_id: "doc-2" }],
    ["peer fingerprint", { peer_fingerprint: OTHER }],
  ] as const)("another %s is refused although its signature holds", async (_, change) => {
    expect(await fault(await bound(change as Partial<Binding>))).toBe("binding.statement");
  });

  test("a description with another fingerprint, two, none, or another hash is refused", async () => {
    const binding = await bound();
    expect(await fault(binding, sdp(OTHER))).toBe("binding.fingerprint");
    expect(await fault(binding, sdp(PRINT, OTHER))).toBe("binding.fingerprint");
    expect(await fault(binding, sdp())).toBe("binding.fingerprint");
    expect(await fault(binding, sdp(PRINT).replace("sha-256", "sha-1"))).toBe("binding.fingerprint");
    expect(await fault(binding, `${sdp(PRINT)}a=fingerprint:sha-1 AA:BB\r\n`)).toBe("binding.fingerprint");
  });

  test("one fingerprint said for each m-line, in either case, is one", () => {
    expect(onlyFingerprint(sdp(PRINT, PRINT.toLowerCase()))).toBe(PRINT);
  });

  test("a fingerprint swapped in description and statement breaks the signature", async () => {
    const swapped = { ...(await bound()), fingerprint: OTHER };
    expect(await fault(swapped, sdp(OTHER))).toBe("binding.signature");
  });

  test("a signature by another key, or a bent one, is refused", async () => {
    expect(await fault(await bound({}, (await keyPair()).privateKey))).toBe("binding.signature");
    const binding = await bound();
    const bytes = fromBase64(binding.signature);
    bytes[5] = (bytes[5] ?? 0) ^ 1;
    expect(await fault({ ...binding, signature: toBase64(bytes) })).toBe("binding.signature");
  });

  test("a certificate of another authority with the same name is refused", async () => {
    const foreign = await certificate(stranger, vehicle.publicKey, "urn:passerelle:vehicle:bus-1", NOW);
    expect(await fault(await bound({ certificate: foreign }))).toBe("binding.certificate_foreign");
    expect(await fault(await bound(), sdp(PRINT), stranger.pem)).toBe("binding.certificate_foreign");
  });

  test("a certificate issued by a vehicle instead of the authority is refused", async () => {
    const mock: Authority = { pem, keys: vehicle, name: new x509.X509Certificate(pem).subject };
    const forged = await certificate(mock, vehicle.publicKey, "urn:passerelle:vehicle:bus-1", NOW);
    expect(await fault(await bound({ certificate: forged }))).toBe("binding.certificate_foreign");
    expect(await fault(await bound({ certificate: forged }), sdp(PRINT), pem)).toBe("binding.certificate_foreign");
  });

  test("the certificate of another vehicle, or of a doctor, is refused", async () => {
    for (const urn of ["urn:passerelle:vehicle:bus-2", "urn:passerelle:doctor:bus-1"]) {
      const wrong = await certificate(ca, vehicle.publicKey, urn, NOW);
      expect(await fault(await bound({ certificate: wrong }))).toBe("binding.certificate_subject");
    }
  });

  test("a certificate that ended or has not begun is refused; five minutes of clock error are not", async () => {
    const binding = await bound();
    expect(await fault(binding, sdp(PRINT), ca.pem, NOW + 91 * DAY)).toBe("binding.certificate_expired");
    expect(await fault(binding, sdp(PRINT), ca.pem, NOW - 2 * DAY)).toBe("binding.certificate_expired");
    const fresh = await certificate(ca, vehicle.publicKey, "urn:passerelle:vehicle:bus-1", NOW, NOW + 4 * 60_000);
    expect(await fault(await bound({ certificate: fresh }))).toBe("holds");
  });

  test("what is no certificate is refused", async () => {
    expect(await fault(await bound({ certificate: "-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----" }))).toBe(
      "binding.certificate",
    );
  });
});

describe("the doctor's binding", () => {
  test("signs the answer's fingerprint for this offer only, raw r||s in base64", async () => {
    const doctor = await keyPair();
    const binding = await signDoctor(EXPECTED, sdp(OTHER), PRINT, "PEM", doctor.privateKey);
    expect(binding).toMatchObject({ side: "doctor", fingerprint: OTHER, peer_fingerprint: PRINT, certificate: "PEM" });
    expect(binding.signature).toMatch(/^[A-Za-z0-9+/]{86}==$/);
    const signature = fromBase64(binding.signature);
    expect(await crypto.subtle.verify(ECDSA, doctor.publicKey, signature, statement(binding))).toBe(true);
  });
});
