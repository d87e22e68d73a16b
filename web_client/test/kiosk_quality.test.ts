import { afterEach, describe, expect, it } from "vitest";
import { language } from "../src/i18n/core";
import { verdictWords } from "../src/i18n/kiosk_call";
import type { CallQuality, KioskState } from "../src/protocol/types";
import {
  BETTER_AFTER_MS, doctorPaused, isUnheard, LastingSilence, SteadyVerdict, UNHEARD_AFTER_MS, unheardCode, uplinkSigns, uplinkTroubled, type Verdict, verdictOf, verdictTone,
} from "../src/state/kiosk_quality";
import { encounter, quality, state, uplink } from "./kiosk_states";

const calling = (more: Partial<CallQuality> = {}, rest: Partial<KioskState> = {}): KioskState =>
  state({ encounter: encounter({ stage: "in_call", quality: quality(more) }), ...rest });

function judged(of: KioskState): Verdict {
  const verdict = verdictOf(of);
  if (verdict === null) throw new Error("no call");
  return verdict;
}

/** French with its unbreakable spaces made plain. */
const said = (of: KioskState): string => verdictWords(judged(of)).replaceAll("\u00a0", " ");

afterEach(() => {
  language.value = "fr";
});

describe("the sentence of the call", () => {
  it("says voice and picture, and why they are not whole", () => {
    expect(said(calling())).toBe("Voix et image bonnes");
    expect(said(calling({ picture: "reduced", code: "quality.thin" }))).toBe("Voix bonne, image réduite : réseau faible");
    expect(said(calling({ voice: "poor", picture: "reduced", code: "quality.lossy" }))).toBe("Voix hachée, image réduite : réseau instable");
    expect(said(calling({ code: "quality.slow" }))).toBe("Voix et image bonnes, avec du retard : réseau lent");
    expect(said(calling({ picture: "reduced", code: "quality.new_reason" }))).toBe("Voix bonne, image réduite : réseau perturbé");
  });

  it("tells the nurse that the doctor sees a still, or nothing", () => {
    expect(said(calling({ picture: "paused", code: "quality.thin" }))).toBe("Voix bonne, le médecin voit une image fixe : réseau faible");
    expect(said(calling({ picture: "none" }))).toBe("Voix bonne, le médecin n'a pas d'image");
  });

  it("says an outage and that it ends by itself, whether the call still stands or not", () => {
    expect(said(calling({ voice: "none", picture: "none", code: "quality.outage" }))).toBe("Coupure du réseau : la consultation reprendra seule");
    for (const call_code of ["call.interrupted", "call.silent", null]) {
      expect(judged(state({ encounter: encounter({ stage: "interrupted", call_code }) })).kind).toBe("outage");
    }
  });

  it("never calls a refused identity or a doctor who left a cut of the network", () => {
    for (const call_code of ["fingerprint.mismatch", "call.doctor_left", "binding.signature"]) {
      expect(verdictOf(state({ encounter: encounter({ stage: "interrupted", call_code }) }))).toBeNull();
    }
  });

  it("tells a muted microphone from one that gives nothing", () => {
    expect(said(calling({ voice: "none" }, { microphone_muted: true, microphone_code: "microphone.muted" }))).toBe("Micro coupé, image bonne");
    expect(said(calling({ voice: "good" }, { microphone_code: "microphone.silent" }))).toBe("Le médecin ne vous entend pas");
  });

  it("is there only while there is a call, and invents nothing before the first figures", () => {
    for (const stage of ["ready", "waiting", "after"] as const) expect(verdictOf(state({ encounter: encounter({ stage, quality: quality() }) }))).toBeNull();
    expect(verdictOf(state())).toBeNull();
    expect(judged(state({ encounter: encounter({ stage: "in_call" }) })).kind).toBe("measuring");
  });

  it("has words in English for every judgement", () => {
    const french = said(calling({ picture: "paused", code: "quality.thin" }));
    language.value = "en";
    expect(said(calling({ picture: "paused", code: "quality.thin" }))).toBe("Voice good, the doctor sees a still picture: weak network");
    expect(said(calling({ picture: "paused", code: "quality.thin" }))).not.toBe(french);
  });

  it("is red where nothing is heard, amber where something is worse, green for losses that are made good", () => {
    const tone = (of: KioskState) => verdictTone(judged(of));
    expect(tone(calling({ code: "quality.lossy" }))).toBe("done");
    expect([tone(calling({ code: "quality.slow" })), tone(calling({ picture: "reduced" })), tone(calling({ voice: "poor" }))]).toEqual(["look", "look", "look"]);
    expect([tone(calling({ voice: "none" })), tone(calling({ code: "quality.outage" }))]).toEqual(["stop", "stop"]);
    expect(tone(calling({}, { microphone_muted: true }))).toBe("look");
  });
});

describe("words that do not flicker", () => {
  const good = judged(calling());
  const thin = judged(calling({ picture: "reduced", code: "quality.thin" }));
  const lossy = judged(calling({ picture: "reduced", code: "quality.lossy" }));
  const still = judged(calling({ picture: "paused", code: "quality.thin" }));
  const outage = judged(calling({ code: "quality.outage" }));

  it("show worse at once and better once it has lasted", () => {
    const steady = new SteadyVerdict();
    expect(steady.take(good, 0)).toBe(good);
    expect(steady.take(thin, 1000)).toBe(thin);
    expect(steady.take(good, 2000)).toBe(thin);
    expect(steady.take(good, 2000 + BETTER_AFTER_MS - 1)).toBe(thin);
    expect(steady.take(good, 2000 + BETTER_AFTER_MS)).toBe(good);
  });

  it("stay while a link swings every second between good and thin", () => {
    const steady = new SteadyVerdict();
    const shown = Array.from({ length: 20 }, (_, second) => steady.take(second % 2 === 0 ? thin : good, second * 1000));
    expect(new Set(shown)).toEqual(new Set([thin]));
  });

  it("stay while only the reason swings", () => {
    const steady = new SteadyVerdict();
    const shown = Array.from({ length: 20 }, (_, second) => steady.take(second % 2 === 0 ? thin : lossy, second * 1000));
    expect(new Set(shown).size).toBe(1);
  });

  it("show the newest judgement when several were better than the one shown", () => {
    const steady = new SteadyVerdict();
    steady.take(still, 0);
    steady.take(thin, 1000);
    expect(steady.take(good, 1000 + BETTER_AFTER_MS)).toBe(good);
  });

  it("show an outage, its end, the mute button and the end of the call at once", () => {
    const steady = new SteadyVerdict();
    const muted = judged(calling({}, { microphone_muted: true }));
    steady.take(still, 0);
    expect(steady.take(muted, 10)).toBe(muted);
    expect(steady.take(thin, 20)).toBe(thin);
    expect(steady.take(outage, 30)).toBe(outage);
    expect(steady.take(good, 40)).toBe(good);
    expect(steady.take(null, 50)).toBeNull();
  });

  it("are the same object for the same judgement: nothing is drawn anew", () => {
    const steady = new SteadyVerdict();
    const first = steady.take(judged(calling()), 0);
    expect(steady.take(judged(calling({ sent_kbps: 7, round_trip_ms: 90 })), 1000)).toBe(first);
  });
});

describe("what the nurse is told of both sides", () => {
  it("names why the doctor does not hear, in a call alone and never for a muted microphone", () => {
    expect(unheardCode(calling({}, { microphone_code: "microphone.missing" }))).toBe("microphone.missing");
    expect(unheardCode(calling({}, { microphone_code: "microphone.muted" }))).toBeNull();
    expect(unheardCode(calling({}, { microphone_code: "microphone.silent", microphone_muted: true }))).toBeNull();
    expect(unheardCode(state({ microphone_code: "microphone.silent", encounter: encounter({ stage: "ready" }) }))).toBeNull();
  });

  it("does not cry out for a page that is being reloaded: silence has to last", () => {
    const silence = new LastingSilence();
    expect([silence.take(true, 0), silence.take(true, UNHEARD_AFTER_MS - 1)]).toEqual([false, false]);
    expect(silence.take(true, UNHEARD_AFTER_MS)).toBe(true);
    expect([silence.take(false, 9000), silence.take(true, 9100)]).toEqual([false, false]);
    expect(judged(calling({ voice: "none" }, { microphone_code: "microphone.missing" })).voice).toBe("none");
    expect(verdictOf(calling({ voice: "none" }, { microphone_code: "microphone.missing" }), false)?.voice).toBe("good");
    expect([isUnheard(calling({ voice: "none", code: "quality.outage" })), isUnheard(calling({}, { microphone_muted: true }))]).toEqual([false, false]);
  });

  it("knows a paused picture of the doctor from a page that has not said anything", () => {
    const seen = { frames_per_second: 12, freezes: 0, frozen_ms: 0, voice_concealed_percent: 0, round_trip_ms: null, own_picture: false };
    const at = (more: Partial<CallQuality>) => doctorPaused(encounter({ stage: "in_call", quality: quality(more) }));
    expect([at({ seen }), at({ seen: { ...seen, own_picture: true } }), at({ seen: null })]).toEqual([true, false, false]);
  });

  it("shows two ways out in their places, the one in use always, and nothing for a single one", () => {
    const [a, b, c] = [uplink("eth0"), uplink("wwan0"), uplink("wwan1", { in_use: true })];
    expect(uplinkSigns([a])).toEqual([]);
    expect(uplinkSigns([a, c])).toEqual([a, c]);
    expect(uplinkSigns([a, b, c])).toEqual([a, c]);
  });

  it("colours the link for a way that does not answer, also the spare one", () => {
    expect(uplinkTroubled([uplink("a", { in_use: true }), uplink("b", { state: "silent" })])).toBe(true);
    expect(uplinkTroubled([uplink("a", { in_use: true }), uplink("b", { state: "present" })])).toBe(false);
  });
});
