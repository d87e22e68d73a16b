// Encoders of the tests' own, written from the layout in protocol/readings.py and protocol/channels.py.

export function chunkBytes(chunk: {
  streamId: number;
  number: number;
  leads: number;
  samples: readonly number[];
  firstAt?: number;
  again?: boolean;
}): ArrayBuffer {
  const view = new DataView(new ArrayBuffer(22 + 4 * chunk.samples.length));
  view.setUint8(0, 0x57);
  view.setUint8(1, 1);
  view.setUint16(2, chunk.leads | (chunk.again === true ? 0x8000 : 0), true);
  view.setUint32(4, chunk.streamId, true);
  view.setUint32(8, chunk.number, true);
  view.setUint16(12, Math.floor(chunk.samples.length / chunk.leads), true);
  view.setFloat64(14, chunk.firstAt ?? 0, true);
  chunk.samples.forEach((sample, i) => view.setInt32(22 + 4 * i, sample, true));
  return view.buffer;
}

export function partBytes(stillId: string, offset: number, size: number, payload: Iterable<number>): ArrayBuffer {
  const name = new TextEncoder().encode(stillId);
  const body = Uint8Array.from(payload);
  const bytes = new Uint8Array(12 + name.length + body.length);
  const view = new DataView(bytes.buffer);
  view.setUint8(0, 0x53);
  view.setUint8(1, 1);
  view.setUint16(2, name.length, true);
  view.setUint32(4, offset, true);
  view.setUint32(8, size, true);
  bytes.set(name, 12);
  bytes.set(body, 12 + name.length);
  return bytes.buffer;
}
