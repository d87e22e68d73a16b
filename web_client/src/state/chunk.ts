// Binary messages of the data channels: `protocol.readings.Chunk` and `protocol.channels.Part`. Pure.
import { BULK_PART_BYTES, CHUNK_MAGIC, PART_MAGIC, WAVEFORM_CHUNK_SAMPLES } from "../protocol/constants";

/** magic, version, flags, stream, chunk number, samples per lead, time of the first sample. */
const CHUNK_HEADER = 1 + 1 + 2 + 4 + 4 + 2 + 8;
/** magic, version, length of the id, offset, size of the whole. */
const PART_HEADER = 1 + 1 + 2 + 4 + 4;
const AGAIN = 0x8000;
const LEADS_MAX = 16;
const IDENTIFIER_MAX = 80;

/** Bytes that are not what the protocol says; the call goes on without them. */
export class Malformed extends Error {}

/** A run of samples of all leads, interleaved: s0 of each lead, then s1. `firstAt` in seconds since the epoch. */
export interface Chunk {
  readonly streamId: number;
  readonly number: number;
  readonly firstAt: number;
  readonly leads: number;
  readonly samples: Int32Array;
  readonly again: boolean;
}

/** A run of bytes of a still. */
export interface Part {
  readonly stillId: string;
  readonly offset: number;
  readonly size: number;
  readonly payload: Uint8Array<ArrayBuffer>;
}

/** The first byte of a binary message says which kind it is. */
export function kindOf(data: ArrayBuffer): "chunk" | "part" | "unknown" {
  const magic = data.byteLength > 0 ? new DataView(data).getUint8(0) : 0;
  return magic === CHUNK_MAGIC ? "chunk" : magic === PART_MAGIC ? "part" : "unknown";
}

/** Reads a chunk; throws `Malformed`. */
export function readChunk(data: ArrayBuffer): Chunk {
  if (data.byteLength < CHUNK_HEADER) throw new Malformed(`a chunk of ${data.byteLength} bytes has no header`);
  const view = new DataView(data);
  if (view.getUint8(0) !== CHUNK_MAGIC || view.getUint8(1) !== 1) throw new Malformed("not a chunk of version 1");
  const flags = view.getUint16(2, true);
  const leads = flags & ~AGAIN;
  const perLead = view.getUint16(12, true);
  if (leads < 1 || leads > LEADS_MAX || perLead < 1 || perLead > WAVEFORM_CHUNK_SAMPLES) {
    throw new Malformed(`${leads} leads of ${perLead} samples are out of bounds`);
  }
  const count = leads * perLead;
  if (data.byteLength !== CHUNK_HEADER + 4 * count) {
    throw new Malformed(`a chunk of ${data.byteLength} bytes, ${CHUNK_HEADER + 4 * count} expected`);
  }
  // The header's 22 bytes leave the samples unaligned for a typed array over the message itself.
  const samples = new Int32Array(count);
  for (let i = 0; i < count; i += 1) samples[i] = view.getInt32(CHUNK_HEADER + 4 * i, true);
  return {
    streamId: view.getUint32(4, true),
    number: view.getUint32(8, true),
    firstAt: view.getFloat64(14, true),
    leads,
    samples,
    again: (flags & AGAIN) !== 0,
  };
}

/** Reads a part of a still; throws `Malformed`. */
export function readPart(data: ArrayBuffer): Part {
  if (data.byteLength < PART_HEADER) throw new Malformed(`a part of ${data.byteLength} bytes has no header`);
  const view = new DataView(data);
  if (view.getUint8(0) !== PART_MAGIC || view.getUint8(1) !== 1) throw new Malformed("not a part of version 1");
  const length = view.getUint16(2, true);
  const offset = view.getUint32(4, true);
  const size = view.getUint32(8, true);
  if (length < 1 || length > IDENTIFIER_MAX || data.byteLength < PART_HEADER + length) {
    throw new Malformed("the still's identifier is cut");
  }
  const payload = new Uint8Array(data.slice(PART_HEADER + length));
  if (payload.length === 0 || payload.length > BULK_PART_BYTES || offset + payload.length > size) {
    throw new Malformed(`${payload.length} bytes at ${offset} of ${size} are out of bounds`);
  }
  const stillId = new TextDecoder("ascii").decode(new Uint8Array(data, PART_HEADER, length));
  return { stillId, offset, size, payload };
}
