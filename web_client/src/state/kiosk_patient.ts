/**
 * The patient form before it becomes a `Patient`: the same rules as the gateway, said at the field at once.
 *
 * Codes of errors are those the gateway answers (`patient.*`), so that one set of words serves both.
 */

import type { Patient, Reason, Sex, Urgency } from "../protocol/types";
import type { InsTraits } from "./kiosk_datamatrix";

export type Way = "typed" | "scanned" | "anonymous";

export interface PatientDraft {
  readonly way: Way | null;
  readonly familyName: string;
  readonly givenName: string;
  /** Digits of DD MM YYYY as far as they were typed. */
  readonly birthDigits: string;
  readonly sex: Sex;
  readonly birthPlace: string;
  readonly ins: string;
  readonly insOid: string;
  /** The nurse compared the traits with an identity document. */
  readonly identityChecked: boolean;
  readonly consent: boolean;
  readonly reason: Reason | null;
  readonly reasonWords: string;
  readonly urgency: Urgency;
}

export const EMPTY_DRAFT: PatientDraft = {
  way: null, familyName: "", givenName: "", birthDigits: "", sex: "unknown", birthPlace: "", ins: "", insOid: "",
  identityChecked: false, consent: false, reason: null, reasonWords: "", urgency: "routine",
};

export type Field = "family_name" | "given_name" | "birth_date" | "sex" | "birth_place" | "ins" | "consent" | "reason";

export interface FieldNote {
  readonly field: Field;
  readonly code: string;
  /** Amber: said, but does not stop. */
  readonly warning: boolean;
}

export const OID_NIR = "1.2.250.1.213.1.4.8";
const OID_NIA = "1.2.250.1.213.1.4.9";
/** TEST and DEMO identities: public ones exist whose key is wrong. */
const OIDS_NOT_REAL = ["1.2.250.1.213.1.4.10", "1.2.250.1.213.1.4.11"];

/** Nobody older has been verified; an earlier year is a slip of the finger. */
const OLDEST_YEARS = 125;

const INS = /^\d{5}(\d{2}|2[AB])\d{8}$/;
const INSEE = /^(\d{5}|2[AB]\d{3})$/;
const LETTER = /\p{L}/u;

/** Calendar day of today as the vehicle's clock has it. */
export interface Today {
  readonly year: number;
  readonly month: number;
  readonly day: number;
}

/** INS as typed: spaces and dashes of the printed form are dropped, 2a becomes 2A. */
export function cleanIns(text: string): string {
  return text.toUpperCase().replace(/[^0-9AB]/g, "").slice(0, 15);
}

/** key = 97 - (N mod 97); Corsica's 2A counts as 19 and 2B as 18. Expects 15 characters. */
export function insKeyFits(ins: string): boolean {
  const number = ins.slice(0, 13).replace(/^(.{5})2A/, "$119").replace(/^(.{5})2B/, "$118");
  if (!/^\d{13}$/.test(number) || !/^\d{2}$/.test(ins.slice(13))) {
    return false;
  }
  return 97n - (BigInt(number) % 97n) === BigInt(ins.slice(13));
}

/** Eight digits DDMMYYYY as an ISO date, or null when the calendar has no such day. */
export function isoFromDigits(digits: string): string | null {
  const parts = /^(\d{2})(\d{2})(\d{4})$/.exec(digits);
  if (parts === null) {
    return null;
  }
  const [day, month, year] = [Number(parts[1]), Number(parts[2]), Number(parts[3])];
  if (year < 1000 || month < 1 || month > 12) {
    return null;
  }
  const lastDay = new Date(Date.UTC(year, month, 0)).getUTCDate();
  return day >= 1 && day <= lastDay ? `${parts[3]}-${parts[2]}-${parts[1]}` : null;
}

export function digitsFromIso(iso: string): string {
  const parts = /^(\d{4})-(\d{2})-(\d{2})$/.exec(iso);
  return parts === null ? "" : `${parts[3]}${parts[2]}${parts[1]}`;
}

/** The digits with their places: `12/03/19` → `12/03/19AA` is left to the page; here only the slashes. */
export function showDigits(digits: string): string {
  return [digits.slice(0, 2), digits.slice(2, 4), digits.slice(4, 8)].filter((part) => part !== "").join("/");
}

/** What of a date can already be seen to be impossible while it is typed. */
export function birthDateCode(digits: string, today: Today): string | null {
  if (digits === "") {
    return null;
  }
  const [day, month, year] = [digits.slice(0, 2), digits.slice(2, 4), digits.slice(4, 8)];
  if ((day.length === 2 && (Number(day) < 1 || Number(day) > 31)) || (day[0] ?? "0") > "3") {
    return "patient.birth_day";
  }
  if ((month.length === 2 && (Number(month) < 1 || Number(month) > 12)) || (month[0] ?? "0") > "1") {
    return "patient.birth_month";
  }
  if (digits.length < 8) {
    return null;
  }
  const iso = isoFromDigits(digits);
  if (iso === null) {
    return "patient.birth_date";
  }
  const now = `${today.year}-${String(today.month).padStart(2, "0")}-${String(today.day).padStart(2, "0")}`;
  if (iso > now) {
    return "patient.birth_date_future";
  }
  return Number(year) < today.year - OLDEST_YEARS ? "patient.birth_date_too_old" : null;
}

function insNotes(draft: PatientDraft, demo: boolean): FieldNote[] {
  if (draft.ins === "") {
    return [];
  }
  const notReal = OIDS_NOT_REAL.includes(draft.insOid);
  if ((notReal && !demo) || !["", OID_NIR, OID_NIA, ...OIDS_NOT_REAL].includes(draft.insOid)) {
    return [{ field: "ins", code: "patient.ins_oid", warning: false }];
  }
  if (!INS.test(draft.ins)) {
    return [{ field: "ins", code: "patient.ins", warning: false }];
  }
  if (!insKeyFits(draft.ins)) {
    return [{ field: "ins", code: "patient.ins_key", warning: notReal }];
  }
  // Only a NIR says its bearer's sex and date.
  return ["", OID_NIR].includes(draft.insOid) && insDiffers(draft) ? [{ field: "ins", code: "patient.ins_traits_differ", warning: true }] : [];
}

/** The number says a sex, a year and often a month: a difference is looked at, never refused. */
function insDiffers(draft: PatientDraft): boolean {
  const sex = draft.ins[0] === "1" ? "male" : draft.ins[0] === "2" ? "female" : null;
  if (sex !== null && draft.sex !== "unknown" && draft.sex !== sex) {
    return true;
  }
  const iso = isoFromDigits(draft.birthDigits);
  const month = Number(draft.ins.slice(3, 5));
  if (iso === null) {
    return false;
  }
  return iso.slice(2, 4) !== draft.ins.slice(1, 3) || (month >= 1 && month <= 12 && month !== Number(iso.slice(5, 7)));
}

/** What can be said already, at its field, while the form is filled. Missing fields are not said yet. */
export function draftNotes(draft: PatientDraft, today: Today, demo: boolean): readonly FieldNote[] {
  if (draft.way === "anonymous") {
    return [];
  }
  const date = birthDateCode(draft.birthDigits, today);
  const notes: FieldNote[] = [];
  const refuse = (field: Field, code: string): void => {
    notes.push({ field, code, warning: false });
  };
  if (draft.familyName.trim() !== "" && !LETTER.test(draft.familyName)) refuse("family_name", "patient.family_name");
  if (draft.givenName.trim() !== "" && !LETTER.test(draft.givenName)) refuse("given_name", "patient.given_name");
  if (date !== null) refuse("birth_date", date);
  // A place is typed from the left: what may still become right is not said to be wrong.
  if (draft.birthPlace.length >= 5 && !INSEE.test(draft.birthPlace.trim().toUpperCase())) refuse("birth_place", "patient.birth_place");
  return [...notes, ...insNotes(draft, demo)];
}

/** Everything that keeps the identity from being complete, in the order of the form. */
export function identityErrors(draft: PatientDraft, today: Today, demo: boolean): readonly FieldNote[] {
  if (draft.way === null || draft.way === "anonymous") {
    return [];
  }
  const missing: FieldNote[] = [];
  const need = (field: Field, filled: boolean): void => {
    if (!filled) {
      missing.push({ field, code: `patient.${field}_missing`, warning: false });
    }
  };
  need("family_name", draft.familyName.trim() !== "");
  need("given_name", draft.givenName.trim() !== "");
  need("birth_date", draft.birthDigits.length === 8 || birthDateCode(draft.birthDigits, today) !== null);
  const place = draft.birthPlace.trim();
  if (place !== "" && place.length < 5) missing.push({ field: "birth_place", code: "patient.birth_place", warning: false });
  return [...missing, ...draftNotes(draft, today, demo).filter((note) => !note.warning)];
}

/** What the second page still needs. */
export function openingErrors(draft: PatientDraft): readonly FieldNote[] {
  const errors: FieldNote[] = [];
  if (draft.reason === null) {
    errors.push({ field: "reason", code: "encounter.reason", warning: false });
  }
  if (!draft.consent) {
    errors.push({ field: "consent", code: "encounter.consent", warning: false });
  }
  return errors;
}

/** The field of a code that the gateway answered; null when it belongs to none. */
export function fieldOfCode(code: string): Field | null {
  if (code.includes("consent")) {
    return "consent";
  }
  if (code.includes("reason")) {
    return "reason";
  }
  const named = /^patient\.(family_name|given_name|birth_place|birth|sex|ins)/.exec(code)?.[1];
  return named === undefined ? null : named === "birth" ? "birth_date" : (named as Field);
}

/** The draft that a scan fills: everything of the identity is replaced, so that no earlier typing stays. */
export function draftFromScan(draft: PatientDraft, traits: InsTraits): PatientDraft {
  return {
    ...EMPTY_DRAFT,
    consent: false, reason: draft.reason, reasonWords: draft.reasonWords, urgency: draft.urgency,
    way: "scanned",
    familyName: traits.familyName, givenName: traits.givenNames, birthDigits: digitsFromIso(traits.birthDate),
    sex: traits.sex, birthPlace: traits.birthPlace, ins: traits.ins, insOid: traits.oid,
  };
}

/** A date that a hardware keyboard or a test writes: every form that holds eight digits. */
export function digitsTyped(text: string): string {
  return /^\d{4}-\d{2}-\d{2}$/.test(text) ? digitsFromIso(text) : text.replace(/\D/g, "").slice(0, 8);
}

/** The `Patient` of a complete draft. The INS travels only with an identity that a person checked. */
export function patientOf(draft: PatientDraft): Patient {
  const nobody = { family_name: "", given_name: "", birth_date: "", sex: "unknown", birth_place: "", ins: "", ins_oid: "" } as const;
  if (draft.way === "anonymous") {
    return { ...nobody, anonymous: true, qualified: false };
  }
  const qualified = draft.identityChecked && draft.ins !== "";
  return {
    anonymous: false,
    family_name: draft.familyName.trim().toUpperCase(),
    given_name: draft.givenName.trim(),
    birth_date: isoFromDigits(draft.birthDigits) ?? "",
    sex: draft.sex,
    birth_place: draft.birthPlace.trim().toUpperCase(),
    ins: qualified ? draft.ins : "",
    ins_oid: qualified ? draft.insOid || OID_NIR : "",
    qualified,
  };
}
