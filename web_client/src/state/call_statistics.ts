// One second of a call from the browser's statistics (W3C Identifiers for WebRTC's Statistics API). Pure.
import { isLoopback } from "./loopback";
import type { SendingFigures } from "./own_picture";

/** Which m-line is which: the `mid` of each (RFC 8843). */
export interface CallLines {
  readonly sound: string;
  readonly room: string;
  readonly doctor: string;
}

/** A report of `getStats` and what its m-lines are. */
export interface PeerStatistics {
  readonly report: Iterable<readonly [string, unknown]>;
  readonly lines: CallLines;
}

export interface CallFigures {
  readonly framesPerSecond: number;
  readonly lines: number;
  /** `freezeCount` and `totalFreezesDuration` of this connection. */
  readonly freezes: number;
  readonly frozenMs: number;
  readonly pictureKbps: number;
  readonly voiceKbps: number;
  readonly voiceConcealedPercent: number;
  readonly roundTripMs: number | null;
  /** Something came over the used pair since the report before. */
  readonly heard: boolean;
  readonly relayed: boolean;
  /** Where the used pair stands on this machine: an address literal, null where the browser hides it. */
  readonly localAddress: string | null;
  readonly own: SendingFigures;
  readonly ownKbps: number;
}

/** Reports of the receiver older than that say nothing of now. */
const STALE_MS = 4000;

type Member = Record<string, unknown>;

const number = (member: Member | undefined, name: string): number | null => {
  const value = member?.[name];
  return typeof value === "number" && Number.isFinite(value) ? value : null;
};
const text = (member: Member | undefined, name: string): string => {
  const value = member?.[name];
  return typeof value === "string" ? value : "";
};

/** Reads the reports of one connection, one after the other: some figures are differences. */
export class StatisticsReader {
  #before = new Map<string, number>();

  read({ report, lines }: PeerStatistics): CallFigures {
    const members = new Map<string, Member>();
    for (const [id, member] of report) {
      if (typeof member === "object" && member !== null) members.set(id, member as Member);
    }
    const of = (type: string, mid: string) =>
      [...members.values()].find((each) => each["type"] === type && each["mid"] === mid);
    const [room, voice] = [of("inbound-rtp", lines.room), of("inbound-rtp", lines.sound)];
    const sent = of("outbound-rtp", lines.doctor);
    const pair = usedPair(members);
    const local = members.get(text(pair, "localCandidateId"));
    const samples = this.#rise("samples", number(voice, "totalSamplesReceived"));
    const concealed = this.#rise("concealed", number(voice, "concealedSamples"));
    const silent = this.#rise("silent", number(voice, "silentConcealedSamples"));
    const { lost, roundTripMs: reported } = reports(members);
    const asked = number(pair, "currentRoundTripTime");
    const target = this.#rate("target", sent, "totalEncodedBytesTarget");
    const roundTripMs = reported ?? (asked === null ? null : Math.round(asked * 1000));
    return {
      framesPerSecond: number(room, "framesPerSecond") ?? 0,
      lines: number(room, "frameHeight") ?? 0,
      freezes: number(room, "freezeCount") ?? 0,
      frozenMs: Math.round((number(room, "totalFreezesDuration") ?? 0) * 1000),
      pictureKbps: this.#rate("picture", room, "bytesReceived"),
      voiceKbps: this.#rate("voice", voice, "bytesReceived"),
      // What Opus leaves out in silence (DTX) is filled in too, and is no loss.
      voiceConcealedPercent: samples > 0 ? Math.min(100, (100 * Math.max(0, concealed - silent)) / samples) : 0,
      roundTripMs,
      heard: this.#rise("pair", number(pair, "bytesReceived")) > 0,
      relayed: text(local, "candidateType") === "relay",
      localAddress: ownAddress(local),
      own: {
        // Firefox tells neither its estimate nor what limits: what the encoder was told to make stands for both.
        available: number(pair, "availableOutgoingBitrate") ?? (target > 0 ? target * 1000 : null),
        limited: text(sent, "qualityLimitationReason") === "bandwidth"
          || (target > 0 && sent?.["qualityLimitationReason"] === undefined),
        lost,
        roundTripMs,
      },
      ownKbps: this.#rate("own", sent, "bytesSent"),
    };
  }

  /** What a total grew by since the report before. */
  #rise(name: string, total: number | null): number {
    const before = this.#before.get(name);
    if (total === null) return 0;
    this.#before.set(name, total);
    return before === undefined ? 0 : Math.max(0, total - before);
  }

  #rate(name: string, member: Member | undefined, total: string): number {
    const milliseconds = this.#rise(`${name}.at`, number(member, "timestamp"));
    const octets = this.#rise(name, number(member, total));
    return milliseconds > 0 ? Math.round((8 * octets) / milliseconds) : 0;
  }
}

function usedPair(members: ReadonlyMap<string, Member>): Member | undefined {
  const all = [...members.values()];
  const transport = all.find((each) => each["type"] === "transport");
  const selected = members.get(text(transport, "selectedCandidatePairId"));
  return selected ?? all.find((each) => each["type"] === "candidate-pair" && each["nominated"] === true);
}

/** Worst share of what was lost, and round trip, of what the receiver reported lately. */
function reports(members: ReadonlyMap<string, Member>): { lost: number | null; roundTripMs: number | null } {
  const all = [...members.values()];
  const now = Math.max(0, ...all.map((each) => number(each, "timestamp") ?? 0));
  let lost: number | null = null;
  let roundTrip: number | null = null;
  for (const each of all) {
    if (each["type"] !== "remote-inbound-rtp" || now - (number(each, "timestamp") ?? 0) > STALE_MS) continue;
    const share = number(each, "fractionLost");
    if (share !== null) lost = Math.max(lost ?? 0, share);
    const seconds = number(each, "roundTripTime");
    if (seconds !== null && seconds > 0) roundTrip = Math.min(roundTrip ?? Infinity, seconds * 1000);
  }
  return { lost, roundTripMs: roundTrip === null ? null : Math.round(roundTrip) };
}

/** The host address below a candidate (RFC 8445, section 5.1.1). */
function ownAddress(local: Member | undefined): string | null {
  const kind = text(local, "candidateType");
  const address = kind === "host" ? text(local, "address") : kind === "srflx" ? text(local, "relatedAddress") : "";
  // What is not among a machine's networks cannot leave them either.
  return address === "" || address.endsWith(".local") || isLoopback(address) ? null : address;
}
