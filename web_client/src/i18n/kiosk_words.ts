// How the meaning of a code is written down: two sentences in two languages.
import { unbroken } from "./kiosk_typography";

/** French and English: [what happened, what is kept or to do]. */
export type Words = readonly [fr: readonly [string, string], en: readonly [string, string]];

export const w = (fr: string, frDo: string, en: string, enDo: string): Words => [
  [unbroken(fr), unbroken(frDo)],
  [en, enDo],
];
