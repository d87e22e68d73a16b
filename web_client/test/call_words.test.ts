import { readdirSync, readFileSync } from "node:fs";
import { afterEach, describe, expect, test } from "vitest";
import { language } from "../src/i18n/core";
import { lasting } from "../src/i18n/doctor_call";
import { known } from "../src/i18n/doctor_codes";
import type { CallQuality, MediaState, PictureGrade, VoiceGrade } from "../src/protocol/types";
import { lineWords, microphoneWord } from "../src/state/line_words";
import { pictureState, type PictureFacts } from "../src/state/picture_words";

const quality = (voice: VoiceGrade, picture: PictureGrade, code: string | null = null): CallQuality => ({
  voice, picture, code, target_kbps: 0, picture_kbps: 0, sent_kbps: 0, lines: 0, frames_per_second: 0, loss_percent: 0,
  round_trip_ms: null, queue_ms: 0, keyframes: 0, freezes: 0, outages: 0, interface: "", relayed: false, seen: null,
});
const media = (microphone: boolean, microphone_code: string | null): MediaState => ({
  camera: true, microphone, camera_code: null, microphone_code, shown: null, beside: false, stethoscope: null,
  stethoscope_code: null,
});

afterEach(() => {
  language.value = "fr";
});

describe("the line in words", () => {
  test("a thin line says the voice, the picture and the cause", () => {
    expect(lineWords(quality("good", "reduced", "quality.thin"), media(true, null))).toEqual({
      voice: "voice_good", picture: "picture_reduced", cause: "cause_thin", tone: "look",
    });
  });

  test("good is good, no sound and an outage are worse than a smaller picture", () => {
    expect(lineWords(quality("good", "good"), null)?.tone).toBe("done");
    expect(lineWords(quality("none", "none", "quality.outage"), null)?.tone).toBe("stop");
    expect(lineWords(quality("good", "paused", "quality.thin"), null)?.tone).toBe("look");
    expect(lineWords(null, null)).toBe(null);
  });

  test("a muted microphone is no bad line", () => {
    expect(lineWords(quality("none", "good"), media(false, "microphone.muted"))).toMatchObject({ voice: "voice_muted", tone: "look" });
  });

  test("a microphone that gives nothing is no good voice, and a delay is said although all is good", () => {
    expect(lineWords(quality("good", "good"), media(true, "microphone.silent"))).toMatchObject({ voice: "voice_none", tone: "stop" });
    expect(lineWords(quality("good", "good", "quality.slow"), null)).toMatchObject({ cause: "cause_slow", tone: "look" });
  });

  test("a picture that stands still is not called good beside the words that say so", () => {
    expect(lineWords(quality("good", "good"), null, true)).toMatchObject({ voice: "voice_good", picture: null, tone: "look" });
    expect(lineWords(quality("good", "paused", "quality.thin"), null, true)).toMatchObject({ picture: "picture_paused" });
  });

  test("a code nobody knows is left out of the sentence", () => {
    expect(lineWords(quality("poor", "good", "quality.unheard"), null)?.cause).toBe(null);
  });

  test("the bus's microphone is muted, missing or silent, each in its own words", () => {
    expect(microphoneWord(media(false, "microphone.muted"))).toBe("bus_muted");
    expect(microphoneWord(media(false, "microphone.missing"))).toBe("bus_missing");
    expect(microphoneWord(media(true, "microphone.silent"))).toBe("bus_silent");
    expect(microphoneWord(media(false, "microphone.refused"))).toBe("bus_closed");
    expect(microphoneWord(media(false, "microphone.absent"))).toBe("bus_missing");
    expect(microphoneWord(media(false, null))).toBe("bus_silent");
    expect(microphoneWord(media(true, null))).toBe(null);
  });

  test("what lasts is said in seconds, then in minutes", () => {
    expect([lasting(12_400), lasting(125_000), lasting(-5)]).toEqual(["12 s", "2 min 05", "0 s"]);
  });

  test("every refusal of the vehicle's channels has words", () => {
    const folder = new URL("../../gateway/session/", import.meta.url);
    const codes = new Set<string>();
    for (const name of readdirSync(folder).filter((file) => /^(delivery|bulk)/.test(file))) {
      const text = readFileSync(new URL(name, folder), "utf8");
      for (const match of text.matchAll(/(?:return|code=) ?"((?:channel|resume|ack|chunks|still)\.[a-z_]+)"/g)) codes.add(match[1] ?? "");
    }
    expect(codes.size).toBeGreaterThan(5);
    expect([...codes].filter((code) => !known(code))).toEqual([]);
  });
});

describe("the room's picture", () => {
  const facts: PictureFacts = {
    phase: "connected", away: false, ownNetwork: false, camera: true, paused: false, flowing: true, seen: true,
  };

  test("is live only while frames come over a connection that stands", () => {
    expect(pictureState(facts)).toBe("live");
    expect(pictureState({ ...facts, phase: "interrupted" })).toBe("interrupted");
  });

  test("an old picture is never live: it is paused by the vehicle, or stopped", () => {
    expect(pictureState({ ...facts, flowing: false, paused: true })).toBe("paused");
    expect(pictureState({ ...facts, flowing: false })).toBe("stalled");
    expect(pictureState({ ...facts, flowing: false, seen: false })).toBe("no_picture");
  });

  test("whose network it is: this machine's before the vehicle's", () => {
    expect(pictureState({ ...facts, phase: "interrupted", ownNetwork: true, away: true })).toBe("own_network");
    expect(pictureState({ ...facts, phase: "interrupted", away: true })).toBe("away");
    expect(pictureState({ ...facts, ownNetwork: true })).toBe("live");
  });

  test("the end of a call and a refusal go before everything", () => {
    expect(pictureState({ ...facts, phase: "ended", ownNetwork: true })).toBe("ended");
    expect(pictureState({ ...facts, phase: "refused", flowing: false })).toBe("refused");
  });

  test("a vehicle without a camera says so", () => {
    expect(pictureState({ ...facts, camera: false, flowing: false })).toBe("camera");
  });
});
