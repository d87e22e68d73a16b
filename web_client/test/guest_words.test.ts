import { readdirSync, readFileSync } from "node:fs";
import { afterEach, describe, expect, test } from "vitest";
import { language, preferred } from "../src/i18n/core";
import { guestWords, known } from "../src/i18n/guest_codes";

afterEach(() => {
  language.value = "fr";
});

const read = (path: string) => readFileSync(new URL(path, import.meta.url), "utf8");

describe("a guest's words", () => {
  test("every code that the page's own state makes has words", () => {
    const folder = new URL("../src/state/", import.meta.url);
    const said = new Set<string>();
    for (const name of readdirSync(folder).filter((file) => file.startsWith("guest_") && file !== "guest_hosting.ts")) {
      for (const match of readFileSync(new URL(name, folder), "utf8").matchAll(
        /(?:#over|#back|NotLetIn|GuestBindingRefused)\("([a-z_.]+)"/g,
      )) said.add(match[1] ?? "");
    }
    for (const fault of ["device.refused", "device.missing", "device.busy", "device.failed"]) said.add(fault);
    expect(said.size).toBeGreaterThan(8);
    expect([...said].filter((code) => !known(code))).toEqual([]);
  });

  test("every code with which the relay turns a guest away has words", () => {
    const said = new Set<string>();
    for (const file of ["guest_book.py", "guest_exchange.py", "http.py"]) {
      for (const match of read(`../../relay/signalling/${file}`).matchAll(/"(guest\.[a-z_]+)"/g)) said.add(match[1] ?? "");
    }
    // What the audit's lines are called, and what only a doctor is told.
    for (const other of ["guest.invited", "guest.entered", "guest.refused", "guest.binding_refused", "guest.too_many",
      "guest.rejoin_failed", "guest.leave_failed"]) said.delete(other);
    expect([...said].filter((code) => !known(code))).toEqual([]);
  });

  test("a code without words is still a sentence, and a broken binding is never played down", () => {
    expect(guestWords("never.heard")).toMatch(/^Cela .*never\.heard/);
    expect(guestWords("fingerprint.mismatch")).toBe(guestWords("binding.mac"));
    language.value = "en";
    expect(guestWords("never.heard")).toMatch(/^This .*never\.heard/);
  });

  test("the page speaks the first of its languages that the browser asks for", () => {
    for (const [asked, spoken] of [
      [["en-GB", "fr"], "en"], [["fr-CA", "en"], "fr"], [["tr-TR", "en-US", "fr"], "en"], [["tr-TR"], "fr"], [[], "fr"],
    ] as const) {
      preferred(asked);
      expect(language.value).toBe(spoken);
    }
  });
});
