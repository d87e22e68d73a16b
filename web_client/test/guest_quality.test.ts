import { describe, expect, test } from "vitest";
import { counted, QualityWatch, type Counted, type GuestQuality } from "../src/state/guest_quality";

interface Second {
  readonly frames: number;
  readonly packets?: number;
  readonly concealed?: number;
}

/** What is said at the end of each second of a call that goes like this. */
const said = (seconds: readonly Second[]): (GuestQuality | null)[] => {
  const watch = new QualityWatch();
  let now: Counted = { at: 0, framesDecoded: 0, audioPackets: 0, audioSamples: 0, audioConcealed: 0 };
  watch.look(now);
  return seconds.map(({ frames, packets = 50, concealed = 0 }) => {
    now = {
      at: now.at + 1000,
      framesDecoded: now.framesDecoded + frames,
      audioPackets: now.audioPackets + packets,
      audioSamples: now.audioSamples + 48_000,
      audioConcealed: now.audioConcealed + concealed,
    };
    return watch.look(now);
  });
};
const times = (count: number, second: Second) => Array.from({ length: count }, () => second);

describe("what the guest reads of the line", () => {
  test("nothing is said before two moments were seen", () => {
    expect(new QualityWatch().look({ at: 0, framesDecoded: 0, audioPackets: 0, audioSamples: 0, audioConcealed: 0 })).toBeNull();
  });

  test("one odd second changes nothing, two do", () => {
    expect(said([{ frames: 25 }, { frames: 3 }, { frames: 25 }, { frames: 3 }, { frames: 3 }, { frames: 25 }])).toEqual(
      ["good", "good", "good", "good", "picture_reduced", "picture_reduced"],
    );
  });

  test("a picture that stands still while the voice goes on is paused", () => {
    expect(said([...times(2, { frames: 25 }), ...times(6, { frames: 0 })]).at(-1)).toBe("picture_paused");
  });

  test("words made up by the browser are said before the picture's troubles", () => {
    expect(said(times(3, { frames: 3, concealed: 6000 })).at(-1)).toBe("voice_poor");
  });

  test("silence that the sender leaves out is not broken sound", () => {
    const sound = { type: "inbound-rtp", kind: "audio", packetsReceived: 3, totalSamplesReceived: 48_000 };
    expect(counted([{ ...sound, concealedSamples: 40_000, silentConcealedSamples: 39_000 }], 5)).toEqual(
      { at: 5, framesDecoded: 0, audioPackets: 3, audioSamples: 48_000, audioConcealed: 1000 },
    );
  });

  test("neither sound nor picture for three seconds is a cut, and it ends with the first packets", () => {
    const line = said([...times(2, { frames: 25 }), ...times(5, { frames: 0, packets: 0 }), ...times(2, { frames: 25 })]);
    expect(line[6]).toBe("nothing");
    expect(line.at(-1)).toBe("good");
  });

  test("a new connection counts from nothing and is not judged by the old one", () => {
    const watch = new QualityWatch();
    const counted = (at: number, count: number) =>
      ({ at, framesDecoded: count, audioPackets: count, audioSamples: count * 960, audioConcealed: 0 });
    watch.look(counted(0, 500));
    watch.look(counted(1000, 550));
    expect(watch.look(counted(2000, 4))).toBe("good");
  });
});
