import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { KioskCommand, KioskState } from "../src/protocol/types";
import { Desk, FRESH_READING_MS, type Memory } from "../src/state/kiosk_desk";
import { REPLY_LIMIT_MS, RETRY_FIRST_MS, RETRY_LAST_MS, type Socket } from "../src/state/kiosk_socket";
import { Scope } from "../src/state/scope";
import { BETTER_AFTER_MS, UNHEARD_AFTER_MS } from "../src/state/kiosk_quality";
import { encounter, quality, reading, state } from "./kiosk_states";

/** A gateway's end of the socket, in the hand of the test. */
class FakeSocket implements Socket {
  binaryType: BinaryType = "blob";
  readyState = 0;
  onopen: ((event: never) => void) | null = null;
  onmessage: ((event: never) => void) | null = null;
  onclose: ((event: never) => void) | null = null;
  readonly sent: KioskCommand[] = [];

  send(data: string): void {
    this.sent.push(JSON.parse(data) as KioskCommand);
  }

  close(): void {
    this.readyState = 3;
  }

  opens(): void {
    this.readyState = 1;
    this.onopen?.({} as never);
  }

  says(data: unknown): void {
    this.onmessage?.({ data: data instanceof ArrayBuffer || typeof data === "string" ? data : JSON.stringify(data) } as never);
  }

  shows(shown: KioskState): void {
    this.says(shown);
  }

  replies(code: string | null, facts: Record<string, string> = {}): void {
    this.says({ type: "reply", id: this.sent.at(-1)?.id, code, facts, encounter_id: null });
  }

  breaks(): void {
    this.readyState = 3;
    this.onclose?.({} as never);
  }
}

class Kept implements Memory {
  readonly values = new Map<string, string>();
  getItem = (key: string): string | null => this.values.get(key) ?? null;
  setItem = (key: string, value: string): void => void this.values.set(key, value);
  removeItem = (key: string): void => void this.values.delete(key);
}

let scope: Scope;
let sockets: FakeSocket[];
let memory: Kept;
let chunks: ArrayBuffer[];
let opened: number;

function sitDown(): Desk {
  return new Desk(
    scope,
    () => {
      sockets.push(new FakeSocket());
      return socket();
    },
    memory,
    { offer: () => undefined, chunk: (bytes) => void chunks.push(bytes), opened: () => { opened += 1; } },
    { wall: () => Date.now(), monotonic: () => Date.now() - 1_000_000 },
  );
}

function socket(): FakeSocket {
  const last = sockets.at(-1);
  if (last === undefined) throw new Error("no socket");
  return last;
}

beforeEach(() => {
  vi.useFakeTimers({ now: new Date("2026-03-10T09:00:00Z") });
  scope = new Scope();
  sockets = [];
  memory = new Kept();
  chunks = [];
  opened = 0;
});

afterEach(() => {
  scope.end();
  vi.useRealTimers();
});

describe("the socket", () => {
  it("comes back by itself, ever slower up to a bound, and at once fast again after a success", () => {
    const desk = sitDown();
    expect(desk.away.value).toBe(true);
    let wait = RETRY_FIRST_MS;
    for (let attempt = 1; attempt < 6; attempt += 1) {
      socket().breaks();
      vi.advanceTimersByTime(wait - 1);
      expect(sockets).toHaveLength(attempt);
      vi.advanceTimersByTime(1);
      expect(sockets).toHaveLength(attempt + 1);
      wait = Math.min(wait * 2, RETRY_LAST_MS);
    }
    socket().opens();
    socket().shows(state());
    expect(desk.away.value).toBe(false);
    socket().breaks();
    expect(desk.away.value).toBe(true);
    vi.advanceTimersByTime(RETRY_FIRST_MS);
    expect(sockets).toHaveLength(7);
    expect(opened).toBe(1);
  });

  it("keeps what was shown while the gateway is away", () => {
    const desk = sitDown();
    socket().opens();
    socket().shows(state({ encounter: encounter({ stage: "in_call" }) }));
    socket().breaks();
    expect(desk.screen.value).toBe("call");
  });

  it("gives each command its own reply", async () => {
    const desk = sitDown();
    socket().opens();
    socket().shows(state());
    const first = desk.send({ type: "enter_waiting" });
    const second = desk.send({ type: "hang_up" }, true);
    const [one, two] = socket().sent;
    socket().says({ type: "reply", id: two?.id, code: "encounter.step", facts: {}, encounter_id: null });
    socket().says({ type: "reply", id: one?.id, code: null, facts: {}, encounter_id: "e1" });
    expect((await first).encounter_id).toBe("e1");
    expect((await second).code).toBe("encounter.step");
    expect(desk.busy.value.size).toBe(0);
  });

  it("tells apart what was never sent from what was not confirmed", async () => {
    const desk = sitDown();
    expect((await desk.send({ type: "hang_up" })).code).toBe("kiosk.away");
    socket().opens();
    const lost = desk.send({ type: "hang_up" });
    socket().breaks();
    expect((await lost).code).toBe("kiosk.unanswered");
    expect(desk.notice.value?.code).toBe("kiosk.unanswered");
    vi.advanceTimersByTime(RETRY_FIRST_MS);
    socket().opens();
    const silent = desk.send({ type: "hang_up" });
    vi.advanceTimersByTime(REPLY_LIMIT_MS);
    expect((await silent).code).toBe("kiosk.unanswered");
  });

  it("lives through what it does not understand and hands samples on", () => {
    const desk = sitDown();
    socket().opens();
    socket().says("{not json");
    socket().says({ type: "of_another_version" });
    socket().says(new ArrayBuffer(3));
    socket().shows(state());
    expect(desk.screen.value).toBe("home");
    expect(chunks).toHaveLength(1);
  });

  it("says nothing more once its page is gone", () => {
    sitDown();
    const first = socket();
    scope.end();
    expect(first.readyState).toBe(3);
    vi.advanceTimersByTime(60_000);
    expect(sockets).toHaveLength(1);
  });
});

describe("the desk", () => {
  it("stands after a reload where it stood, with what was half written", () => {
    const before = sitDown();
    socket().opens();
    socket().shows(state());
    before.begin();
    before.change({ way: "typed", familyName: "DUR" });
    before.step.value = "identity";
    scope.end();
    scope = new Scope();
    const after = sitDown();
    socket().opens();
    socket().shows(state());
    expect(after.screen.value).toBe("patient");
    expect(after.draft.value).toMatchObject({ way: "typed", familyName: "DUR" });
  });

  it("leaves nothing half written of a patient once the file is open", async () => {
    const desk = sitDown();
    socket().opens();
    socket().shows(state());
    desk.begin();
    desk.change({ way: "typed", familyName: "DURAND", givenName: "J", birthDigits: "01011970", reason: "skin", consent: true });
    const opening = desk.open();
    socket().replies(null);
    await opening;
    expect([...memory.values.values()].join()).not.toContain("DURAND");
  });

  it("leaves nothing of a patient to the next nurse", () => {
    const desk = sitDown();
    socket().opens();
    socket().shows(state());
    desk.begin();
    desk.change({ way: "typed", familyName: "DURAND" });
    socket().shows(state({ nurse: null }));
    expect(desk.draft.value.familyName).toBe("");
    expect([...memory.values.values()].join()).not.toContain("DURAND");
  });

  it("puts a refusal at its field and goes back to the page that has it", async () => {
    const desk = sitDown();
    socket().opens();
    socket().shows(state());
    desk.begin();
    desk.change({ way: "typed", reason: "skin", consent: true });
    desk.step.value = "reason";
    const opening = desk.open();
    socket().replies("patient.birth_date_future");
    await opening;
    expect(desk.step.value).toBe("identity");
    expect(desk.fieldNotes.value).toEqual([{ field: "birth_date", code: "patient.birth_date_future", warning: false }]);
    desk.change({ birthDigits: "01" });
    expect(desk.fieldNotes.value).toEqual([]);
  });

  it("shows a new reading large for some seconds, and none after a reload", () => {
    const desk = sitDown();
    socket().opens();
    socket().shows(state({ encounter: encounter({ readings: [reading("a")] }) }));
    expect(desk.fresh.value).toBeNull();
    socket().shows(state({ encounter: encounter({ readings: [reading("a"), reading("b")] }) }));
    expect(desk.fresh.value?.reading_id).toBe("b");
    vi.advanceTimersByTime(FRESH_READING_MS);
    expect(desk.fresh.value).toBeNull();
  });

  it("takes nothing of one file into the next: orientation, camera, the large reading", () => {
    const desk = sitDown();
    socket().opens();
    socket().shows(state({ encounter: encounter() }));
    socket().shows(state({ encounter: encounter({ readings: [reading("a")] }) }));
    desk.camera.value = "skin-1";
    desk.closing.value = { orientation: "urgent", satisfaction: 3, minutes: 4, familyDoctor: true };
    socket().shows(state());
    expect([desk.camera.value, desk.fresh.value]).toEqual([null, null]);
    expect(desk.closing.value.orientation).toBe("none");
  });

  it("keeps the orientation over a reload in the same file", () => {
    const before = sitDown();
    socket().opens();
    socket().shows(state({ encounter: encounter({ stage: "after" }) }));
    before.closing.value = { orientation: "urgent", satisfaction: null, minutes: null, familyDoctor: null };
    scope.end();
    scope = new Scope();
    const after = sitDown();
    socket().opens();
    socket().shows(state({ encounter: encounter({ stage: "after" }) }));
    expect(after.closing.value.orientation).toBe("urgent");
  });

  it("says muted when the gateway is, not when the button was pressed", () => {
    const desk = sitDown();
    socket().opens();
    socket().shows(state({ encounter: encounter({ stage: "in_call" }) }));
    void desk.send({ type: "mute", muted: true });
    expect(socket().sent.at(-1)?.body).toEqual({ type: "mute", muted: true });
    expect(desk.muted.value).toBe(false);
    socket().shows(state({ microphone_muted: true, encounter: encounter({ stage: "in_call" }) }));
    expect(desk.muted.value).toBe(true);
    socket().shows(state({ encounter: encounter({ stage: "in_call" }) }));
    expect(desk.muted.value).toBe(false);
  });

  it("says that nobody hears once it has lasted, and takes it back at once", () => {
    const desk = sitDown();
    socket().opens();
    const call = (microphone_code: string | null) => state({ microphone_code, encounter: encounter({ stage: "in_call", quality: quality() }) });
    socket().shows(call("microphone.missing"));
    vi.advanceTimersByTime(UNHEARD_AFTER_MS - 1000);
    expect(desk.unheard.value).toBe(false);
    vi.advanceTimersByTime(1000);
    expect([desk.unheard.value, desk.quality.value?.voice]).toEqual([true, "none"]);
    socket().shows(call(null));
    expect(desk.unheard.value).toBe(false);
  });

  it("keeps the words of the call steady: a better second is not shown before it has lasted, an ended call at once", () => {
    const desk = sitDown();
    socket().opens();
    const going = (picture: "good" | "reduced") => state({ encounter: encounter({ stage: "in_call", quality: quality({ picture }) }) });
    socket().shows(going("reduced"));
    socket().shows(going("good"));
    vi.advanceTimersByTime(BETTER_AFTER_MS - 1000);
    expect(desk.quality.value?.picture).toBe("reduced");
    vi.advanceTimersByTime(1000);
    expect(desk.quality.value?.picture).toBe("good");
    socket().shows(state({ encounter: encounter({ stage: "after" }) }));
    expect(desk.quality.value).toBeNull();
  });

  it("opens the form by a scan on the home screen, and never over an open file", () => {
    const desk = sitDown();
    socket().opens();
    const traits = { ins: "1", oid: "", givenNames: "A", familyName: "B", sex: "male", birthDate: "", birthPlace: "" } as const;
    socket().shows(state({ encounter: encounter() }));
    desk.place.value = "home";
    desk.scanned(traits);
    expect(desk.screen.value).toBe("home");
    socket().shows(state());
    desk.scanned(traits);
    expect(desk.screen.value).toBe("patient");
    expect(desk.draft.value.familyName).toBe("B");
  });

  it("reckons ages by the gateway's clock, not the browser's", () => {
    const desk = sitDown();
    socket().opens();
    socket().shows(state({ now: "2026-03-11T10:00:00Z" }));
    vi.advanceTimersByTime(2000);
    expect(desk.now.value).toBe(Date.parse("2026-03-11T10:00:02Z"));
  });
});
