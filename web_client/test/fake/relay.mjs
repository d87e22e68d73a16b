// A relay that forgets everything, for looking at the doctor's page by hand and in test/look.py: no accounts, no
// database, one vehicle (vehicle.html in another browser page). `node test/fake/relay.mjs [port [dist/ [address]]]`, after
// `npm run build`.
import "reflect-metadata";
import { createServer } from "node:http";
import { createHash, webcrypto, randomUUID } from "node:crypto";
import { readFile } from "node:fs/promises";
import { extname } from "node:path";
import { pathToFileURL } from "node:url";
import * as x509 from "@peculiar/x509";
import { WebSocketServer } from "ws";

x509.cryptoProvider.set(webcrypto);
const ALG = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" };
const DAY = 86_400_000;
const DIST = process.argv[3] ? pathToFileURL(`${process.argv[3]}/`) : new URL("../../dist/", import.meta.url);
const ADDRESS = process.argv[4] ?? "127.0.0.1";
const HERE = new URL("./", import.meta.url);
const TYPES = { ".html": "text/html", ".js": "text/javascript", ".mjs": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml", ".jpg": "image/jpeg" };
const CSP =
  "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' blob: data:; " +
  "media-src 'self' blob:; font-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; worker-src 'self'; require-trusted-types-for 'script'; trusted-types passerelle-worker";

const caKeys = await webcrypto.subtle.generateKey(ALG, true, ["sign", "verify"]);
const ca = await x509.X509CertificateGenerator.createSelfSigned({
  serialNumber: "01",
  name: "CN=Autorite d'essai",
  notBefore: new Date(Date.now() - DAY),
  notAfter: new Date(Date.now() + 365 * DAY),
  signingAlgorithm: ALG,
  keys: caKeys,
  extensions: [
    new x509.BasicConstraintsExtension(true, 0, true),
    new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
  ],
});
const caPem = ca.toString("pem");

async function certify(csrPem, urn) {
  const csr = new x509.Pkcs10CertificateRequest(csrPem);
  const leaf = await x509.X509CertificateGenerator.create({
    serialNumber: `01${randomUUID().replaceAll("-", "")}`,
    subject: "CN=essai",
    issuer: ca.subject,
    notBefore: new Date(Date.now() - 3_600_000),
    notAfter: new Date(Date.now() + 90 * DAY),
    signingAlgorithm: ALG,
    publicKey: await csr.publicKey.export(ALG, ["verify"]),
    signingKey: caKeys.privateKey,
    extensions: [new x509.SubjectAlternativeNameExtension([{ type: "url", value: urn }])],
  });
  return leaf.toString("pem");
}

const doctor = { doctor_id: "doc-1", name: "Claire Morel", title: "Dr", speciality: "Médecine générale", rpps: "10003456789", certificate: "" };
const vehicle = { vehicle_id: "bus-1", name: "Médicobus Nièvre 1", territory: "Nièvre Sud", simulated: true, certificate: "" };
const waiting = (id, reason, urgency, minutes, more = {}) => ({
  encounter_id: id, vehicle, reason, urgency, waiting_since: new Date(Date.now() - minutes * 60_000).toISOString(),
  online: true, taken_by: "", ...more,
});
let entries = [
  waiting("enc-1", "heart", "urgent", 4),
  waiting("enc-2", "chronic_follow_up", "routine", 17, { vehicle: { ...vehicle, vehicle_id: "bus-2", name: "Médicobus Nièvre 2", territory: "Morvan" } }),
  waiting("enc-3", "skin", "soon", 2, { taken_by: "Dr Paul Aubert", vehicle: { ...vehicle, name: "Camion santé Loire", territory: "Roannais", simulated: false } }),
];
let signedIn = false;
let call = null;
let page = null;
let bus = null;
let sent = 0;
let seen = 0;
const signed = [];

const toPage = (body) => page?.send(JSON.stringify({ n: (sent += 1), ack: seen, body }));
const toBus = (body) => bus?.send(JSON.stringify(body));
const queue = () => toPage({ type: "queue", entries });

function grant() {
  toPage({ type: "granted", ...call, vehicle, ice_servers: [] });
  toBus({ type: "assigned", ...call, doctor, ice_servers: [] });
}

function fromPage(frame) {
  const { body } = frame;
  if (frame.n > 0) {
    seen = frame.n;
    page.send(JSON.stringify({ n: 0, ack: seen, body: { type: "nothing" } }));
  }
  if (body.type === "hello") {
    sent = seen = 0;
    page.send(JSON.stringify({ n: 0, ack: 0, body: {
      type: "welcome", session: randomUUID(), resume_token: "t", resumed: false, last_seen: 0,
      server_time: new Date().toISOString(), ice_servers: [], doctor, vehicle: null } }));
    queue();
    if (call !== null && body.session === null) {
      call.generation += 1;
      grant();
    }
  } else if (body.type === "take") {
    const entry = entries.find((each) => each.encounter_id === body.encounter_id);
    if (entry.encounter_id === "enc-2") {
      entry.taken_by = "Dr Paul Aubert";
      toPage({ type: "error", code: "call.taken", about: frame.n, facts: { by: "Dr Paul Aubert" } });
    } else {
      entry.taken_by = "Dr Claire Morel";
      call = { call_id: `call-${randomUUID()}`, generation: 1, encounter_id: entry.encounter_id };
      grant();
    }
    queue();
  } else if (body.type === "rejoin") {
    if (call === null || body.generation < call.generation) return;
    call.generation += 1;
    grant();
  } else if (body.type === "left") {
    toBus(body);
    entries = entries.filter((entry) => entry.encounter_id !== call?.encounter_id);
    call = null;
    queue();
  } else if (["answer", "candidate", "refused"].includes(body.type)) toBus(body);
}

const MENTIONS = ["prescriber.name", "prescriber.title", "prescriber.rpps", "prescriber.address", "prescriber.phone", "prescriber.email", "patient.family_name", "patient.given_name", "patient.sex", "patient.birth_date"];
function check(draft) {
  const mentions = MENTIONS.map((code) => ({ code: `mention.${code}`, present: true, line: null }));
  draft.lines.forEach((line, at) => {
    mentions.push({ code: "mention.line.drug", present: line.drug !== "", line: at });
    mentions.push({ code: "mention.line.posology", present: line.posology !== "", line: at });
    mentions.push({ code: "mention.line.duration", present: line.days + line.units > 0, line: at });
  });
  return { code: mentions.every((each) => each.present) ? "prescription.complete" : "prescription.mentions_missing", mentions };
}

let certificate = "";
const der = (tag, ...parts) => {
  const body = Buffer.concat(parts);
  const length = body.length < 128 ? [body.length] : body.length < 256 ? [0x81, body.length] : [0x82, body.length >> 8, body.length & 255];
  return Buffer.concat([Buffer.from([tag, ...length]), body]);
};
const oid = (hex) => Buffer.from(hex, "hex");

/** A page with an empty signature, laid out by hand, and its signed attributes. */
function prepare(draft) {
  const text = draft.lines.map((line, at) => `1 0 0 1 60 ${640 - 50 * at} Tm (${line.drug} ${line.strength}) Tj 1 0 0 1 80 ${622 - 50 * at} Tm (${line.posology}) Tj`).join(" ");
  const stream = `BT /F1 16 Tf 1 0 0 1 60 740 Tm (Ordonnance) Tj /F1 12 Tf ${text} ET`;
  const objects = ["<</Type/Catalog/Pages 2 0 R>>", "<</Type/Pages/Kids[3 0 R]/Count 1>>", "<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Resources<</Font<</F1 5 0 R>>>>/Contents 4 0 R>>", `<</Length ${stream.length}>>stream\n${stream}\nendstream`, "<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>"];
  let pdf = "%PDF-1.7\n";
  const offsets = objects.map((object, at) => {
    const offset = pdf.length;
    pdf += `${at + 1} 0 obj${object}endobj\n`;
    return offset;
  });
  const start = pdf.length;
  pdf += "6 0 obj<</Type/Sig/Contents ";
  const [from, to] = [pdf.length, pdf.length + 1002];
  pdf += `<${"0".repeat(1000)}>>>endobj\n`;
  const table = pdf.length;
  pdf += `xref\n0 7\n0000000000 65535 f \n${[...offsets, start].map((offset) => `${String(offset).padStart(10, "0")} 00000 n \n`).join("")}trailer<</Size 7/Root 1 0 R>>\nstartxref\n${table}\n%%EOF`;
  const bytes = Buffer.from(pdf, "latin1");
  const digest = createHash("sha256").update(bytes.subarray(0, from)).update(bytes.subarray(to)).digest();
  const own = createHash("sha256").update(Buffer.from(new x509.X509Certificate(certificate).rawData)).digest();
  const attribute = (type, value) => der(0x30, oid(type), der(0x31, value));
  const attributes = der(0x31,
    attribute("06092a864886f70d010903", oid("06092a864886f70d010701")),
    attribute("06092a864886f70d010904", der(0x04, digest)),
    attribute("060b2a864886f70d010910022f", der(0x30, der(0x30, der(0x30, der(0x04, own))))));
  return { prescription_id: randomUUID(), pdf: bytes.toString("base64"), byte_range: [0, from, to, bytes.length - to], to_be_signed: attributes.toString("base64"), mentions: check(draft).mentions };
}

async function api(path, body) {
  if (path === "/api/sign-in") {
    if (body.password !== "demo") return [401, { code: "sign_in.refused", facts: {} }];
    signedIn = true;
    return [204, null];
  }
  if (path === "/api/fake/bus") return [200, { certificate: await certify(body.csr, "urn:passerelle:vehicle:bus-1") }];
  if (!signedIn) return [401, { code: "session.needed", facts: {} }];
  if (path === "/api/sign-out") signedIn = false;
  if (path === "/api/me") return [200, { kind: "doctor", name: doctor.name, doctor, ca: caPem, demo: true }];
  if (path === "/api/token") return [200, { token: "t", expires_at: new Date().toISOString() }];
  if (path === "/api/doctor/certificate") {
    certificate = await certify(body.csr, "urn:passerelle:doctor:doc-1");
    return [200, { certificate, ca: caPem }];
  }
  if (path === "/api/prescriptions/check") return [200, check(body)];
  if (path === "/api/prescriptions") return [201, prepare(body)];
  if (path.endsWith("/signature")) {
    const id = path.split("/")[3];
    const view = { prescription_id: id, encounter_id: call.encounter_id, state: "signed", sha256: null, steps: [{ state: "signed", at: new Date().toISOString(), code: null }], doctor: doctor.name, drugs: ["amoxicilline 1 g comprimé"] };
    signed.push(view);
    ["arrived", "printing", "printed"].forEach((state, at) => setTimeout(() => toPage({ type: "prescription", prescription_id: id, encounter_id: view.encounter_id, state, at: new Date().toISOString(), code: null }), 400 * (at + 1)));
    return [200, view];
  }
  if (path.startsWith("/api/encounters/")) return [200, signed];
  return [404, { code: "request.not_found", facts: {} }];
}

const server = createServer(async (request, response) => {
  const { pathname } = new URL(request.url, "http://localhost");
  try {
    if (pathname.startsWith("/api/")) {
      let text = "";
      for await (const part of request) text += part;
      const [status, answer] = await api(pathname, text === "" ? null : JSON.parse(text));
      response.writeHead(status, { "Content-Type": "application/json" });
      response.end(answer === null ? "" : JSON.stringify(answer));
      return;
    }
    const fake = pathname.startsWith("/vehicle");
    const file = pathname === "/" ? "doctor.html" : pathname.slice(1);
    const bytes = await readFile(new URL(file, fake ? HERE : DIST));
    response.writeHead(200, { "Content-Type": TYPES[extname(file)] ?? "application/octet-stream", ...(fake ? {} : { "Content-Security-Policy": CSP }) });
    response.end(bytes);
  } catch (error) {
    process.stderr.write(`${request.url} ${error}\n`);
    response.writeHead(404).end();
  }
});
new WebSocketServer({ server }).on("connection", (socket, request) => {
  if (request.url === "/vehicle-ws") {
    bus = socket;
    if (call !== null) {
      call.generation += 1;
      grant();
    }
    socket.on("message", (data) => toPage(JSON.parse(data)));
  } else {
    page = socket;
    socket.on("message", (data) => fromPage(JSON.parse(data)));
  }
});
server.listen(Number(process.argv[2] ?? 0), ADDRESS, () => process.stdout.write(`http://${ADDRESS}:${server.address().port}\n`));
