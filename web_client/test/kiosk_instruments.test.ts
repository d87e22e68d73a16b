import { describe, expect, it } from "vitest";
import type { Instrument, InstrumentKind, Still, TrayItem, Waveform } from "../src/protocol/types";
import {
  byRadio, CARDS_ONLY, inTray, isActive, lastReading, lowBattery, pairedHere, photosOf, pulses, railPlan, streamOf, tileWord, turned,
} from "../src/state/kiosk_instruments";
import { framedLike, regionOf, REGIONS, siteName, siteOf, sitesIn, sitesOf, widthInMillimetres } from "../src/state/kiosk_sites";
import { chosen, digitAdded, instrumentOf, nearness, passkeyRead } from "../src/state/kiosk_pairing";
import { encounter, instrument, reading, state } from "./kiosk_states";

const KINDS: readonly InstrumentKind[] = [
  "blood_pressure", "thermometer", "oximeter", "glucose_meter", "scale", "heart_rate_belt", "ecg", "ctg", "skin_camera", "otoscope",
  "intraoral_camera", "ultrasound", "stethoscope",
];
const ABOARD = KINDS.map((kind, index) => instrument({ number: index + 1, instrument_id: kind, kind, state: "asleep" }));

const request = (id: string): Instrument["request"] => ({ request_id: `r-${id}`, instrument_id: id, asked_at: "", state: "asked", words: "" });
const changed = (id: string, more: Partial<Instrument>): Instrument[] =>
  ABOARD.map((each) => (each.instrument_id === id ? { ...each, ...more } : each));
const quantity = { loinc: "59408-5", mdc: 150456, unit: "%", value: "97", absent: null };
const device = (id: string) => ({ device_id: id, kind: "ecg" as const, maker: "", model: "", serial: "", firmware: "", simulated: false });
const stream = (id: string): Waveform => ({
  stream_id: 1, device: device(id), started_at: "", rate_hz: "500", scale: "1", unit: "uV", leads: [1], lead_units: [], lead_scales: [], lost_count: 0, reading_id: null,
});
const still = (id: string, more: Partial<Still> = {}): Still => ({
  still_id: id, device: device("skin_camera"), taken_at: "", sha256: "", size: 1, width: 2000, height: 1500, quality: "sharp", thumbnail: "", body_site: "", like: null,
  pixel_mm: null, ...more,
});
const item = (id: string): TrayItem => ({ reading: reading(`t-${id}`, { device: device(id) }), reason: "tray.no_encounter" });

describe("the rail", () => {
  it("stands all of a few instruments large, what is asked for first", () => {
    const few = ABOARD.slice(0, CARDS_ONLY).map((each, index) => (index === 2 ? { ...each, request: request(each.instrument_id) } : each));
    const plan = railPlan(state({ instruments: few }), null);
    expect(plan.tiles).toEqual([]);
    expect(plan.cards.map((each) => each.number)).toEqual([3, 1, 2, 4]);
  });

  it("gives each of many its tile in the order of the numbers, whatever happens with it", () => {
    const instruments = changed("scale", { request: request("scale"), state: "measuring" });
    expect(railPlan(state({ instruments }), "ecg").tiles.map((each) => each.number)).toEqual(ABOARD.map((each) => each.number));
  });

  it("brings forward what the doctor asks, then what goes on, then what a hand touched", () => {
    const instruments = changed("stethoscope", { request: request("stethoscope") }).map((each) => (each.instrument_id === "oximeter" ? { ...each, live: [quantity] } : each));
    const plan = railPlan(state({ instruments, encounter: encounter({ waveforms: [stream("ecg")] }), shown: "otoscope" }), "blood_pressure");
    expect(plan.cards.map((each) => each.instrument_id)).toEqual(["stethoscope", "oximeter", "ecg", "otoscope", "blood_pressure"]);
  });

  it("stops pulsing for a camera that the doctor sees and a stethoscope that is heard", () => {
    const asked = instrument({ instrument_id: "s", kind: "stethoscope", request: request("s") });
    expect(pulses(state(), asked)).toBe(true);
    expect([pulses(state({ listening: "s" }), asked), pulses(state({ shown: "s" }), asked)]).toEqual([false, false]);
  });

  it("says on a tile what presses most", () => {
    const word = (more: Partial<Instrument>, around: Parameters<typeof state>[0] = {}) => tileWord(state(around), instrument({ instrument_id: "x", ...more }));
    const own = { device: device("x") };
    expect(word({ request: request("x"), state: "absent" })).toBe("asked");
    expect([word({ state: "absent" }), word({ state: "failed" }), word({ state: "ready", problem: "radio.timeout" })]).toEqual(["absent", "failed", "failed"]);
    expect([word({}, { shown: "x" }), word({}, { listening: "x" }), word({ state: "measuring" })]).toEqual(["shown", "listening", "measuring"]);
    expect(word({}, { tray: [item("x")], encounter: encounter({ readings: [reading("r", own)] }) })).toBe("tray");
    expect(word({}, { encounter: encounter({ readings: [reading("r", own)] }) })).toBe("value");
    expect(word({}, { encounter: encounter({ readings: [reading("r", { ...own, kind: "unreadable" })] }) })).toBe("again");
    expect([word({ state: "asleep" }), word({ state: "ready" })]).toEqual(["asleep", "ready"]);
  });

  it("does not call done what was done for another patient", () => {
    expect(tileWord(state({ encounter: encounter() }), instrument({ state: "done" }))).toBe("ready");
  });

  it("comes forward by itself with a measurement that began, ended or failed, not with a radio that took many along", () => {
    const before = state({ instruments: ABOARD, encounter: encounter() });
    const now = (instruments: Instrument[]) => state({ instruments, encounter: encounter() });
    expect(turned(before, now(changed("scale", { state: "measuring" })))).toBe("scale");
    expect(turned(before, now(ABOARD.map((each) => ({ ...each, state: "failed" as const }))))).toBeNull();
    expect(turned(before, now(changed("scale", { state: "absent" })))).toBeNull();
    expect(turned(before, { ...now(changed("scale", { state: "done" })), encounter: null })).toBeNull();
  });
});

describe("an instrument", () => {
  const radio = instrument({ instrument_id: "ble-aa", device_id: "ble:aa", kind: "ecg" });

  it("knows its readings, its stream and what waits in the tray by its device, two of a kind apart", () => {
    const other = instrument({ instrument_id: "ecg2", kind: "ecg" });
    const open = encounter({ waveforms: [stream("ble:aa")], readings: [reading("a", { device: device("ble:aa") }), reading("b", { device: device("ecg2") })] });
    expect([streamOf(open, radio)?.stream_id, streamOf(open, other)]).toEqual([1, null]);
    expect([lastReading(open, radio)?.reading_id, lastReading(open, other)?.reading_id]).toEqual(["a", "b"]);
    expect([inTray([item("ble:aa")], radio), inTray([item("ble:aa")], other)]).toEqual([1, 0]);
    expect([isActive(state({ encounter: open }), radio), isActive(state({ encounter: open }), other)]).toEqual([true, false]);
  });

  it("by radio can be replaced; only one that was paired here can be forgotten", () => {
    const configured = instrument({ instrument_id: "cuff", device_id: "ble:bb" });
    expect([byRadio(radio), pairedHere(radio), byRadio(configured), pairedHere(configured), byRadio(instrument())]).toEqual([true, true, true, false, false]);
  });

  it("with little battery is said to have little; one that does not say is not", () => {
    expect([19, 20, null].map((battery) => lowBattery(instrument({ battery })))).toEqual([true, false, false]);
  });
});

describe("the places on the body", () => {
  it("put every site of the skin into exactly one region", () => {
    const listed = REGIONS.flatMap((region) => sitesIn(region).map((site) => site.code));
    expect(listed.sort()).toEqual(sitesOf("skin_camera").map((site) => site.code).sort());
    expect(new Set(listed).size).toBe(listed.length);
    expect(regionOf("42859004")).toBeNull();
  });

  it("exist for every camera and are named in both languages, in the words of the clinic", () => {
    for (const kind of ["skin_camera", "otoscope", "intraoral_camera", "ultrasound"] as const) {
      expect(sitesOf(kind).length).toBeGreaterThan(1);
      for (const site of sitesOf(kind)) expect(siteName(site, "en"), site.code).toMatch(/^(?!.*structure)(?!Skin)[A-Z][a-z ]+$/);
    }
    expect(siteName(siteOf("14975008") ?? { code: "", en: "", fr: "" }, "fr")).toBe("Avant-bras");
  });

  it("offer the last still of each series of this camera, newest first", () => {
    const stills = [still("a"), still("b", { like: "a" }), still("c"), still("o", { device: device("otoscope") })];
    expect(framedLike(stills, "skin_camera").map((each) => each.still_id)).toEqual(["c", "b"]);
    expect(photosOf(encounter({ stills }), instrument({ instrument_id: "skin_camera" }))).toBe(3);
  });

  it("measure the picture only where a scale marker was seen", () => {
    expect([widthInMillimetres(still("a")), widthInMillimetres(still("a", { pixel_mm: "0.021" }))]).toEqual([null, 42]);
  });
});

describe("pairing", () => {
  const candidate = { address: "aa", name: "Cuff", kind: "blood_pressure" as const, signal_dbm: -50, simulated: false };

  it("says how near a device is in words, and that it does not know", () => {
    expect([-50, -60, -61, -75, -76].map((signal_dbm) => nearness({ ...candidate, signal_dbm }))).toEqual(["touching", "touching", "near", "near", "far"]);
    expect(nearness({ ...candidate, signal_dbm: null })).toBe("unknown");
  });

  it("names the device that is being paired and the instrument that was made", () => {
    const pairing = { state: "paired" as const, candidates: [candidate], address: "aa", instrument_id: "cuff-1", code: null };
    expect([chosen(pairing)?.name, instrumentOf(pairing, [instrument()])?.number]).toEqual(["Cuff", 1]);
    expect([chosen({ ...pairing, address: "bb" }), instrumentOf({ ...pairing, instrument_id: null }, [instrument()])]).toEqual([null, null]);
  });

  it("takes six digits and no seventh, and reads them in threes", () => {
    expect(["1", "x", "2", "3", "4", "5", "6", "7"].reduce(digitAdded, "")).toBe("123456");
    expect(passkeyRead("079948")).toBe("079\u00a0948");
  });
});
