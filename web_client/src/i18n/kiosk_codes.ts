// What a code means to the nurse, in the language of the moment. Pure of any screen.
import { fill, language } from "./core";
import { FAMILIES, UNKNOWN, WORDS } from "./kiosk_code_words";

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

/** The sentence of a code in the language of the moment. Never empty, never the code alone. */
export function codeWords(code: string, facts: Readonly<Record<string, string>> = {}): CodeWords {
  const own = hasWords(code) ? WORDS[code] : undefined;
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
