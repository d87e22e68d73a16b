import "reflect-metadata";
import { createHash } from "node:crypto";
import { beforeAll, describe, expect, test } from "vitest";
import * as x509 from "@peculiar/x509";
import { checkToBeSigned, SigningRefused } from "../src/state/signed_attributes";
import { authority, certificate, keyPair } from "./certificates";

const NOW = Date.parse("2026-06-01T12:00:00Z");
const CONTENT_TYPE = "06092a864886f70d010903";
const MESSAGE_DIGEST = "06092a864886f70d010904";
const SIGNING_CERTIFICATE_V2 = "060b2a864886f70d010910022f";
const ID_DATA = "06092a864886f70d010701";

const bytes = (data: Uint8Array) => Uint8Array.from(data);
/** DER by hand (X.690): the test does not lean on the library under test. */
function der(tag: number, ...parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const body = Buffer.concat(parts);
  const size = body.length < 128 ? [body.length] : [0x82, body.length >> 8, body.length & 255];
  return bytes(Buffer.concat([Buffer.from([tag, ...size]), body]));
}
const hex = (text: string) => bytes(Buffer.from(text, "hex"));
const attribute = (type: string, ...values: readonly Uint8Array[]) => der(0x30, hex(type), der(0x31, ...values));
const sha256 = (...parts: readonly Uint8Array[]) =>
  bytes(parts.reduce((hash, part) => hash.update(part), createHash("sha256")).digest());

const pdf = bytes(Buffer.from(`%PDF-1.7 before <${"0".repeat(20)}> after %%EOF`, "latin1"));
const from = 16;
const to = from + 22;
const range = [0, from, to, pdf.length - to];
const digest = sha256(pdf.subarray(0, from), pdf.subarray(to));

let own: string;
let other: string;
const ess = (pem: string) =>
  attribute(SIGNING_CERTIFICATE_V2, der(0x30, der(0x30, der(0x30, der(0x04, sha256(new Uint8Array(new x509.X509Certificate(pem).rawData)))))));
const attributes = (change: { digest?: Uint8Array; type?: string; certificate?: Uint8Array; more?: Uint8Array } = {}) =>
  der(
    0x31,
    attribute(CONTENT_TYPE, hex(change.type ?? ID_DATA)),
    attribute(MESSAGE_DIGEST, der(0x04, change.digest ?? digest)),
    change.certificate ?? ess(own),
    ...(change.more === undefined ? [] : [change.more]),
  );
const fault = async (toBeSigned: Uint8Array<ArrayBuffer>, page = pdf, byteRange: readonly number[] = range) => {
  try {
    await checkToBeSigned(page, byteRange, toBeSigned, own);
    return "holds";
  } catch (error) {
    expect(error).toBeInstanceOf(SigningRefused);
    return (error as SigningRefused).code;
  }
};

beforeAll(async () => {
  const ca = await authority("Operator", NOW);
  const urn = "urn:passerelle:doctor:doc-1";
  own = await certificate(ca, (await keyPair()).publicKey, urn, NOW);
  other = await certificate(ca, (await keyPair()).publicKey, urn, NOW);
});

describe("what the doctor's key signs", () => {
  test("is signed when it speaks of this page and of this certificate", async () => {
    expect(await fault(attributes())).toBe("holds");
  });

  test("is refused when one byte of the page differs", async () => {
    const altered = pdf.slice();
    altered[3] = 0x58;
    expect(await fault(attributes(), altered)).toBe("signing.digest");
    expect(await fault(attributes({ digest: sha256(new Uint8Array(1)) }))).toBe("signing.digest");
  });

  test("is refused when bytes of the page stand outside the signature", async () => {
    expect(await fault(attributes(), pdf, [0, from, to, pdf.length - to - 1])).toBe("signing.byte_range");
    expect(await fault(attributes(), pdf, [1, from - 1, to, pdf.length - to])).toBe("signing.byte_range");
    expect(await fault(attributes(), pdf, [0, from - 2, to, pdf.length - to])).toBe("signing.byte_range");
    expect(await fault(attributes(), pdf, [0, from, to])).toBe("signing.byte_range");
  });

  test("is refused in the name of another certificate, or without one", async () => {
    expect(await fault(attributes({ certificate: ess(other) }))).toBe("signing.certificate");
    expect(await fault(attributes({ certificate: attribute("0603550403", der(0x0c)) }))).toBe("signing.attributes");
  });

  test("is refused when it is not data, has two digests, or is no set of attributes", async () => {
    expect(await fault(attributes({ type: "06092a864886f70d010702" }))).toBe("signing.content_type");
    expect(await fault(attributes({ more: attribute(MESSAGE_DIGEST, der(0x04, sha256(pdf))) }))).toBe("signing.attributes");
    expect(await fault(new Uint8Array([0x31, 0x03, 1]))).toBe("signing.attributes");
    expect(await fault(new Uint8Array(0))).toBe("signing.attributes");
  });

  test("is refused at every truncation", async () => {
    const whole = attributes();
    for (let length = 0; length < whole.length; length += 1) {
      expect(await fault(whole.slice(0, length))).toBe("signing.attributes");
    }
  });
});
