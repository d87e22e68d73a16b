/**
 * The INS Datamatrix as a hardware scanner types it.
 *
 * Layout: `IS01`, 22 zeros, then fields named by two characters: `S1` INS (15), `S2` OID,
 * `S3` given names, `S4` birth name, `S5` sex (M, F, I), `S6` birth date DD-MM-YYYY, `S7` birth place.
 * GS (0x1D) ends a field shorter than its maximum.
 */

export const GS = "\u001d";

const HEADER = /^IS01[0-9A-Z]{22}/;
const HEADER_LENGTH = 26;

/** Longest content of each field; a field that is full carries no GS. */
const FIELD_MAXIMUM: Readonly<Record<string, number>> = {
  S1: 15, S2: 20, S3: 100, S4: 100, S5: 1, S6: 10, S7: 5,
};

/** No name, OID, date or number contains an S before a digit, so that a lost GS can be found again. */
const NEXT_FIELD = /S[1-7]/g;

export interface InsTraits {
  readonly ins: string;
  readonly oid: string;
  readonly givenNames: string;
  readonly familyName: string;
  readonly sex: "male" | "female" | "unknown";
  /** YYYY-MM-DD as written; empty when the code carries none. Its calendar is checked with the form. */
  readonly birthDate: string;
  readonly birthPlace: string;
}

export type ScanResult =
  | { readonly ok: true; readonly traits: InsTraits }
  | { readonly ok: false; readonly code: "scan.other_code" | "scan.cut" };

function fieldEnd(text: string, start: number, maximum: number): { readonly end: number; readonly next: number } {
  const gs = text.indexOf(GS, start);
  if (gs >= 0 && gs - start <= maximum) {
    return { end: gs, next: gs + 1 };
  }
  const limit = Math.min(start + maximum, text.length);
  NEXT_FIELD.lastIndex = start;
  const name = NEXT_FIELD.exec(text);
  const end = name !== null && name.index <= limit ? name.index : limit;
  return { end, next: end };
}

function readFields(text: string): ReadonlyMap<string, string> | null {
  const fields = new Map<string, string>();
  let at = HEADER_LENGTH;
  while (at < text.length) {
    const name = text.slice(at, at + 2);
    const maximum = FIELD_MAXIMUM[name];
    if (maximum === undefined || fields.has(name)) {
      return null;
    }
    const { end, next } = fieldEnd(text, at + 2, maximum);
    fields.set(name, text.slice(at + 2, end).trim());
    at = next;
    while (text[at] === GS) {
      at += 1;
    }
  }
  return fields;
}

/** `DD-MM-YYYY` as ISO; anything else comes back empty and the form asks for the date. */
function isoDate(text: string): string {
  const parts = /^(\d{2})-(\d{2})-(\d{4})$/.exec(text);
  return parts === null ? "" : `${parts[3]}-${parts[2]}-${parts[1]}`;
}

/** Reads the text of one scan. A code that is not an INS Datamatrix, or is cut, says so. */
export function parseInsDatamatrix(typed: string): ScanResult {
  const text = typed.replace(/[\r\n]+$/, "").replace(/<GS>|\{GS\}/gi, GS).trim();
  if (!HEADER.test(text)) {
    return { ok: false, code: text.startsWith("IS01") ? "scan.cut" : "scan.other_code" };
  }
  const fields = readFields(text);
  const ins = fields?.get("S1") ?? "";
  const familyName = fields?.get("S4") ?? "";
  if (fields === null || !/^[0-9AB]{15}$/.test(ins) || familyName === "" || !fields.has("S6")) {
    return { ok: false, code: "scan.cut" };
  }
  const sex = fields.get("S5");
  return {
    ok: true,
    traits: {
      ins,
      oid: fields.get("S2") ?? "",
      givenNames: fields.get("S3") ?? "",
      familyName,
      sex: sex === "M" ? "male" : sex === "F" ? "female" : "unknown",
      birthDate: isoDate(fields.get("S6") ?? ""),
      birthPlace: fields.get("S7") ?? "",
    },
  };
}

/** Slowest pause between two characters of a scanner; a person's fastest keys are about 60 ms apart. */
export const SCAN_KEY_GAP_MS = 50;

/** Silence after which a scan without a final Enter is over. */
export const SCAN_END_MS = 120;

/** From this many fast characters on, Enter belongs to the scanner, not to a focused button. */
const SCAN_CERTAIN = 4;

/** An INS Datamatrix has at most 300 characters; past that it is not one. */
const SCAN_MAXIMUM = 400;

export interface TypedKey {
  readonly key: string;
  readonly code: string;
  readonly shift: boolean;
  readonly control: boolean;
  /** Monotonic milliseconds. */
  readonly at: number;
}

/** What a key would have typed on a US keyboard: scanners leave the factory as one. */
function usCharacter(key: TypedKey): string {
  const letter = /^Key([A-Z])$/.exec(key.code)?.[1];
  if (letter !== undefined) {
    return key.shift ? letter : letter.toLowerCase();
  }
  const digit = /^(?:Digit|Numpad)(\d)$/.exec(key.code)?.[1];
  if (digit !== undefined && !key.shift) {
    return digit;
  }
  const signs: Readonly<Record<string, string>> = {
    Minus: "-", Period: ".", NumpadDecimal: ".", Space: " ", Quote: "'", NumpadSubtract: "-",
  };
  return signs[key.code] ?? "";
}

function isSeparator(key: TypedKey): boolean {
  return key.key === GS || key.key === "F8" || (key.control && (key.key === "]" || key.code === "BracketRight"));
}

export interface KeyVerdict {
  /** The page keeps this key from the focused element. */
  readonly swallow: boolean;
  /** The scan that this key ended. */
  readonly result: ScanResult | null;
}

/**
 * Tells a scanner's burst of keys from a person's typing. No clock: keys carry their time, and the
 * page calls `silence` when nothing came for `SCAN_END_MS`.
 *
 * Two readings are kept, the layout of the PC and the US layout, since a scanner set to the wrong
 * country types `IS à&` for `IS01`.
 */
export class ScanListener {
  #local = "";
  #us = "";
  #last = Number.NEGATIVE_INFINITY;

  key(key: TypedKey): KeyVerdict {
    if (key.at - this.#last > SCAN_KEY_GAP_MS || this.#local.length > SCAN_MAXIMUM) {
      this.#clear();
    }
    if (["Shift", "Control", "Alt", "AltGraph", "CapsLock", "Meta"].includes(key.key)) {
      this.#last = Math.max(this.#last, key.at);
      return { swallow: false, result: null };
    }
    this.#last = key.at;
    const fast = this.#local.length >= SCAN_CERTAIN;
    if (key.key === "Enter" || key.key === "Tab") {
      return { swallow: fast, result: fast ? this.#finish() : null };
    }
    if (isSeparator(key)) {
      this.#local += GS;
      this.#us += GS;
      return { swallow: true, result: null };
    }
    this.#local += key.key.length === 1 ? key.key : "";
    this.#us += usCharacter(key);
    return { swallow: fast && this.#looksLikeIns(), result: null };
  }

  /** Called when no key came for `SCAN_END_MS`. */
  silence(): ScanResult | null {
    // Without Enter only a text that begins as an INS code is a scan: a fast typist is not one.
    return this.#looksLikeIns() ? this.#finish() : null;
  }

  #looksLikeIns(): boolean {
    return this.#local.startsWith("IS01") || this.#us.startsWith("IS01");
  }

  #finish(): ScanResult | null {
    const texts = [this.#local, this.#us];
    this.#clear();
    const results = texts.map(parseInsDatamatrix);
    const good = results.find((result) => result.ok);
    if (good !== undefined) {
      return good;
    }
    // Short bursts are gloves on two keys; only a long one is another code that was shown.
    return texts.some((text) => text.length >= 8) ? (results.find((r) => !r.ok && r.code === "scan.cut") ?? results[0] ?? null) : null;
  }

  #clear(): void {
    this.#local = "";
    this.#us = "";
    this.#last = Number.NEGATIVE_INFINITY;
  }
}
