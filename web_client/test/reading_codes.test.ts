import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { known } from "../src/i18n/doctor_codes";
import type { Reading } from "../src/protocol/types";
import { fulfilled, heardStethoscope, isCamera, shownCamera, usable } from "../src/state/examination";
import { isRefused, saidFlags } from "../src/state/vitals";
import type { Instrument, MediaState, Situation } from "../src/protocol/types";

const PERIPHERALS = fileURLToPath(new URL("../../gateway/peripherals/", import.meta.url));

const python = (folder: string, of: (name: string) => boolean = () => true): string =>
  readdirSync(`${PERIPHERALS}${folder}`, { encoding: "utf8" })
    .filter((name) => name.endsWith(".py") && of(name))
    .map((name) => readFileSync(`${PERIPHERALS}${folder}/${name}`, "utf8"))
    .join("\n");

const all = (text: string, pattern: RegExp): string[] => [...new Set([...text.matchAll(pattern)].map((match) => match[1] ?? ""))];
const flagsOf = (flags: string[]) => saidFlags({ flags } as unknown as Reading);

describe("codes of readings", () => {
  const meanings = python("meanings");
  const profiles = python("profiles");

  test("every status bit that a profile names is said in words, or is of no meaning beside a value", () => {
    const measuring = python("profiles", (name) => !/^(current_time|device_information)/.test(name));
    const bits = all(measuring, /0x[0-9A-F]+: "([a-z_]+)"/g);
    expect(bits.length).toBeGreaterThan(40);
    const { doubts, sound } = flagsOf(bits);
    expect([...doubts, ...sound].filter((flag) => !known(flag))).toEqual([]);
  });

  test("every flag that we raise has words", () => {
    const flags = [...all(meanings, /flags\.append\("([a-z_]+)"\)/g), ...all(meanings, /flags=\("([a-z_]+)",\)/g), ...all(meanings, /flags, "([a-z_]+)"\]/g)];
    expect(flags.length).toBeGreaterThan(5);
    expect(flags.filter((flag) => !known(flag))).toEqual([]);
  });

  test("every reason why bytes are nobody's result has words, and is told from damaged bytes", () => {
    const reasons = [...all(meanings, /refused=(?:refused or )?"([a-z_.]+)"/g), ...all(meanings, /"((?:glucose|oximetry)\.[a-z_]+)"/g)];
    expect(reasons.length).toBeGreaterThan(8);
    expect(reasons.filter((reason) => !known(reason) || !isRefused(reason))).toEqual([]);
    const damaged = all(profiles, /DecodeError\("([a-z_]+\.[a-z_]+)"/g);
    expect(damaged.length).toBeGreaterThan(10);
    expect(damaged.filter((code) => isRefused(code) && !known(code))).toEqual([]);
    expect(isRefused("glucose.short")).toBe(false);
  });

  test("every circumstance of a thermometer or a glucose meter has words", () => {
    const table = (name: string, prefix: string) =>
      all((new RegExp(`^${name} = \\{([^}]*)\\}`, "m").exec(profiles)?.[1] ?? ""), /"([a-z_]+)"/g).map((value) => `${prefix}_${value}`);
    const circumstances = [
      ...table("SITES", "site"), ...table("SAMPLES", "sample"), ...table("LOCATIONS", "location"), ...table("MEALS", "meal"),
      ...table("CARBOHYDRATES", "carbohydrate"), ...table("TESTERS", "tester"), ...table("HEALTH", "health"), ...table("MEDICATIONS", "medication"),
    ];
    expect(circumstances.length).toBeGreaterThan(40);
    expect(circumstances.filter((code) => !known(code))).toEqual([]);
  });

  test("what a device vouches for is no doubt, and what the time line says is not said twice", () => {
    expect(flagsOf(["smart_point", "weak_signal", "time_unknown", "encrypted"])).toEqual({ doubts: ["weak_signal"], sound: ["smart_point"] });
  });
});

describe("cameras and stethoscope", () => {
  const instrument = (instrument_id: string, kind: Instrument["kind"], state: Instrument["state"] = "ready"): Instrument => ({
    number: 1, instrument_id, kind, name: "", state, problem: null, simulated: true, battery: null, live: [], request: null, device_id: "", streams: false,
  });
  const media: MediaState = {
    camera: true, microphone: true, camera_code: null, microphone_code: null, shown: "ear", beside: false, stethoscope: null, stethoscope_code: null,
  };
  const situation = { instruments: [instrument("ear", "otoscope"), instrument("steth", "stethoscope")], media } as unknown as Situation;

  test("the picture is of the camera the vehicle names, not of the one that was asked for", () => {
    expect(shownCamera(situation)?.instrument_id).toBe("ear");
    expect([heardStethoscope(situation), shownCamera(null)]).toEqual([null, null]);
    expect([fulfilled("ear", media, "camera"), fulfilled("skin", media, "camera"), fulfilled(null, media, "stethoscope")]).toEqual([true, false, true]);
  });

  test("only what gives a picture can be looked through, and not while it is absent", () => {
    expect([isCamera(instrument("u", "ultrasound")), isCamera(instrument("b", "blood_pressure"))]).toEqual([true, false]);
    expect([usable(instrument("u", "ultrasound", "failed")), usable(instrument("u", "ultrasound", "asleep"))]).toEqual([false, true]);
  });
});
