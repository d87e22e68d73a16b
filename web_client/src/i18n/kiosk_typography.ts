// French typography: the space before a double sign belongs to the word, so that no line begins with a colon.

/** The sentence with its unbreakable spaces (Imprimerie nationale: before `; : ! ?` and `%`, inside guillemets). */
export function unbroken(sentence: string): string {
  return sentence.replace(/ (?=[;:!?%»])/g, "\u00a0").replace(/« /g, "«\u00a0");
}

/** A whole catalogue of French words; its keys and its holes stay as they are. */
export function typographic<const T extends Record<string, string>>(words: T): T {
  return Object.fromEntries(Object.entries(words).map(([key, sentence]) => [key, unbroken(sentence)])) as T;
}
