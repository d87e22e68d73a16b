import { describe, expect, it } from "vitest";
import type { Quantity, Reading } from "../src/protocol/types";
import { shortValue, shownQuantities } from "../src/state/kiosk_reading";

const quantity = (loinc: string, mdc: number, value: string, unit: string): Quantity => ({ loinc, mdc, unit, value, absent: null });

const weighed: Reading = {
  reading_id: "r", kind: "body_composition", device: { device_id: "d", kind: "scale", maker: "", model: "", serial: "", firmware: "", simulated: true },
  received_at: "2026-11-22T02:00:00Z", taken_at: "2026-11-22T02:00:00Z", device_time: "", clock_offset_s: null, user: null, record: null,
  context: [], flags: [], recording: "", error: null, raw: "",
  quantities: [quantity("41982-0", 188748, "27.3", "%"), quantity("29463-7", 188736, "71.350", "kg")],
};

describe("a scale at the bedside", () => {
  it("gives the weight first, and the fat with its name", () => {
    expect(shownQuantities(weighed).map((each) => each.measure)).toEqual(["weight", "fat"]);
    expect(shortValue(weighed)).toBe("71.350\u00a0kg");
  });

  it("gives the fat when it found no weight", () => {
    expect(shortValue({ ...weighed, quantities: weighed.quantities.slice(0, 1) })).toBe("27.3\u00a0%");
  });
});
