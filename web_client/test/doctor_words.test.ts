import { readdirSync, readFileSync } from "node:fs";
import { afterEach, describe, expect, test } from "vitest";
import { age, duration, years } from "../src/i18n/format";
import { catalogue, fill, language } from "../src/i18n/core";
import { codeWords, known } from "../src/i18n/doctor_codes";
import { deviceName } from "../src/doctor/device_name";

afterEach(() => {
  language.value = "fr";
});

describe("words", () => {
  test("a sentence takes its facts, and both languages have every key", () => {
    const say = catalogue({ hello: "Bonjour {name}" }, { hello: "Hello {name}" });
    expect(say("hello", { name: "Ana" })).toBe("Bonjour Ana");
    language.value = "en";
    expect(say("hello", { name: "Ana" })).toBe("Hello Ana");
    expect(fill("{a} and {b}", { a: 1 })).toBe("1 and ");
  });

  test("a code without words is still a sentence, in both languages", () => {
    expect(codeWords("never.heard")).toMatch(/^Cela .*never\.heard.*support/);
    language.value = "en";
    expect(codeWords("never.heard")).toMatch(/^This .*never\.heard.*support/);
  });

  test("every refusal that the page's own state makes has words", () => {
    const folder = new URL("../src/state/", import.meta.url);
    const said = new Set<string>();
    for (const name of readdirSync(folder).filter((file) => /^(doctor_|binding|signed_)/.test(file))) {
      const text = readFileSync(new URL(name, folder), "utf8");
      for (const match of text.matchAll(/(?:IdentityRefused|BindingRefused|SigningRefused|ApiRefused)\("([\w.]+)"/g)) {
        said.add(match[1] ?? "");
      }
    }
    expect(said.size).toBeGreaterThan(10);
    expect([...said].filter((code) => !known(code))).toEqual([]);
  });

  test("ages and durations are said as people say them", () => {
    expect([0, 59, 61, 3661, 90_000].map((s) => age(0, s * 1000))).toEqual([
      "à l'instant", "il y a 59 s", "il y a 1 min", "il y a 1 h 01", "il y a 1 j",
    ]);
    expect(age(null, 0)).toBe("heure inconnue");
    expect([duration(5000), duration(65_000), duration(3_725_000)]).toEqual(["0:05", "1:05", "1:02:05"]);
    expect([years("2000-06-02", Date.parse("2026-06-01T12:00:00Z")), years("", 0)]).toEqual([25, null]);
  });

  test("an instrument that is tagged as simulated does not say so twice", () => {
    expect(deviceName("A&D Medical (simulé)", "UA-651BLE (simulé)")).toBe("A&D Medical UA-651BLE");
    expect(deviceName("", "")).toBe("");
  });
});
