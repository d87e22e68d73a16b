import { describe, expect, test } from "vitest";
import { codeWords, flagWords, known } from "../src/i18n/doctor_codes";
import { absentWords, offsetWords, unitWords } from "../src/i18n/doctor_measures";
import { language } from "../src/i18n/core";
import type { Quantity, Reading, ReadingKind } from "../src/protocol/types";
import type { ReadingView } from "../src/state/doctor_record";
import { plotsOf, placed, scaleOf } from "../src/state/trend";
import { isRefused, kindViews, liveViews, measureOf, partsOf, timeOf } from "../src/state/vitals";

const quantity = (loinc: string, mdc: number, unit: string, value: string | null): Quantity => ({
  loinc, mdc, unit, value, absent: value === null ? "not-a-number" : null,
});
const pressure = (systolic: string | null, diastolic: string | null): Quantity[] => [
  quantity("8462-4", 150022, "mm[Hg]", diastolic),
  quantity("8480-6", 150021, "mm[Hg]", systolic),
  quantity("8867-4", 149546, "/min", "70"),
];

let made = 0;
function view(kind: ReadingKind, minute: number | null, quantities: Quantity[], flags: string[] = []): ReadingView {
  made += 1;
  const at = `2026-06-01T12:${String(minute ?? 0).padStart(2, "0")}:00Z`;
  const reading: Reading = {
    reading_id: `r-${made}`, kind, received_at: "2026-06-01T12:30:00Z", taken_at: minute === null ? null : at,
    device: { device_id: "d", kind: "blood_pressure", maker: "", model: "", serial: "", firmware: "", simulated: true },
    quantities, device_time: "", clock_offset_s: null, user: null, record: null, context: [], recording: "", flags,
    error: null, raw: "",
  };
  return { reading, cameAt: 0 };
}

describe("the panel of measures", () => {
  test("large numbers stand in the order of the clinic, whatever the order of the instrument", () => {
    const { main, others } = partsOf(view("blood_pressure", 1, pressure("138", "84")).reading);
    expect(main.map((each) => each.value)).toEqual(["138", "84"]);
    expect(others.map(measureOf)).toEqual(["pulse"]);
  });

  test("kinds keep their places, the newest of each in front", () => {
    const kinds = kindViews([
      view("temperature", 5, []), view("blood_pressure", 1, []), view("blood_pressure", 9, []), view("blood_pressure", 4, []),
    ]);
    expect(kinds.map((each) => each.kind)).toEqual(["blood_pressure", "temperature"]);
    expect(kinds[0]?.newest.reading.taken_at).toContain("12:09");
    expect(kinds[0]?.earlier.map((each) => each.reading.taken_at?.slice(14, 16))).toEqual(["04", "01"]);
  });

  test("an old record that arrives later never stands before the measurement of now", () => {
    const [kind] = kindViews([
      view("weight", 1, []), view("weight", 50, [], ["older_than_encounter"]), view("weight", null, [], ["time_unknown"]),
    ]);
    expect(kind?.newest.reading.taken_at).toContain("12:01");
    expect(kind?.earlier.map((each) => timeOf(each.reading))).toEqual(["unknown", "old"]);
  });

  test("of two that came at the same moment the later one stands in front", () => {
    const [first, second] = [view("glucose", 3, []), view("glucose", 3, [])];
    expect(kindViews([first, second])[0]?.newest).toBe(second);
  });

  test("quantities are named by LOINC, and by MDC where there is no LOINC", () => {
    expect(measureOf(quantity("", 150300, "mm[Hg]", "140"))).toBe("cuff_pressure");
    expect(measureOf(quantity("8310-5", 188428, "Cel", "37"))).toBe("temperature");
    expect(measureOf(quantity("", 7, "x", "1"))).toBeNull();
  });

  test("what runs live is of the instrument, never a reading", () => {
    const base = { number: 1, instrument_id: "cuff", kind: "blood_pressure", name: "T", state: "measuring", problem: null, simulated: true, battery: null, device_id: "", streams: false, request: null } as const;
    expect(liveViews([{ ...base, live: [] }])).toEqual([]);
    expect(liveViews([{ ...base, live: [quantity("", 150300, "mm[Hg]", "140")] }])).toHaveLength(1);
  });

  test("control solution is refused, damaged bytes are unreadable", () => {
    expect([isRefused("glucose.control_solution"), isRefused("measurement.intermediate"), isRefused("frame.length"), isRefused(null)])
      .toEqual([true, true, false, false]);
  });
});

describe("words of readings", () => {
  test("no number is said in words, in both languages", () => {
    expect(absentWords("not-a-number")).toBe("pas de valeur");
    language.value = "en";
    expect(absentWords("positive-infinity")).toBe("above the scale");
    language.value = "fr";
  });

  test("units are those of the clinic; an unknown one stands as it came", () => {
    expect(["mm[Hg]", "Cel", "kg/m2", "mmol/L"].map(unitWords)).toEqual(["mmHg", "°C", "kg/m²", "mmol/L"]);
  });

  test("a flag without words is the instrument's own, never an error of ours", () => {
    expect(known("poor_signal_detected")).toBe(true);
    expect(flagWords("vendor_bit_7")).toBe("indication de l'appareil (vendor_bit_7)");
    expect(codeWords("site_ear")).toBe("oreille");
  });

  test("a clock that is wrong is wrong by minutes, hours or days", () => {
    expect([180, -7300, 400_000].map(offsetWords)).toEqual(["3 min", "2 h", "5 j"]);
  });
});

describe("the trend", () => {
  const readings = [
    view("blood_pressure", 0, pressure("150", "90")),
    view("blood_pressure", 10, pressure("130", "80")),
    view("blood_pressure", 5, pressure("82", "79"), ["implausible"]),
    view("blood_pressure", 2, pressure("120", "70"), ["older_than_encounter"]),
    view("oximetry", 6, [quantity("2708-6", 150456, "%", "97"), quantity("8867-4", 149530, "/min", "81")]),
  ];

  test("pressure has one plot, pulses of all instruments another, and one saturation is no trend", () => {
    expect(plotsOf(readings).map((plot) => plot.name)).toEqual(["pressure", "pulse"]);
    expect(plotsOf(readings)[1]?.series[0]?.points.map((point) => point.text)).toEqual(["70", "70", "70", "81", "70"]);
  });

  test("an old measurement has no place on the time axis and stays in the table", () => {
    const points = plotsOf(readings)[0]?.series[0]?.points ?? [];
    expect(points.map((point) => [point.text, point.at !== null, point.implausible])).toEqual([
      ["120", false, false], ["150", true, false], ["82", true, true], ["130", true, false],
    ]);
  });

  test("all plots have one time axis, and values between round numbers", () => {
    const plots = plotsOf(readings);
    const scale = scaleOf(plots[0] as (typeof plots)[0], plots);
    expect([scale.least, scale.most]).toEqual([60, 160]);
    expect(scale.to - scale.from).toBe(600_000);
    const point = { at: scale.from + 300_000, value: 110, text: "110", implausible: false, readingId: "x" };
    expect(placed(point, scale, 100, 50)).toEqual({ x: 50, y: 25 });
    expect(placed({ ...point, at: null }, scale, 100, 50)).toBeNull();
  });

  test("a line that is flat stands in the middle of its plot", () => {
    const flat = plotsOf([view("temperature", 1, [quantity("8310-5", 150364, "Cel", "37.0")]), view("temperature", 4, [quantity("8310-5", 150364, "Cel", "37.0")])]);
    const scale = scaleOf(flat[0] as (typeof flat)[0], flat);
    expect(scale.least).toBeLessThan(37);
    expect(scale.most).toBeGreaterThan(37);
  });

  test("values without a number and values of another unit do not mix", () => {
    const plots = plotsOf([
      view("glucose", 1, [quantity("2339-0", 160188, "mg/dL", "104")]),
      view("glucose", 2, [quantity("15074-8", 160188, "mmol/L", "5.8")]),
      view("glucose", 3, [quantity("2339-0", 160188, "mg/dL", null)]),
    ]);
    expect(plots).toEqual([]);
  });
});
