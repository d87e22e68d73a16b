import { describe, expect, it } from "vitest";
import type { PrescriptionView, Quantity } from "../src/protocol/types";
import {
  arrived, hearing, instrumentTone, isAsked, newestFirst, openPapers, paperTask, placeAfter, QUIET_AFTER_MS, screenOf, toSend,
} from "../src/state/kiosk_view";
import { shownQuantities, shownUnit } from "../src/state/kiosk_reading";
import { encounter, instrument, reading, state } from "./kiosk_states";

const SIGNED_OUT = state({ nurse: null });

describe("the screen that stands", () => {
  it("is the sign-in whenever nobody is signed in, wherever the nurse stood", () => {
    for (const place of ["stage", "home", "patient", "tray"] as const) expect(screenOf(SIGNED_OUT, place)).toBe("sign_in");
    expect(screenOf(null, "home")).toBe("starting");
  });

  it("follows the stage of the encounter", () => {
    const at = (stage: "ready" | "waiting" | "in_call" | "interrupted" | "after") => screenOf(state({ encounter: encounter({ stage }) }), "stage");
    expect([at("ready"), at("waiting"), at("in_call"), at("interrupted"), at("after")]).toEqual(["ready", "waiting", "call", "call", "after"]);
  });

  it("never shows the form of a second patient while a file is open", () => {
    expect(screenOf(state({ encounter: encounter() }), "patient")).toBe("ready");
    expect(screenOf(state(), "patient")).toBe("patient");
  });

  it("calls the nurse back from home when the doctor appears, and leaves her there when a call resumes", () => {
    const waiting = state({ encounter: encounter({ stage: "waiting" }) });
    const call = state({ encounter: encounter({ stage: "in_call" }) });
    const cut = state({ encounter: encounter({ stage: "interrupted" }) });
    expect(placeAfter("home", waiting, call)).toBe("stage");
    expect(placeAfter("home", cut, call)).toBe("home");
    expect(placeAfter("tray", call, cut)).toBe("tray");
  });

  it("goes home when a file is closed, to the stage when one is opened, and stays over a reload", () => {
    expect(placeAfter("stage", state({ encounter: encounter() }), state())).toBe("home");
    expect(placeAfter("patient", state(), state({ encounter: encounter() }))).toBe("stage");
    expect(placeAfter("home", null, state({ encounter: encounter() }))).toBe("home");
    expect(placeAfter("home", state(), SIGNED_OUT)).toBe("stage");
  });
});

const quantity = (loinc: string, value: string | null, unit = "mm[Hg]"): Quantity => ({
  loinc, mdc: 0, unit, value, absent: value === null ? "not-a-number" : null,
});

describe("a reading", () => {
  it("shows pressures, pulse, mean in that order with the precision of the instrument", () => {
    const shown = shownQuantities(reading("r", {
      quantities: [quantity("8478-0", "101.0"), quantity("8867-4", "84", "/min"), quantity("8462-4", "91"), quantity("8480-6", "148")],
    }));
    expect(shown.map((each) => [each.measure, each.value, each.unit])).toEqual([
      ["systolic", "148", "mmHg"], ["diastolic", "91", "mmHg"], ["pulse", "84", "/min"], ["mean_pressure", "101.0", "mmHg"],
    ]);
  });

  it("shows a missing number as missing", () => {
    expect(shownQuantities(reading("r", { quantities: [quantity("8480-6", null)] }))[0]?.value).toBeNull();
  });

  it("writes units as the clinic does", () => {
    expect([shownUnit("mm[Hg]"), shownUnit("kPa"), shownUnit("uV"), shownUnit("{beats}/min")]).toEqual(["mmHg", "kPa", "µV", "/min"]);
  });

  it("is news only when it came into the same open file", () => {
    const before = state({ encounter: encounter({ readings: [reading("a")] }) });
    const now = state({ encounter: encounter({ readings: [reading("a"), reading("b")] }) });
    expect(arrived(before, now).map((each) => each.reading_id)).toEqual(["b"]);
    expect(arrived(null, now)).toEqual([]);
    expect(arrived(before, state({ encounter: encounter({ encounter_id: "e2", readings: [reading("c")] }) }))).toEqual([]);
  });

  it("of a running series is news once, another instrument's or a later one again", () => {
    const beat = (id: string, at: string, device = "belt") => reading(id, { kind: "heart_rate", received_at: at, device: { ...reading("x").device, device_id: device } });
    const news = (next: ReturnType<typeof beat>) =>
      arrived(state({ encounter: encounter({ readings: [beat("a", "2026-03-10T09:00:00Z")] }) }), state({ encounter: encounter({ readings: [beat("a", "2026-03-10T09:00:00Z"), next] }) })).length;
    expect([news(beat("b", "2026-03-10T09:00:12Z")), news(beat("b", "2026-03-10T09:00:12Z", "other")), news(beat("b", "2026-03-10T09:01:00Z"))]).toEqual([0, 1, 1]);
  });

  it("leaves out what is for the doctor alone", () => {
    const rr: Quantity = { loinc: "", mdc: 147240, unit: "ms", value: "837.890625", absent: null };
    expect(shownQuantities(reading("r", { kind: "heart_rate", quantities: [rr, quantity("8867-4", "75", "/min")] })).map((each) => each.measure)).toEqual(["pulse"]);
  });

  it("stands above older ones", () => {
    const old = reading("old", { received_at: "2026-03-10T08:00:00Z" });
    const fresh = reading("fresh", { received_at: "2026-03-10T09:30:00+01:00" });
    expect(newestFirst([old, fresh]).map((each) => each.reading_id)).toEqual(["fresh", "old"]);
  });
});

const paper = (id: string, paperState: PrescriptionView["state"]): PrescriptionView => ({
  prescription_id: id, encounter_id: "e1", state: paperState, sha256: null, steps: [], doctor: "", drugs: [],
});

describe("prescriptions", () => {
  it("ask one thing each, and nothing while the machine works", () => {
    expect(paperTask(paper("p", "printed"))).toBe("hand_over");
    expect(paperTask(paper("p", "print_ambiguous"))).toBe("look");
    expect(paperTask(paper("p", "print_failed"))).toBe("print_again");
    for (const quiet of ["draft", "signed", "arrived", "printing", "refused", "handed_over"] as const) expect(paperTask(paper("p", quiet))).toBeNull();
  });

  it("stay on the home screen until they are in the patient's hand, of every file", () => {
    const unfinished = { encounter_id: "e0", patient: encounter().patient, opened_at: "", unsent: 0, prescriptions: [paper("old", "printed"), paper("done", "handed_over")] };
    const now = state({ encounter: encounter({ prescriptions: [paper("new", "signed"), paper("draft", "draft")] }), unfinished: [unfinished] });
    expect(openPapers(now).map((each) => each.prescription.prescription_id)).toEqual(["new", "old"]);
  });
});

describe("instruments", () => {
  it("are amber only when the nurse has something to do", () => {
    expect(instrumentTone(instrument({ state: "asleep" }))).toBe("plain");
    expect(instrumentTone(instrument({ state: "absent" }))).toBe("look");
    expect(instrumentTone(instrument({ state: "ready", problem: "instrument.silent" }))).toBe("look");
    expect(instrumentTone(instrument({ state: "measuring" }))).toBe("done");
  });

  it("pulse while the doctor's request is open", () => {
    const request = { request_id: "q", instrument_id: "cuff-1", asked_at: "", words: "" };
    expect(isAsked(instrument({ request: { ...request, state: "asked" } }))).toBe(true);
    expect(isAsked(instrument({ request: { ...request, state: "answered" } }))).toBe(false);
    expect(isAsked(instrument())).toBe(false);
  });
});

describe("what is still to send", () => {
  it("counts what a doctor has not confirmed only once there is a doctor", () => {
    const at = (stage: "ready" | "waiting" | "in_call" | "after") => toSend(state({ outbox: 2, encounter: encounter({ stage, unacknowledged: 3 }) }));
    expect([at("ready"), at("waiting"), at("in_call"), at("after"), toSend(state({ outbox: 2 }))]).toEqual([2, 2, 5, 5, 2]);
  });
});

describe("the sound check", () => {
  it("waits for a voice, keeps that it heard one, and says after a while that it hears little", () => {
    expect(hearing(0.001, 1000)).toBe("listening");
    expect(hearing(0.001, QUIET_AFTER_MS + 1)).toBe("quiet");
    expect(hearing(0.05, QUIET_AFTER_MS + 1)).toBe("heard");
  });
});
