// Authorities and certificates made for one test run, in the profiles of relay/fleet/ca.py.
import "reflect-metadata";
import * as x509 from "@peculiar/x509";

export const ECDSA = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" } as const;
const DAY = 86_400_000;

export interface Authority {
  readonly pem: string;
  readonly keys: CryptoKeyPair;
  readonly name: string;
}

export const keyPair = (extractable = false): Promise<CryptoKeyPair> =>
  crypto.subtle.generateKey({ name: "ECDSA", namedCurve: "P-256" }, extractable, ["sign", "verify"]);

export async function authority(commonName: string, now: number): Promise<Authority> {
  const keys = await keyPair();
  const made = await x509.X509CertificateGenerator.createSelfSigned({
    serialNumber: "01",
    name: `CN=${commonName}`,
    notBefore: new Date(now - DAY),
    notAfter: new Date(now + 3650 * DAY),
    signingAlgorithm: ECDSA,
    keys,
    extensions: [
      new x509.BasicConstraintsExtension(true, 0, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
    ],
  });
  return { pem: made.toString("pem"), keys, name: made.subject };
}

export async function certificate(
  issuer: Authority,
  publicKey: CryptoKey,
  urn: string,
  now: number,
  notBefore = now - 3_600_000,
): Promise<string> {
  const made = await x509.X509CertificateGenerator.create({
    serialNumber: "0102",
    subject: "CN=somebody",
    issuer: issuer.name,
    notBefore: new Date(notBefore),
    notAfter: new Date(now + 90 * DAY),
    signingAlgorithm: ECDSA,
    publicKey,
    signingKey: issuer.keys.privateKey,
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.SubjectAlternativeNameExtension([{ type: "url", value: urn }]),
    ],
  });
  return made.toString("pem");
}
