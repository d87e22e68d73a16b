// What the doctor's key signs: CMS signed attributes (RFC 5652, section 5.4) over a PDF (ISO 32000, 12.8.1).
// The page signs nothing whose digest is not that of the PDF it was shown.
import "reflect-metadata";
import { AsnConvert, AsnArray, AsnType, AsnTypeTypes, OctetString } from "@peculiar/asn1-schema";
import { Attribute } from "@peculiar/asn1-x509";
import * as x509 from "@peculiar/x509";
import { sha256 } from "./still";

const CONTENT_TYPE = "1.2.840.113549.1.9.3";
const MESSAGE_DIGEST = "1.2.840.113549.1.9.4";
/** ESS signing-certificate-v2 (RFC 5035): which certificate the signature is of. */
const SIGNING_CERTIFICATE_V2 = "1.2.840.113549.1.9.16.2.47";
/** DER of OBJECT IDENTIFIER id-data 1.2.840.113549.1.7.1. */
const ID_DATA = "06092a864886f70d010701";

class SignedAttributes extends AsnArray<Attribute> {}
AsnType({ type: AsnTypeTypes.Set, itemType: Attribute })(SignedAttributes);

export type SigningFault =
  | "signing.attributes"
  | "signing.byte_range"
  | "signing.digest"
  | "signing.content_type"
  | "signing.certificate";

export class SigningRefused extends Error {
  constructor(readonly code: SigningFault) {
    super(code);
  }
}

/** Checks that `toBeSigned` speaks of this PDF and of this certificate; throws `SigningRefused`. */
export async function checkToBeSigned(
  pdf: Uint8Array<ArrayBuffer>,
  byteRange: readonly number[],
  toBeSigned: Uint8Array<ArrayBuffer>,
  certificatePem: string,
): Promise<void> {
  const signed = signedBytes(pdf, byteRange);
  const attributes = read(toBeSigned);
  if (hex(only(attributes, CONTENT_TYPE)) !== ID_DATA) throw new SigningRefused("signing.content_type");
  const digest = octets(only(attributes, MESSAGE_DIGEST));
  if (digest !== (await sha256(signed))) throw new SigningRefused("signing.digest");
  const certificate = new x509.X509Certificate(certificatePem);
  const named = hex(only(attributes, SIGNING_CERTIFICATE_V2));
  // SHA-256 is the attribute's default algorithm, so the hash stands in it as an OCTET STRING of 32 bytes.
  if (!named.includes(`0420${await sha256(certificate.rawData)}`)) throw new SigningRefused("signing.certificate");
}

/** The bytes under the signature: all of the file but the hexadecimal string of the signature itself. */
function signedBytes(pdf: Uint8Array<ArrayBuffer>, byteRange: readonly number[]): Uint8Array<ArrayBuffer> {
  const [start = -1, length = -1, next = -1, rest = -1] = byteRange;
  const inside = start === 0 && length > 0 && next > length && rest > 0 && next + rest === pdf.length;
  if (byteRange.length !== 4 || !inside) throw new SigningRefused("signing.byte_range");
  const hole = new TextDecoder("latin1").decode(pdf.subarray(length, next));
  if (!/^<[0-9A-Fa-f]*>$/.test(hole)) throw new SigningRefused("signing.byte_range");
  const bytes = new Uint8Array(length + rest);
  bytes.set(pdf.subarray(0, length), 0);
  bytes.set(pdf.subarray(next), length);
  return bytes;
}

function read(der: Uint8Array<ArrayBuffer>): SignedAttributes {
  try {
    return AsnConvert.parse(der, SignedAttributes);
  } catch {
    throw new SigningRefused("signing.attributes");
  }
}

/** The one value of the one attribute of a kind. */
function only(attributes: SignedAttributes, type: string): ArrayBuffer {
  const found = Array.from(attributes).filter((attribute) => attribute.type === type);
  const value = found[0]?.values[0];
  if (found.length !== 1 || found[0]?.values.length !== 1 || value === undefined) {
    throw new SigningRefused("signing.attributes");
  }
  return value;
}

function octets(der: ArrayBuffer): string {
  try {
    return hex(AsnConvert.parse(der, OctetString).buffer);
  } catch {
    throw new SigningRefused("signing.attributes");
  }
}

function hex(bytes: ArrayBuffer): string {
  return Array.from(new Uint8Array(bytes), (byte) => byte.toString(16).padStart(2, "0")).join("");
}
