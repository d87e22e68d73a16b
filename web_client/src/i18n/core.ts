// Words in two languages. A catalogue whose English side misses a key, or a call that misses a fact, does not compile.
import { signal } from "@preact/signals";

export type Language = "fr" | "en";

const REMEMBERED = "passerelle.language";

function remembered(): Language | null {
  try {
    const kept = globalThis.localStorage?.getItem(REMEMBERED);
    return kept === "en" || kept === "fr" ? kept : null;
  } catch {
    return null; // Storage is closed to this page: the default language, each time.
  }
}

/** The language on the screen; French unless a person switched. */
export const language = signal<Language>(remembered() ?? "fr");

/** For a page of people who are not ours: the first of our languages that the browser asks for, unless one was chosen. */
export function preferred(languages: readonly string[]): void {
  if (remembered() !== null) return;
  const first = languages.map((each) => each.slice(0, 2).toLowerCase()).find((each) => each === "fr" || each === "en");
  language.value = first === "en" ? "en" : "fr";
}

/** Switches the language and remembers it on this machine. */
export function speak(next: Language): void {
  language.value = next;
  try {
    globalThis.localStorage?.setItem(REMEMBERED, next);
  } catch {
    return;
  }
}

type Holes<S extends string> = S extends `${string}{${infer Name}}${infer Rest}` ? Name | Holes<Rest> : never;

/** The facts a sentence needs: an object with a value for each `{hole}`. */
export type Facts<S extends string> = { [Name in Holes<S>]: string | number };

type Arguments<S extends string> = [Holes<S>] extends [never] ? [] : [facts: Facts<S>];

/** Puts facts into the `{holes}` of a sentence; a hole without a fact is left empty. */
export function fill(sentence: string, facts: Record<string, string | number> = {}): string {
  return sentence.replace(/\{(\w+)\}/g, (_, name: string) => String(facts[name] ?? ""));
}

/** Pairs two catalogues; the function it returns says a key in the language of the moment. */
export function catalogue<const F extends Record<string, string>>(fr: F, en: { [K in keyof F]: string }) {
  return <K extends keyof F & string>(key: K, ...facts: Arguments<F[K]>): string =>
    fill((language.value === "fr" ? fr : en)[key] as string, facts[0]);
}
