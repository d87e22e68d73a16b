import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { afterEach, describe, expect, it } from "vitest";
import { language } from "../src/i18n/core";
import { say } from "../src/i18n/kiosk";
import { FAMILIES, UNKNOWN, WORDS } from "../src/i18n/kiosk_code_words";
import { codeWords, hasWords } from "../src/i18n/kiosk_codes";
import { DECODERS } from "../src/i18n/kiosk_instrument_words";
import { contextWords } from "../src/i18n/kiosk_reading";
import { unbroken } from "../src/i18n/kiosk_typography";

const REPOSITORY = fileURLToPath(new URL("../../", import.meta.url));

/** How the gateway says no to the nurse, or says that something is wrong. */
const SAID = [
  /\b(?:Refused|KioskRefused|BindingRefused|InstrumentFailed|UnknownInstrument|DecodeError)\(\s*"([a-z0-9_.]+)"/g,
  /wrong\.append\(\("([a-z0-9_.]+)"/g,
  /= "(tray\.[a-z_]+)"/g,
  /\bcode="([a-z0-9_]+\.[a-z0-9_.]+)"/g,
];

/** Any code of these parts that stands in the gateway, however it is said: instruments' faults reach the nurse. */
const OF_INSTRUMENTS = /"((?:radio|instrument|cuff|ecg|ctg|camera|stethoscope|microphone|pairing|tray|omron|glucose|oximetry|temperature|weight|body_composition|blood_pressure|measurement)\.[a-z0-9_]+)"/g;

/** Events of the journal, which look like codes and are said to nobody. */
const JOURNAL = /^(pairing\.paired|radio\.(found|recovered|recovery|control|step_taken|uninvited_bond)|(camera|microphone|stethoscope)\.present|microphone\.(unmuted|unsaved)|tray\.unknown)$/;

/** Said to the doctor's page, to the relay or to the journal, never on the touchscreen. */
const ELSEWHERE = /^(link|enrol|csr|channel|chunks|resume|ack|identity|system_id|feature|session)\.|^(kiosk\.(host|origin|no_page)|still\.(busy|offset|cut)|date_time\.(short|long))$/;

function pythonFiles(folder: string): string[] {
  return readdirSync(`${REPOSITORY}${folder}`, { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".py"))
    .map((name) => readFileSync(`${REPOSITORY}${folder}/${name}`, "utf8"));
}

function codesOf(folder: string): Set<string> {
  const codes = new Set<string>();
  for (const text of pythonFiles(folder)) {
    for (const pattern of SAID) for (const match of text.matchAll(pattern)) codes.add(match[1] ?? "");
  }
  return codes;
}

describe("the words of codes", () => {
  afterEach(() => {
    language.value = "fr";
  });

  it("stand for every code that the gateway can say to the nurse", () => {
    const codes = [...codesOf("gateway")].filter((code) => code.includes(".") && !ELSEWHERE.test(code));
    expect(codes.length).toBeGreaterThan(20);
    expect(codes.filter((code) => !hasWords(code) && !Object.hasOwn(DECODERS, code.split(".")[0] ?? "")).sort()).toEqual([]);
  });

  it("stand for every fault of an instrument, the radio, a camera or the stethoscope that the gateway knows", () => {
    const codes = new Set(pythonFiles("gateway").flatMap((text) => [...text.matchAll(OF_INSTRUMENTS)].map((match) => match[1] ?? "")));
    expect(codes.size).toBeGreaterThan(60);
    const decoded = (code: string) => Object.hasOwn(DECODERS, code.split(".")[0] ?? "");
    expect([...codes].filter((code) => !hasWords(code) && !decoded(code) && !JOURNAL.test(code)).sort()).toEqual([]);
  });

  it("stand for every doubt and every rung of the radio's recovery, whose codes are put together", () => {
    const text = readFileSync(`${REPOSITORY}gateway/peripherals/drivers/recovery.py`, "utf8");
    const members = (name: string) => [...(new RegExp(`class ${name}\\(enum.StrEnum\\):([\\s\\S]*?)\\nclass `).exec(text)?.[1] ?? "").matchAll(/^ {4}([a-z]+) = "/gm)].map((match) => match[1] ?? "");
    const [steps, doubts] = [members("Step"), members("Doubt")];
    expect([steps.length, doubts.length]).toEqual([3, 5]);
    expect([...steps.map((step) => `radio.step_${step}`), ...doubts.map((doubt) => `radio.${doubt}`)].filter((code) => !hasWords(code))).toEqual([]);
  });

  it("stand for every status bit that a decoder names, as a sentence and never as the code", () => {
    const tables = pythonFiles("gateway/peripherals/profiles").flatMap((text) => [...text.matchAll(/^[A-Z_]*STATUS = \{([\s\S]*?)\}/gm)]);
    const bits = new Set(tables.flatMap((table) => [...(table[1] ?? "").matchAll(/"([a-z_]+)"/g)].map((match) => match[1] ?? "")));
    expect(bits.size).toBeGreaterThan(20);
    const reassuring = /^REASSURING = frozenset\(\{([\s\S]*?)\}\)/m.exec(readFileSync(`${REPOSITORY}gateway/peripherals/measured.py`, "utf8"))?.[1] ?? "";
    expect(reassuring).toContain("smart_point");
    // What casts no doubt is left out of a reading's flags.
    expect([...bits].filter((bit) => !reassuring.includes(`"${bit}"`) && codeWords(bit).code !== null).sort()).toEqual([]);
  });

  it("say the circumstances of a reading, and nothing for one that has no words", () => {
    expect([contextWords("meal_fasting"), contextWords("site_ear"), contextWords("never_heard_of")]).toEqual(["à jeun", "oreille", null]);
  });

  it("stand for every flag of a reading that the wire's description names", () => {
    for (const flag of ["from_memory", "implausible", "time_unknown", "older_than_encounter", "body_movement", "cuff_too_loose",
      "irregular_pulse", "pulse_above_range", "pulse_below_range", "improper_position"]) {
      expect(hasWords(flag), flag).toBe(true);
    }
  });

  it("are whole in both languages: what happened, as a sentence", () => {
    for (const [code, words] of [...Object.entries(WORDS), ...Object.entries(FAMILIES)]) {
      for (const [what] of words) expect(what, code).toMatch(/^\p{Lu}.*[.]$/u);
      expect(words[0][0], code).not.toBe(words[1][0]);
    }
  });

  it("fall back to the family and show the code small", () => {
    const words = codeWords("camera.never_heard_of");
    expect(words.what).toBe("La caméra ne marche pas.");
    expect(words.code).toBe("camera.never_heard_of");
  });

  it("are a sensible sentence for a code that nobody knows", () => {
    language.value = "en";
    const words = codeWords("zebra.escaped");
    expect(words.what).toBe(UNKNOWN[1][0]);
    expect(words.todo).not.toBe("");
    expect(words.code).toBe("zebra.escaped");
  });

  it("are not taken from the object itself for a code like toString", () => {
    expect(codeWords("constructor").what).toBe(UNKNOWN[0][0]);
  });

  it("show no code beside words of their own", () => {
    expect(codeWords("pin.wrong").code).toBeNull();
  });

  it("keep a double sign on its line in French", () => {
    expect(unbroken("Ici : oui ?")).toBe("Ici\u00a0: oui\u00a0?");
    expect(say("sign_in_title")).toBe("Qui êtes-vous\u00a0?");
  });
});
