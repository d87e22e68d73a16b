// What a code means to the nurse, in the language of the moment. Pure of any screen.
import { fill, language } from "./core";
import { READING_WORDS } from "./doctor_reading_codes";
import { FAMILIES, UNKNOWN, WORDS } from "./kiosk_code_words";
import { w, type Words } from "./kiosk_words";

/** Codes that stop something important; the rest asks to look. */
const STOPPING = new Set([
  "store.corrupt", "store.permission", "binding.certificate", "binding.doctor", "binding.signature", "binding.statement",
  "store.full", "fingerprint.mismatch", "certificate.revoked", "power.low", "relay.certificate_foreign"]);

export interface CodeWords {
  readonly what: string;
  readonly todo: string;
  /** The code itself, to be shown small, when it has no words of its own. */
  readonly code: string | null;
  readonly tone: "look" | "stop";
}

/** Says whether a code has words of its own; a test holds the list against the gateway's. */
export function hasWords(code: string): boolean {
  return Object.hasOwn(WORDS, code);
}

/** A flag that asks nothing of the nurse is said as the doctor reads it. */
function asDoctorReads(code: string): Words | undefined {
  const words = Object.hasOwn(READING_WORDS, code) ? READING_WORDS[code] : undefined;
  return words === undefined ? undefined : w(sentence(words[0]), "", sentence(words[1]), "");
}

const sentence = (words: string): string => `${words.charAt(0).toLocaleUpperCase()}${words.slice(1).replace(/\.$/, "")}.`;

/** The sentence of a code in the language of the moment. Never empty, never the code alone. */
export function codeWords(code: string, facts: Readonly<Record<string, string>> = {}): CodeWords {
  const own = hasWords(code) ? WORDS[code] : asDoctorReads(code);
  const family = code.split(".")[0] ?? "";
  const words = own ?? (Object.hasOwn(FAMILIES, family) ? FAMILIES[family] : undefined) ?? UNKNOWN;
  const [what, todo] = language.value === "fr" ? words[0] : words[1];
  return {
    what: fill(what, facts),
    todo: fill(todo, facts),
    code: own === undefined ? code : null,
    tone: STOPPING.has(code) ? "stop" : "look",
  };
}
