import { describe, expect, test } from "vitest";
import { leadName, measured, PX_PER_MM, strip, sweepSeconds, sweepX, toMillivolts, type Paper } from "../src/state/ecg_paper";

const paper: Paper = { speed: 25, gain: 10, width: 250 * PX_PER_MM, height: 60 * PX_PER_MM };

describe("millimetre paper", () => {
  test("a CSS millimetre is 96/25.4 pixels; a second is 25 mm and a millivolt 10 mm", () => {
    expect(PX_PER_MM).toBeCloseTo(3.7795, 4);
    expect(sweepX(paper, 1) / PX_PER_MM).toBeCloseTo(25);
    expect((strip(paper, 0, 1, 0) - strip(paper, 0, 1, 1)) / PX_PER_MM).toBeCloseTo(10);
  });

  test("50 mm/s halves the sweep, 20 mm/mV doubles the height", () => {
    expect(sweepSeconds(paper)).toBeCloseTo(10);
    expect(sweepSeconds({ ...paper, speed: 50 })).toBeCloseTo(5);
    const high: Paper = { ...paper, gain: 20 };
    expect((strip(high, 0, 1, 0) - strip(high, 0, 1, 1)) / PX_PER_MM).toBeCloseTo(20);
  });

  test("the sweep begins anew at the left edge", () => {
    expect(sweepX(paper, 12)).toBeCloseTo(sweepX(paper, 2));
    expect(sweepX(paper, 9.999)).toBeGreaterThan(sweepX(paper, 9));
  });

  test("each lead has the middle of its own strip as zero", () => {
    expect(strip(paper, 0, 3, 0) / PX_PER_MM).toBeCloseTo(10);
    expect(strip(paper, 2, 3, 0) / PX_PER_MM).toBeCloseTo(50);
  });

  test("calipers over five big squares read one second, over one half a millivolt", () => {
    const { ms, mv } = measured(paper, -25 * PX_PER_MM, 5 * PX_PER_MM);
    expect(ms).toBeCloseTo(1000);
    expect(mv).toBeCloseTo(0.5);
  });

  test("only units of voltage stand on this paper", () => {
    expect([toMillivolts("mV"), toMillivolts("uV"), toMillivolts("V"), toMillivolts("kPa")]).toEqual([1, 0.001, 1000, null]);
  });

  test("leads have their clinical names, others a number", () => {
    expect([leadName(131330, 0), leadName(131389, 2), leadName(1, 4)]).toEqual(["II", "III", "5"]);
  });
});
