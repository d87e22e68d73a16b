import { describe, expect, it } from "vitest";
import { GS, parseInsDatamatrix, ScanListener, type TypedKey } from "../src/state/kiosk_datamatrix";

const HEADER = `IS01${"0".repeat(22)}`;
/** Field order and the public test number of the national guide; the traits are invented. */
const FULL = `${HEADER}S1277076322082910S21.2.250.1.213.1.4.8${GS}S3JEANNE MARIE${GS}S4D'ARTOIS-LE GOFF${GS}S5FS614-07-1977S763220`;
const EXPECTED = {
  ins: "277076322082910", oid: "1.2.250.1.213.1.4.8", givenNames: "JEANNE MARIE", familyName: "D'ARTOIS-LE GOFF",
  sex: "female", birthDate: "1977-07-14", birthPlace: "63220",
};

describe("parseInsDatamatrix", () => {
  it("reads every field of a whole code", () => {
    expect(parseInsDatamatrix(FULL)).toEqual({ ok: true, traits: EXPECTED });
  });

  it("needs no separator after a field that is full", () => {
    const demo = FULL.replace(`1.2.250.1.213.1.4.8${GS}`, "1.2.250.1.213.1.4.11");
    expect(parseInsDatamatrix(demo)).toEqual({ ok: true, traits: { ...EXPECTED, oid: "1.2.250.1.213.1.4.11" } });
  });

  it("finds the fields again when the scanner dropped every separator", () => {
    expect(parseInsDatamatrix(FULL.replaceAll(GS, ""))).toEqual({ ok: true, traits: EXPECTED });
  });

  it("is not misled by a name that ends in S before a field whose separator was lost", () => {
    const result = parseInsDatamatrix(FULL.replaceAll(GS, "").replace("D'ARTOIS-LE GOFF", "DUBOIS"));
    expect(result.ok && result.traits.familyName).toBe("DUBOIS");
  });

  it("takes separators that a scanner writes out, and a line end", () => {
    expect(parseInsDatamatrix(`${FULL.replaceAll(GS, "<GS>")}\r\n`)).toEqual({ ok: true, traits: EXPECTED });
  });

  it("takes the fields in another order", () => {
    const turned = `${HEADER}S4NESSI${GS}S1279035121518989S6${"01-02-1979"}S5MS3PAUL${GS}S21.2.250.1.213.1.4.8`;
    const result = parseInsDatamatrix(turned);
    expect(result.ok && result.traits).toMatchObject({ familyName: "NESSI", ins: "279035121518989", sex: "male", birthPlace: "" });
  });

  it("leaves a birth date that is not written as a day empty, for the form to ask", () => {
    const result = parseInsDatamatrix(FULL.replace("14-07-1977", "00/00/1977"));
    expect(result.ok && result.traits.birthDate).toBe("");
  });

  it("says that a code is cut wherever it was cut before its place of birth", () => {
    for (let length = 4; length < FULL.indexOf("S614"); length += 1) {
      expect(parseInsDatamatrix(FULL.slice(0, length)), String(length)).toEqual({ ok: false, code: "scan.cut" });
    }
  });

  it("says that another code is another code", () => {
    for (const text of ["3400936267374", "DC04FR000001", "", "https://example.org"]) {
      expect(parseInsDatamatrix(text)).toEqual({ ok: false, code: "scan.other_code" });
    }
  });

  it("refuses a field twice and a field that does not exist", () => {
    expect(parseInsDatamatrix(`${FULL}S4OTHER`)).toEqual({ ok: false, code: "scan.cut" });
    expect(parseInsDatamatrix(FULL.replace("S763220", "S963220"))).toEqual({ ok: false, code: "scan.cut" });
  });
});

/** A scanner: one key each `gap` ms, in the layout of the PC. */
function* typed(text: string, from = 1000, gap = 8): Generator<TypedKey> {
  let at = from;
  for (const key of text) {
    yield { key: key === GS ? "]" : key, code: key === GS ? "BracketRight" : "", shift: false, control: key === GS, at };
    at += gap;
  }
}

const enter = (at: number): TypedKey => ({ key: "Enter", code: "Enter", shift: false, control: false, at });

/** Unshifted digits of the French layout, by the key's place. */
const AZERTY: Readonly<Record<string, string>> = {
  "0": "à", "1": "&", "2": "é", "3": '"', "4": "'", "5": "(", "6": "-", "7": "è", "8": "_", "9": "ç", ".": ":", "-": ")", "'": "ù",
};

describe("ScanListener", () => {
  it("hears a scan that ends with Enter and keeps Enter from the focused button", () => {
    const listener = new ScanListener();
    let at = 0;
    for (const key of typed(FULL)) {
      at = key.at;
      expect(listener.key(key).result).toBeNull();
    }
    expect(listener.key(enter(at + 8))).toEqual({ swallow: true, result: { ok: true, traits: EXPECTED } });
  });

  it("hears a scan that ends in silence", () => {
    const listener = new ScanListener();
    for (const key of typed(FULL)) listener.key(key);
    expect(listener.silence()).toEqual({ ok: true, traits: EXPECTED });
  });

  it("hears a scanner that types as a US keyboard on a French PC", () => {
    const listener = new ScanListener();
    let at = 0;
    for (const [i, character] of [...FULL].entries()) {
      at = 1000 + 8 * i;
      const letter = /[A-Z]/.test(character);
      const code = letter ? `Key${character}` : /\d/.test(character) ? `Digit${character}` : ({ ".": "Period", "-": "Minus", " ": "Space", "'": "Quote", [GS]: "BracketRight" }[character] ?? "");
      const key = letter ? ({ A: "Q", Q: "A", Z: "W", W: "Z", M: "?" }[character] ?? character) : (AZERTY[character] ?? character);
      listener.key({ key, code, shift: letter, control: character === GS, at });
    }
    expect(listener.key(enter(at + 8)).result).toEqual({ ok: true, traits: EXPECTED });
  });

  it("leaves a person's typing alone, however it ends", () => {
    const listener = new ScanListener();
    let at = 1000;
    for (const key of typed("BERTRAND", at, 140)) {
      at = key.at;
      expect(listener.key(key)).toEqual({ swallow: false, result: null });
    }
    expect(listener.key(enter(at + 140))).toEqual({ swallow: false, result: null });
    expect(listener.silence()).toBeNull();
  });

  it("forgets what was typed slowly before a scan", () => {
    const listener = new ScanListener();
    for (const key of typed("DUR", 0, 200)) listener.key(key);
    for (const key of typed(FULL, 2000)) listener.key(key);
    expect(listener.silence()).toEqual({ ok: true, traits: EXPECTED });
  });

  it("says of a medicine's code that it is another code", () => {
    const listener = new ScanListener();
    for (const key of typed("3400936267374")) listener.key(key);
    expect(listener.key(enter(1000 + 13 * 8)).result).toEqual({ ok: false, code: "scan.other_code" });
  });
});
