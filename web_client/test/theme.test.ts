import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";

const css = readFileSync(new URL("../src/theme.css", import.meta.url), "utf8");

function tokens(selector: string): Map<string, string> {
  const block = css.slice(css.indexOf(`${selector} {`)).split("}", 1)[0] ?? "";
  return new Map([...block.matchAll(/(--[\w-]+): (#[0-9a-f]{6});/g)].map((each) => [each[1] ?? "", each[2] ?? ""]));
}
/** Relative luminance and contrast ratio (WCAG 2.2, definitions). */
function luminance(colour: string): number {
  const [r = 0, g = 0, b = 0] = [1, 3, 5].map((at) => {
    const value = parseInt(colour.slice(at, at + 2), 16) / 255;
    return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}
function contrast(one: string, other: string): number {
  const [high = 0, low = 0] = [luminance(one), luminance(other)].sort((a, b) => b - a);
  return (high + 0.05) / (low + 0.05);
}

const TEXT = [
  ["--ink", "--paper"], ["--ink", "--card"], ["--ink", "--sunk"],
  ["--soft", "--paper"], ["--soft", "--card"], ["--soft", "--sunk"],
  ["--blue", "--card"], ["--blue", "--paper"], ["--blue", "--blue-wash"], ["--on-blue", "--blue"], ["--on-blue", "--blue-deep"],
  ["--green", "--card"], ["--green", "--green-wash"], ["--amber", "--card"], ["--amber", "--amber-wash"],
  ["--red", "--card"], ["--red", "--red-wash"], ["--ink", "--green-wash"], ["--ink", "--amber-wash"], ["--ink", "--red-wash"],
  ["--ecg-trace", "--ecg-paper"],
] as const;
const OUTLINES = [["--edge", "--card"], ["--blue", "--sunk"], ["--red", "--paper"]] as const;

describe.each([
  ["day", ":root"],
  ["night", ':root[data-theme="night"]'],
])("%s theme", (_, selector) => {
  const colours = tokens(selector);
  const ratio = ([one, other]: readonly [string, string]) => contrast(colours.get(one) ?? "", colours.get(other) ?? "");

  test.each(TEXT)("text %s on %s has the contrast of WCAG 2.2 AA, 1.4.3", (...pair) => {
    expect(ratio(pair)).toBeGreaterThanOrEqual(4.5);
  });

  test.each(OUTLINES)("outline %s on %s has the contrast of WCAG 2.2 AA, 1.4.11", (...pair) => {
    expect(ratio(pair)).toBeGreaterThanOrEqual(3);
  });
});
