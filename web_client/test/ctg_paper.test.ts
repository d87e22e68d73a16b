import { describe, expect, test } from "vitest";
import type { Lead } from "../src/state/leads";
import { bandY, ctgFrom, ctgPaper, ctgRole, ctgSeconds, ctgX, LABELS_PX, newestOf } from "../src/state/ctg_paper";

const size = { width: LABELS_PX + 400, height: 700, pxPerMm: 4 };

describe("the cardiotocogram's paper", () => {
  test("1 cm a minute across and 20 a minute each centimetre up, true to the millimetre", () => {
    const paper = ctgPaper(size, 1);
    expect(paper.share).toBe(1);
    expect(ctgX(paper, 60, 0) - ctgX(paper, 0, 0)).toBe(40);
    expect(bandY(paper.fhr, 120) - bandY(paper.fhr, 140)).toBeCloseTo(40);
    expect(bandY(paper.toco, 0) - bandY(paper.toco, 25)).toBeCloseTo(40);
    expect(ctgSeconds(paper)).toBe(600);
  });

  test("2 and 3 cm a minute show less, not larger", () => {
    expect(ctgSeconds(ctgPaper(size, 2))).toBe(300);
    expect(ctgSeconds(ctgPaper(size, 3))).toBe(200);
    expect(ctgPaper(size, 3).fhr).toEqual(ctgPaper(size, 1).fhr);
  });

  test("a box that is too low shrinks the height, says by how much, and keeps the minutes true", () => {
    const paper = ctgPaper({ ...size, height: 14 + 306 }, 1);
    expect(paper.share).toBeCloseTo(0.5);
    expect(paper.pxPerMinute).toBe(40);
    expect(paper.toco.top + paper.toco.height).toBeLessThanOrEqual(320);
  });

  test("a value beyond the scale stands at its edge", () => {
    const { fhr } = ctgPaper(size, 1);
    expect([bandY(fhr, 260), bandY(fhr, 20)]).toEqual([fhr.top, fhr.top + fhr.height]);
  });

  test("heart rates and contractions are told by code, else by unit", () => {
    const lead = (code: number, unit: string): Lead => ({ code, unit, column: 0, samples: 4, scale: 1, rate: 4 });
    expect([lead(192715, ""), lead(67108866, ""), lead(192724, "/min"), lead(1, "/min"), lead(1, "mm[Hg]"), lead(1, "uV")].map(ctgRole))
      .toEqual(["fhr", "fhr", "toco", "fhr", "toco", "other"]);
  });

  test("the newest value is that before a lifted pen, and none where nothing came", () => {
    expect([newestOf([140, 141, NaN]), newestOf([NaN]), newestOf([])]).toEqual([141, null, null]);
  });

  test("paper runs with the newest at its right, or stands where the doctor scrolled", () => {
    expect([ctgFrom(100, 600, null), ctgFrom(1000, 600, null), ctgFrom(1000, 600, 120), ctgFrom(500, 600, 120)]).toEqual([0, 400, 120, 0]);
  });
});
