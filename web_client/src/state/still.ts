// The bytes of one still as its parts come in; resumes by offset and is checked by its hash.
import type { Still } from "../protocol/types";
import type { Part } from "./chunk";

export type StillProgress = "coming" | "whole" | "damaged";

/** Lower-case hexadecimal SHA-256. */
export async function sha256(bytes: BufferSource): Promise<string> {
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  return Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** Collects parts in order. `have` is the offset from which to ask. */
export class StillBytes {
  readonly #bytes: Uint8Array<ArrayBuffer>;
  #have = 0;

  constructor(readonly still: Still) {
    this.#bytes = new Uint8Array(still.size);
  }

  get have(): number {
    return this.#have;
  }

  get whole(): boolean {
    return this.#have === this.still.size;
  }

  get bytes(): Uint8Array<ArrayBuffer> {
    return this.#bytes;
  }

  /** Takes what is new of a part; false when it leaves a hole or belongs to other bytes. */
  add(part: Part): boolean {
    if (part.stillId !== this.still.still_id || part.size !== this.still.size) return false;
    if (part.offset > this.#have) return false;
    const end = part.offset + part.payload.length;
    if (end > this.#have) {
      this.#bytes.set(part.payload.subarray(this.#have - part.offset), this.#have);
      this.#have = end;
    }
    return true;
  }

  /** Whether the whole is what the event named; bytes that are not are forgotten, to be asked for again. */
  async check(): Promise<StillProgress> {
    if (!this.whole) return "coming";
    if ((await sha256(this.#bytes)) === this.still.sha256) return "whole";
    this.#have = 0;
    return "damaged";
  }
}
