import { describe, expect, it } from "vitest";
import { parseInsDatamatrix } from "../src/state/kiosk_datamatrix";
import {
  birthDateCode, cleanIns, digitsTyped, draftFromScan, draftNotes, EMPTY_DRAFT, fieldOfCode, identityErrors, insKeyFits,
  isoFromDigits, openingErrors, type PatientDraft, patientOf, showDigits,
} from "../src/state/kiosk_patient";

const TODAY = { year: 2026, month: 3, day: 10 };
const TYPED: PatientDraft = {
  ...EMPTY_DRAFT, way: "typed", familyName: "Durand ", givenName: "Jeanne", birthDigits: "14071977", sex: "female",
};
const codes = (draft: PatientDraft, demo = false): string[] => identityErrors(draft, TODAY, demo).map((note) => note.code);

describe("the key of an INS", () => {
  it("fits on the public test numbers", () => {
    for (const ins of ["277076322082910", "279035121518989", "180127512345642"]) expect(insKeyFits(ins)).toBe(true);
  });

  it("does not fit when any one digit is another", () => {
    const right = "277076322082910";
    for (let at = 0; at < 15; at += 1) {
      const wrong = right.slice(0, at) + String((Number(right[at]) + 1) % 10) + right.slice(at + 1);
      expect(insKeyFits(wrong), wrong).toBe(false);
    }
  });

  it("counts Corsica's departments as 19 and 18", () => {
    const key = (number: string): string => String(97n - (BigInt(number) % 97n)).padStart(2, "0");
    expect(insKeyFits(`186052A004123${key("1860519004123")}`)).toBe(true);
    expect(insKeyFits(`186052B004123${key("1860518004123")}`)).toBe(true);
    expect(insKeyFits(`186052A004123${key("1860518004123")}`)).toBe(false);
  });

  it("is read from the printed form with its spaces", () => {
    expect(cleanIns("2 77 07 63 220 829 10")).toBe("277076322082910");
  });
});

describe("a birth date of digits", () => {
  it("is an ISO date when the calendar has the day", () => {
    expect(isoFromDigits("29022024")).toBe("2024-02-29");
    expect(isoFromDigits("29022023")).toBeNull();
    expect(isoFromDigits("31042000")).toBeNull();
  });

  it("is refused as soon as it cannot become a date", () => {
    expect(birthDateCode("4", TODAY)).toBe("patient.birth_day");
    expect(birthDateCode("00", TODAY)).toBe("patient.birth_day");
    expect(birthDateCode("14", TODAY)).toBeNull();
    expect(birthDateCode("142", TODAY)).toBe("patient.birth_month");
    expect(birthDateCode("1413", TODAY)).toBe("patient.birth_month");
    expect(birthDateCode("140719", TODAY)).toBeNull();
    expect(birthDateCode("31022000", TODAY)).toBe("patient.birth_date");
  });

  it("is refused in the future and before anybody living, and today is a birthday", () => {
    expect(birthDateCode("11032026", TODAY)).toBe("patient.birth_date_future");
    expect(birthDateCode("10032026", TODAY)).toBeNull();
    expect(birthDateCode("01011900", TODAY)).toBe("patient.birth_date_too_old");
    expect(birthDateCode("01011901", TODAY)).toBeNull();
  });

  it("shows its slashes and takes them back", () => {
    expect(showDigits("14071977")).toBe("14/07/1977");
    expect(showDigits("140")).toBe("14/0");
    expect(digitsTyped("14/07/1977")).toBe("14071977");
    expect(digitsTyped("1977-07-14")).toBe("14071977");
  });
});

describe("the form", () => {
  it("says what is missing in the order of its fields, only when asked", () => {
    const empty: PatientDraft = { ...EMPTY_DRAFT, way: "typed" };
    expect(draftNotes(empty, TODAY, false)).toEqual([]);
    expect(codes(empty)).toEqual(["patient.family_name_missing", "patient.given_name_missing", "patient.birth_date_missing"]);
    expect(codes(TYPED)).toEqual([]);
  });

  it("asks nothing of an anonymous patient and sends nothing", () => {
    const anonymous: PatientDraft = { ...TYPED, way: "anonymous", ins: "277076322082910" };
    expect(codes(anonymous)).toEqual([]);
    expect(patientOf(anonymous)).toEqual({
      anonymous: true, family_name: "", given_name: "", birth_date: "", sex: "unknown", birth_place: "", ins: "", ins_oid: "",
      qualified: false,
    });
  });

  it("refuses a wrong key in production and warns of it on a test identity", () => {
    const wrong: PatientDraft = { ...TYPED, ins: "277076322082911" };
    expect(codes(wrong)).toEqual(["patient.ins_key"]);
    const test: PatientDraft = { ...wrong, insOid: "1.2.250.1.213.1.4.10" };
    expect(codes(test, true)).toEqual([]);
    expect(draftNotes(test, TODAY, true)).toEqual([{ field: "ins", code: "patient.ins_key", warning: true }]);
  });

  it("refuses test identities and unknown authorities outside a demonstration", () => {
    expect(codes({ ...TYPED, ins: "277076322082910", insOid: "1.2.250.1.213.1.4.11" })).toEqual(["patient.ins_oid"]);
    expect(codes({ ...TYPED, ins: "277076322082910", insOid: "1.2.3" }, true)).toEqual(["patient.ins_oid"]);
  });

  it("only warns when the number says another date or sex", () => {
    const notes = draftNotes({ ...TYPED, sex: "male", ins: "277076322082910" }, TODAY, false);
    expect(notes).toEqual([{ field: "ins", code: "patient.ins_traits_differ", warning: true }]);
    expect(draftNotes({ ...TYPED, ins: "277076322082910" }, TODAY, false)).toEqual([]);
  });

  it("refuses a name without a letter and a place that is no INSEE code", () => {
    expect(codes({ ...TYPED, familyName: "--" })).toEqual(["patient.family_name"]);
    expect(codes({ ...TYPED, birthPlace: "6322" })).toEqual(["patient.birth_place"]);
    expect(codes({ ...TYPED, birthPlace: "PARIS" })).toEqual(["patient.birth_place"]);
    expect(codes({ ...TYPED, birthPlace: "2a004" })).toEqual([]);
  });

  it("lets the INS travel only with a checked identity", () => {
    const unchecked = patientOf({ ...TYPED, ins: "277076322082910" });
    expect(unchecked).toMatchObject({ ins: "", ins_oid: "", qualified: false, family_name: "DURAND" });
    const checked = patientOf({ ...TYPED, ins: "277076322082910", identityChecked: true });
    expect(checked).toMatchObject({ ins: "277076322082910", ins_oid: "1.2.250.1.213.1.4.8", qualified: true });
    expect(patientOf({ ...TYPED, identityChecked: true }).qualified).toBe(false);
  });

  it("replaces the whole identity by a scan and takes the consent back", () => {
    const scan = parseInsDatamatrix(`IS01${"0".repeat(22)}S1180127512345642S21.2.250.1.213.1.4.8\u001dS4MARTIN\u001dS5MS612-12-1980`);
    if (!scan.ok) throw new Error(scan.code);
    const draft = draftFromScan({ ...TYPED, consent: true, identityChecked: true, reason: "fever" }, scan.traits);
    expect(draft).toMatchObject({
      way: "scanned", familyName: "MARTIN", givenName: "", birthDigits: "12121980", consent: false, identityChecked: false, reason: "fever",
    });
  });

  it("opens only with a reason and a consent", () => {
    expect(openingErrors(TYPED).map((note) => note.field)).toEqual(["reason", "consent"]);
    expect(openingErrors({ ...TYPED, reason: "skin", consent: true })).toEqual([]);
  });

  it("puts the gateway's codes at their fields", () => {
    expect(fieldOfCode("patient.birth_date_future")).toBe("birth_date");
    expect(fieldOfCode("patient.ins_not_qualified")).toBe("ins");
    expect(fieldOfCode("patient.birth_place")).toBe("birth_place");
    expect(fieldOfCode("patient.family_name_missing")).toBe("family_name");
    expect(fieldOfCode("encounter.consent")).toBe("consent");
    expect(fieldOfCode("encounter.open")).toBeNull();
    expect(fieldOfCode("patient.anonymous")).toBeNull();
  });
});
