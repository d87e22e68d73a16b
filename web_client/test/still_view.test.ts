import { describe, expect, test } from "vitest";
import { language } from "../src/i18n/core";
import { siteWords } from "../src/i18n/doctor_stills";
import type { Still } from "../src/protocol/types";
import { phonoSwings } from "../src/state/phonocardiogram";
import { comparable, seriesOf } from "../src/state/still_series";
import { fitScale, lengthOf, sameScale, shifted, toImage, toScreen, WHOLE, zoomedAt, type StillFrame } from "../src/state/still_view";

const frame: StillFrame = { width: 2000, height: 1000, boxWidth: 1000, boxHeight: 800, extra: 1 };

describe("a still on the screen", () => {
  test("fits whole at first, its middle in the middle", () => {
    expect(fitScale(frame)).toBe(0.5);
    expect(toScreen(frame, WHOLE, { x: 1000, y: 500 })).toEqual({ x: 500, y: 400 });
    expect(toScreen(frame, WHOLE, { x: 0, y: 0 })).toEqual({ x: 0, y: 150 });
  });

  test("zooming keeps what stands under the pointer, and screen and picture are each other's inverse", () => {
    const at = { x: 700, y: 300 };
    const before = toImage(frame, WHOLE, at);
    const view = zoomedAt(frame, WHOLE, 3, at);
    const after = toImage(frame, view, at);
    expect(after.x).toBeCloseTo(before.x);
    expect(after.y).toBeCloseTo(before.y);
    expect(toScreen(frame, view, after).x).toBeCloseTo(at.x);
  });

  test("zoom ends at the whole picture and at four screen pixels for one", () => {
    expect(zoomedAt(frame, { zoom: 2, x: 30, y: 9 }, 0.1, { x: 0, y: 0 })).toEqual(WHOLE);
    expect(zoomedAt(frame, WHOLE, 1000, { x: 500, y: 400 }).zoom).toBe(8);
    expect(zoomedAt({ ...frame, width: 20_000, height: 10_000 }, WHOLE, 1000, { x: 500, y: 400 }).zoom).toBe(80);
  });

  test("no shift loses the picture", () => {
    const view = shifted(frame, { zoom: 2, x: 0, y: 0 }, 99_999, -99_999);
    expect(view).toEqual({ zoom: 2, x: 1000, y: -500 });
  });

  test("lengths are millimetres where a marker was seen, else pixels and no millimetres", () => {
    const length = { from: { x: 100, y: 100 }, to: { x: 400, y: 500 } };
    expect(lengthOf(length, "0.02")).toEqual({ px: 500, mm: 10 });
    expect(lengthOf(length, null)).toEqual({ px: 500, mm: null });
    expect(lengthOf(length, "0").mm).toBeNull();
  });

  test("two stills with markers get one scale, whatever their resolution", () => {
    const extra = sameScale({ fit: 0.5, pixelMm: "0.02" }, { fit: 1, pixelMm: "0.05" });
    expect(extra).toBeCloseTo(1.25);
    // 10 mm of each: 500 px at 0.5, 200 px at 1 enlarged by 1.25.
    expect(500 * 0.5).toBeCloseTo(200 * 1 * (extra ?? 0));
    expect(sameScale({ fit: 1, pixelMm: "0.02" }, { fit: 1, pixelMm: null })).toBeNull();
  });
});

const still = (id: string, like: string | null = null, kind: Still["device"]["kind"] = "skin_camera"): Still => ({
  still_id: id, like, taken_at: "2026-06-01T12:00:00Z", sha256: "0".repeat(64), size: 1, width: 1, height: 1, quality: "sharp",
  thumbnail: "", body_site: "", pixel_mm: null,
  device: { device_id: "d", kind, maker: "", model: "", serial: "", firmware: "", simulated: true },
});

describe("a series of stills", () => {
  const stills = [still("a"), still("ear", null, "otoscope"), still("b", "a"), still("other"), still("c", "b")];
  const ids = (of: readonly Still[]) => of.map((each) => each.still_id);

  test("is everything framed like the first one, however long the chain", () => {
    expect(ids(seriesOf(stills[4] as Still, stills))).toEqual(["a", "b", "c"]);
    expect(ids(seriesOf(stills[3] as Still, stills))).toEqual(["other"]);
  });

  test("comes first among what a still is compared with, then the same camera", () => {
    expect(ids(comparable(stills[2] as Still, stills))).toEqual(["a", "c", "other", "ear"]);
  });

  test("a circle or a still that never came does not hang the page", () => {
    const round = [still("x", "y"), still("y", "x"), still("z", "gone")];
    expect(ids(seriesOf(round[2] as Still, round))).toEqual(["z"]);
    expect(seriesOf(round[0] as Still, round).length).toBeGreaterThan(0);
  });
});

describe("words of a place on the body", () => {
  test("are those of the clinic in both languages; a foreign concept shows its code", () => {
    expect([siteWords("14975008"), siteWords(""), siteWords("123")]).toEqual(["Avant-bras", "endroit non précisé", "endroit (code 123)"]);
    language.value = "en";
    expect([siteWords("14975008"), siteWords("74160004")]).toEqual(["Forearm", "Chest"]);
    language.value = "fr";
  });
});

describe("the phonocardiogram", () => {
  test("shows what the sound swings between in each column, scaled to the loudest", () => {
    const swings = phonoSwings(Float32Array.from([0.1, -0.2, 0, 0.05]), 2);
    expect(swings.map(([low, high]) => [low.toFixed(2), high.toFixed(2)])).toEqual([["-0.90", "0.45"], ["0.00", "0.23"]]);
  });

  test("silence and faint noise stay a thin line", () => {
    expect(phonoSwings(new Float32Array(8), 2)).toEqual([[0, 0], [0, 0]]);
    expect(Math.max(...phonoSwings(new Float32Array(8).fill(0.0001), 2).map(([, high]) => high))).toBeLessThan(0.01);
  });
});
