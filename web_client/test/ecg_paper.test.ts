import { describe, expect, test } from "vitest";
import { cellY, groupsOf, layout, marginPx, pageSeconds, twelveOf, unbroken } from "../src/state/ecg_layout";
import { leadName, measured, PX_PER_MM, sweepSeconds, sweepX, toMillivolts, TWELVE, type Paper } from "../src/state/ecg_paper";
import type { Lead } from "../src/state/leads";

const paper: Paper = { speed: 25, gain: 10, width: 259 * PX_PER_MM, height: 120 * PX_PER_MM, pxPerMm: PX_PER_MM };
const lead = (code: number, column: number, unit = "uV"): Lead => ({ code, column, samples: 1, unit, scale: 1, rate: 500 });
const twelve = TWELVE.map(([code], column) => lead(code, column));

describe("millimetre paper", () => {
  test("a CSS millimetre is 96/25.4 pixels; a second is 25 mm and a millivolt 10 mm", () => {
    expect(PX_PER_MM).toBeCloseTo(3.7795, 4);
    expect(sweepX(paper, 1) / PX_PER_MM).toBeCloseTo(25);
    const [cell] = layout(paper, [lead(131330, 0)], "rows");
    if (cell === undefined) throw new Error("no cell");
    expect((cellY(paper, cell, 0) - cellY(paper, cell, 1)) / PX_PER_MM).toBeCloseTo(10);
    expect(cellY(paper, cell, 0) / PX_PER_MM).toBeCloseTo(60);
  });

  test("a screen that was calibrated has its own millimetre", () => {
    const fine: Paper = { ...paper, pxPerMm: 5 };
    expect(sweepX(fine, 1)).toBeCloseTo(125);
    expect(measured(fine, 125, 50)).toEqual({ ms: 1000, mv: 1 });
  });

  test("50 mm/s halves the sweep, and the sweep begins anew at the left edge of its strip", () => {
    expect(sweepSeconds(paper, 250 * PX_PER_MM)).toBeCloseTo(10);
    expect(sweepSeconds({ ...paper, speed: 50 }, 250 * PX_PER_MM)).toBeCloseTo(5);
    expect(sweepX(paper, 3, 62.5 * PX_PER_MM)).toBeCloseTo(sweepX(paper, 0.5, 62.5 * PX_PER_MM));
  });

  test("only units of voltage stand on this paper", () => {
    expect([toMillivolts("mV"), toMillivolts("uV"), toMillivolts("V"), toMillivolts("kPa")]).toEqual([1, 0.001, 1000, null]);
  });

  test("leads have their clinical names by either of their codes, others a number", () => {
    expect([leadName(131330, 0), leadName(131389, 2), leadName(131336 - 256, 0), leadName(1, 4)]).toEqual(["II", "III", "V6", "5"]);
  });
});

describe("3x4+1", () => {
  test("four columns of 2.5 s with three leads each, and lead II below over all ten seconds", () => {
    const cells = layout(paper, twelve, "page");
    expect(cells.map((cell) => cell.name)).toEqual([...TWELVE.map(([, name]) => name), "II"]);
    expect(cells.slice(0, 12).map((cell) => cell.offset)).toEqual([0, 0, 0, 2.5, 2.5, 2.5, 5, 5, 5, 7.5, 7.5, 7.5]);
    const rhythm = cells[12];
    expect(rhythm?.width).toBeCloseTo(250 * PX_PER_MM);
    expect(rhythm?.y).toBeCloseTo(90 * PX_PER_MM);
    expect(cells[0]?.x).toBeCloseTo(marginPx(paper));
    expect(pageSeconds(paper, cells)).toBeCloseTo(10);
  });

  test("the order of the stream does not matter, only its codes do", () => {
    const mixed = [...twelve].reverse().map((each, column) => ({ ...each, column }));
    const cells = layout(paper, mixed, "page");
    expect(cells[0]).toMatchObject({ name: "I", lead: 11 });
    expect(cells[12]).toMatchObject({ name: "II", lead: 10 });
  });

  test("paper too narrow for ten seconds shows less of each lead, never a smaller scale", () => {
    const narrow: Paper = { ...paper, width: 134 * PX_PER_MM };
    expect(pageSeconds(narrow, layout(narrow, twelve, "page"))).toBeCloseTo(5);
  });

  test("eleven leads are no page: they stand one above the other", () => {
    const eleven = twelve.slice(0, 11);
    expect(twelveOf(eleven)).toBeNull();
    expect(layout(paper, eleven, "page")).toHaveLength(11);
  });

  test("one lead alone has the whole paper, and a lead that is no voltage has none", () => {
    const cells = layout(paper, [lead(131330, 0), lead(1, 1, "Ohm"), lead(131329, 2)], 2);
    expect(cells.map((cell) => [cell.name, cell.height])).toEqual([["I", paper.height]]);
    expect(layout(paper, [lead(1, 0, "Ohm")], "rows")).toEqual([]);
  });

  test("a column sweeps as one, and the rhythm by itself", () => {
    const groups = groupsOf(layout(paper, twelve, "page"));
    expect(groups.map((group) => group.cells.length)).toEqual([3, 3, 3, 3, 1]);
    expect(groupsOf(layout(paper, twelve, "rows")).map((group) => group.height)).toEqual([paper.height]);
  });
});

describe("a sweep", () => {
  test("that passes the right edge is drawn in two pieces", () => {
    expect(unbroken(2.25, 2.75, 2.5)).toEqual([[2.25, 2.5], [2.5, 2.75]]);
    expect(unbroken(0, 1, 2.5)).toEqual([[0, 1]]);
  });

  test("never draws more than it shows, nor backwards", () => {
    expect(unbroken(0, 100, 2.5).reduce((sum, [a, b]) => sum + b - a, 0)).toBeCloseTo(2.5);
    expect([unbroken(3, 3, 2.5), unbroken(3, 2, 2.5), unbroken(0, 1, 0)]).toEqual([[], [], []]);
  });
});
