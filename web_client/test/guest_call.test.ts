// A guest's page and a doctor's page, joined by a relay in memory; the vehicle is played by the test.
import { signal } from "@preact/signals";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import type {
  ControlToVehicle, FrameFromGuest, GuestBinding, GuestCard, GuestInvitation, GuestOffer, GuestView, Side, Welcome,
} from "../src/protocol/types";
import { bind, importKey, makeKey, verify } from "../src/state/guest_binding";
import { GuestHosting, type GuestMessage, type HostPeer, type HostPeerEvents } from "../src/state/guest_hosting";
import { NotLetIn } from "../src/state/guest_knock";
import { readLink } from "../src/state/guest_link";
import { GuestVisit, type GuestPeer, type GuestPeerEvents, type ToGuest } from "../src/state/guest_visit";
import { Scope } from "../src/state/scope";
import type { FromDoctor, Socket } from "../src/state/signalling";

const CALL = "call-1";
const GUEST: GuestCard = { guest_id: "guest-1", role: "interpreter", name: "Mme Karam" };
const TOKEN = "T".repeat(43);

let prints = 0;
const print = () => {
  prints += 1;
  const octet = prints.toString(16).padStart(2, "0").toUpperCase();
  return Array.from({ length: 32 }, () => octet).join(":");
};
const sdp = (fingerprint: string) => `v=0\r\na=fingerprint:sha-256 ${fingerprint}\r\n`;

class FakeGuestPeer implements GuestPeer {
  readonly print = print();
  readonly candidates: string[] = [];
  offered: string | null = null;
  settled = false;
  closed = false;
  constructor(readonly host: Side, readonly events: GuestPeerEvents) {}
  answer(offer: string): Promise<string> {
    this.offered = offer;
    return Promise.resolve(sdp(this.print));
  }
  settle(): Promise<void> {
    this.settled = true;
    return Promise.resolve();
  }
  addCandidate(candidate: RTCIceCandidateInit): Promise<void> {
    this.candidates.push(candidate.candidate ?? "");
    return Promise.resolve();
  }
  close(): void {
    this.closed = true;
  }
}

class FakeHostPeer implements HostPeer {
  readonly print = print();
  accepted: string | null = null;
  closed = false;
  constructor(readonly events: HostPeerEvents) {}
  offer(): Promise<string> {
    return Promise.resolve(sdp(this.print));
  }
  fingerprint(): string {
    return this.print;
  }
  begin(): Promise<void> {
    return Promise.resolve();
  }
  accept(answer: string): Promise<void> {
    this.accepted = answer;
    return Promise.resolve();
  }
  addCandidate(): Promise<void> {
    return Promise.resolve();
  }
  close(): void {
    this.closed = true;
  }
}

class Shelf {
  readonly kept = new Map<string, string>();
  getItem(name: string): string | null {
    return this.kept.get(name) ?? null;
  }
  setItem(name: string, value: string): void {
    this.kept.set(name, value);
  }
  removeItem(name: string): void {
    this.kept.delete(name);
  }
}

/** The relay as far as the guest's socket and the doctor's messages go. */
class Relay {
  readonly sockets: GuestSocket[] = [];
  readonly fromGuest: FrameFromGuest["body"][] = [];
  readonly fromDoctor: FromDoctor[] = [];
  /** What becomes of a message on its way. */
  meddle: <T extends { type: string }>(body: T) => T = (body) => body;
  toVehicle: (body: FrameFromGuest["body"]) => void = () => undefined;
  toDoctor: (body: GuestMessage) => void = () => undefined;
  refusal: string | null = null;
  generation = 0;

  open = (): Socket => {
    const socket = new GuestSocket(this);
    this.sockets.push(socket);
    queueMicrotask(() => socket.onopen?.());
    return socket;
  };

  heard(socket: GuestSocket, { n, body }: FrameFromGuest): void {
    this.fromGuest.push(body);
    if (body.type === "hello") {
      if (this.refusal !== null) socket.say({ type: "error", code: this.refusal, about: 0, facts: {} }, 0);
      else socket.welcome(body.session !== null);
      return;
    }
    if (n > 0) socket.say({ type: "nothing" }, 0, n);
    const passed = this.meddle(body);
    const host = "binding" in passed ? passed.binding.host : "host" in passed ? passed.host : null;
    if (host === "vehicle") this.toVehicle(passed);
    else if (host === "doctor" && (passed.type === "guest_answer" || passed.type === "guest_candidate"
      || passed.type === "guest_refused")) this.toDoctor(passed);
  }

  doctorSays(body: FromDoctor): void {
    this.fromDoctor.push(body);
    const passed = this.meddle(body);
    if (passed.type === "guest_offer" || passed.type === "guest_candidate" || passed.type === "guest_refused") this.tell(passed);
  }

  tell(body: ToGuest): void {
    this.sockets.at(-1)?.say(body);
  }
}

class GuestSocket implements Socket {
  readonly protocol = "passerelle.v1";
  onopen: (() => void) | null = null;
  onmessage: ((event: { data: unknown }) => void) | null = null;
  onclose: (() => void) | null = null;
  closed = false;
  #sent = 0;
  constructor(readonly relay: Relay) {}
  send(text: string): void {
    const frame = JSON.parse(text) as FrameFromGuest;
    queueMicrotask(() => this.relay.heard(this, frame));
  }
  close(): void {
    this.closed = true;
  }
  say(body: ToGuest, n?: number, ack = 0): void {
    this.onmessage?.({ data: JSON.stringify({ n: n ?? (this.#sent += 1), ack, body }) });
  }
  welcome(resumed: boolean): void {
    const welcome: Welcome = {
      type: "welcome", session: "s", resume_token: "r", resumed, last_seen: 0, server_time: "2026-01-01T00:00:00Z",
      ice_servers: [], call_id: CALL, guest: GUEST,
      doctor: { doctor_id: "d", name: "Claire Martin", title: "Dr", speciality: "", rpps: "", certificate: "" },
      vehicle: { vehicle_id: "v", name: "Bus 1", territory: "", simulated: true, certificate: "" },
    };
    this.say(welcome, 0);
  }
}

let scope: Scope;
let relay: Relay;
let time: number;

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["setInterval", "clearInterval", "setTimeout", "clearTimeout"] });
  scope = new Scope();
  relay = new Relay();
  time = 0;
});
afterEach(() => {
  scope.end();
  vi.useRealTimers();
});

const pass = (milliseconds: number) => {
  for (let passed = 0; passed < milliseconds; passed += 100) {
    time += 100;
    vi.advanceTimersByTime(100);
  }
};
/** Keys and signatures are made beside: on a busy machine they take seconds. */
vi.setConfig({ testTimeout: 60_000 });
const until = (held: () => boolean) => vi.waitUntil(held, { timeout: 30_000, interval: 2 });

/** A guest's page; its link's key. */
function visitor(options: { shelf?: Shelf; key?: string; devices?: () => Promise<string | null>; knock?: () => Promise<never> } = {}) {
  const peers: FakeGuestPeer[] = [];
  const shelf = options.shelf ?? new Shelf();
  const released = { count: 0 };
  const visit = new GuestVisit(scope.child(), {
    shelf,
    knock: options.knock ?? (() =>
      Promise.resolve({ guest: GUEST, doctor: "Dr Claire Martin", vehicle: "Bus 1", simulated: true, expires_at: "2026-01-01T00:30:00Z" })),
    socket: { open: relay.open, now: () => time, random: () => 1 },
    devices: options.devices ?? (() => Promise.resolve(null)),
    release: () => {
      released.count += 1;
    },
    peer: (host, _, events) => {
      const peer = new FakeGuestPeer(host, events);
      peers.push(peer);
      return peer;
    },
  });
  const key = options.key ?? makeKey();
  return { visit, peers, shelf, key, fragment: `#${TOKEN}.${key}`, released };
}

async function inside(guest: ReturnType<typeof visitor>) {
  guest.visit.start(guest.fragment);
  await until(() => guest.visit.screen.value === "door");
  guest.visit.enter();
  await until(() => guest.visit.screen.value === "inside");
}

/** The vehicle's offer, sealed with the link's key as the gateway seals it. */
async function vehicleOffer(key: string, generation: number, fingerprint = print()): Promise<GuestOffer> {
  const pair = { host: "vehicle" as const, callId: CALL, guestId: GUEST.guest_id, generation };
  const binding = await bind(await importKey(key), pair, false, sdp(fingerprint));
  return { type: "guest_offer", call_id: CALL, guest_id: GUEST.guest_id, generation, sdp: sdp(fingerprint), binding };
}

describe("a guest's visit", () => {
  test("the door says who invites and uses nothing up; the link opens with the guest's own resume token", async () => {
    const guest = visitor();
    guest.visit.start(guest.fragment);
    await until(() => guest.visit.screen.value === "door");
    expect(guest.visit.door.value).toMatchObject({ doctor: "Dr Claire Martin", guest: GUEST });
    expect(relay.sockets).toHaveLength(0);
    guest.visit.enter();
    await until(() => guest.visit.screen.value === "inside");
    expect(relay.fromGuest[0]).toMatchObject({ type: "hello", role: "guest", token: TOKEN, session: null });
    expect((relay.fromGuest[0] as { resume_token: string }).resume_token).toMatch(/^[A-Za-z0-9_-]{43}$/);
  });

  test.each(["let in", "refused"])("what the relay says late of one link (%s) is not said of the next", async (late) => {
    const answers: { yes: (door: never) => void; no: (reason: unknown) => void }[] = [];
    const guest = visitor({ knock: () => new Promise<never>((yes, no) => answers.push({ yes, no })) });
    const next = "N".repeat(43);
    guest.visit.start(guest.fragment);
    guest.visit.start(`#${next}.${makeKey()}`);
    const door = (name: string) => ({ guest: GUEST, doctor: name, vehicle: "Bus 1", simulated: true, expires_at: "" }) as never;
    if (late === "refused") answers[0]?.no(new NotLetIn("guest.link_used"));
    else answers[0]?.yes(door("Dr Before"));
    for (let turn = 0; turn < 5; turn += 1) await Promise.resolve();
    answers[1]?.yes(door("Dr Now"));
    await until(() => guest.visit.screen.value !== "starting");
    expect(guest.visit.screen.value).toBe("door");
    expect(guest.visit.door.value?.doctor).toBe("Dr Now");
  });

  test("answers the vehicle's offer with a binding that names the offer it fits", async () => {
    const guest = visitor();
    await inside(guest);
    const offer = await vehicleOffer(guest.key, 1);
    relay.tell(offer);
    await until(() => guest.peers[0]?.settled === true);
    const answer = relay.fromGuest.find((body) => body.type === "guest_answer");
    const pair = { host: "vehicle" as const, callId: CALL, guestId: GUEST.guest_id, generation: 1 };
    const key = await importKey(guest.key);
    await verify(key, pair, true, answer?.binding as GuestBinding, answer?.sdp ?? "", offer.binding.fingerprint);
    guest.peers[0]?.events.state("connected");
    expect(guest.visit.pairs.value?.vehicle.phase.value).toBe("connected");
  });

  test("an offer that does not hold is refused aloud before any description is set", async () => {
    const guest = visitor();
    await inside(guest);
    const offer = await vehicleOffer(guest.key, 1);
    relay.tell({ ...offer, sdp: sdp(print()) });
    await until(() => guest.visit.pairs.value?.vehicle.phase.value === "refused");
    expect(guest.peers).toHaveLength(0);
    expect(relay.fromGuest.at(-1)).toMatchObject({ type: "guest_refused", host: "vehicle", generation: 1, code: "binding.fingerprint" });
    expect(relay.fromGuest.some((body) => body.type === "guest_answer")).toBe(false);
    relay.tell(await vehicleOffer(makeKey(), 2));
    await until(() => guest.visit.pairs.value?.vehicle.refusal.value === "binding.mac");
    expect(guest.peers).toHaveLength(0);
  });

  test("a higher generation replaces the connection, an older one changes nothing", async () => {
    const guest = visitor();
    await inside(guest);
    relay.tell(await vehicleOffer(guest.key, 2));
    await until(() => guest.peers.length === 1);
    relay.tell(await vehicleOffer(guest.key, 1));
    relay.tell(await vehicleOffer(guest.key, 3));
    await until(() => guest.peers.length === 2 && guest.peers[1]?.settled === true);
    expect(guest.peers[0]?.closed).toBe(true);
    expect(guest.visit.pairs.value?.vehicle.generation).toBe(3);
  });

  test("candidates that come before the description are kept for it", async () => {
    const guest = visitor();
    await inside(guest);
    relay.tell(await vehicleOffer(guest.key, 1));
    relay.tell({
      type: "guest_candidate", call_id: CALL, guest_id: GUEST.guest_id, host: "vehicle", generation: 1,
      candidate: "candidate:1", sdp_mid: "0", sdp_m_line_index: 0,
    });
    await until(() => guest.peers[0]?.candidates.length === 1);
    expect(guest.peers[0]?.settled).toBe(true);
  });

  test("a lost connection is asked for again, once, and again when nothing came", async () => {
    const guest = visitor();
    await inside(guest);
    relay.tell(await vehicleOffer(guest.key, 1));
    await until(() => guest.peers[0]?.settled === true);
    guest.peers[0]?.events.state("connected");
    guest.peers[0]?.events.state("disconnected");
    expect(guest.visit.pairs.value?.vehicle.phase.value).toBe("interrupted");
    const asked = () => relay.fromGuest.filter((body) => body.type === "guest_rejoin");
    pass(7000);
    expect(asked()).toHaveLength(0);
    pass(2000);
    await until(() => asked().length === 1);
    expect(asked()[0]).toMatchObject({ host: "vehicle", generation: 1 });
    pass(5000);
    expect(asked()).toHaveLength(1);
    pass(8000);
    await until(() => asked().length === 2);
  });

  test("nothing is asked of a relay that is away; when it is back the loss is said", async () => {
    const guest = visitor();
    await inside(guest);
    relay.tell(await vehicleOffer(guest.key, 1));
    await until(() => guest.peers[0]?.settled === true);
    guest.peers[0]?.events.state("connected");
    relay.sockets[0]?.onclose?.();
    guest.peers[0]?.events.state("failed");
    pass(200);
    expect(relay.fromGuest.filter((body) => body.type === "guest_rejoin")).toHaveLength(0);
    pass(200);
    await until(() => guest.visit.link.value === "online");
    pass(600);
    await until(() => relay.fromGuest.filter((body) => body.type === "guest_rejoin").length === 1);
  });

  test("a reload comes back without the link's token, and meets no door", async () => {
    const guest = visitor();
    await inside(guest);
    const hello = relay.fromGuest[0] as { resume_token: string };
    relay.fromGuest.length = 0;
    const again = visitor({ shelf: guest.shelf });
    again.visit.start("");
    await until(() => again.visit.screen.value === "inside");
    expect(relay.fromGuest[0]).toMatchObject({ type: "hello", token: "", session: null, resume_token: hello.resume_token });
    relay.tell(await vehicleOffer(guest.key, 2));
    await until(() => again.peers[0]?.settled === true);
  });

  test.each(["guest.link_used", "guest.link_expired", "guest.link_unknown", "guest.call_over"])(
    "%s at the door ends the visit in words, and a reload does not knock again", async (code) => {
      let knocks = 0;
      const knock = () => {
        knocks += 1;
        return Promise.reject(new NotLetIn(code));
      };
      const guest = visitor({ knock });
      guest.visit.start(guest.fragment);
      await until(() => guest.visit.screen.value === "over");
      expect(guest.visit.problem.value?.code).toBe(code);
      const again = visitor({ shelf: guest.shelf, knock });
      again.visit.start("");
      expect(again.visit.problem.value?.code).toBe(code);
      expect(knocks).toBe(1);
    });

  test("a link that was used between the door and the entry ends the visit", async () => {
    const guest = visitor();
    guest.visit.start(guest.fragment);
    await until(() => guest.visit.screen.value === "door");
    relay.refusal = "guest.link_used";
    guest.visit.enter();
    await until(() => guest.visit.screen.value === "over");
    expect(guest.visit.problem.value?.code).toBe("guest.link_used");
    expect(guest.released.count).toBe(1);
  });

  test("a relay that does not answer is asked again by itself", async () => {
    let knocks = 0;
    const guest = visitor({ knock: () => { knocks += 1; return Promise.reject(new NotLetIn("relay.unreachable")); } });
    guest.visit.start(guest.fragment);
    await until(() => guest.visit.problem.value?.code === "relay.unreachable");
    expect(guest.visit.screen.value).toBe("starting");
    pass(3000);
    await until(() => knocks === 2);
  });

  test("without a microphone nobody enters and the link stays whole", async () => {
    let fault: string | null = "device.refused";
    const guest = visitor({ devices: () => Promise.resolve(fault) });
    guest.visit.start(guest.fragment);
    await until(() => guest.visit.screen.value === "door");
    guest.visit.enter();
    await until(() => guest.visit.problem.value?.code === "device.refused");
    expect(guest.visit.screen.value).toBe("door");
    expect(relay.sockets).toHaveLength(0);
    fault = null;
    guest.visit.enter();
    await until(() => guest.visit.screen.value === "inside");
  });

  test("an incomplete link, and none, say so", () => {
    for (const fragment of ["#abc", `#${TOKEN}.short`, ""]) {
      const guest = visitor();
      guest.visit.start(fragment);
      expect(guest.visit.problem.value?.code).toBe("guest.link_incomplete");
    }
  });

  test("who leaves says so, closes everything, and the key is gone from the browser", async () => {
    const guest = visitor();
    await inside(guest);
    relay.tell(await vehicleOffer(guest.key, 1));
    await until(() => guest.peers[0]?.settled === true);
    guest.visit.leave();
    await until(() => relay.fromGuest.at(-1)?.type === "guest_left");
    expect(guest.visit.problem.value?.code).toBe("guest.left");
    expect(guest.peers[0]?.closed).toBe(true);
    expect(guest.released.count).toBe(1);
    expect([...guest.shelf.kept.values()].join()).not.toContain(guest.key);
    pass(2500);
    expect(relay.sockets[0]?.closed).toBe(true);
  });

  test("removed by the doctor, the page does not come back", async () => {
    const guest = visitor();
    await inside(guest);
    relay.tell({ type: "dismissed", code: "guest.removed" });
    expect(guest.visit.problem.value?.code).toBe("guest.removed");
    pass(60_000);
    expect(relay.sockets).toHaveLength(1);
  });

  test("another window took the visit over: this one can take it back", async () => {
    const guest = visitor();
    await inside(guest);
    relay.tell({ type: "dismissed", code: "session.replaced" });
    expect(guest.visit.screen.value).toBe("over");
    guest.visit.enter();
    await until(() => guest.visit.screen.value === "inside");
    relay.tell(await vehicleOffer(guest.key, 5));
    await until(() => guest.peers.length === 1);
  });
});

describe("the doctor's page with a guest", () => {
  const opened = signal(1);
  const situation = signal<readonly GuestView[]>([]);
  const live = signal(true);
  let told: ControlToVehicle[];
  let heard: boolean;
  let online: boolean;

  beforeEach(() => {
    opened.value = 1;
    situation.value = [];
    live.value = true;
    told = [];
    heard = true;
    online = true;
  });

  function desk(shelf = new Shelf()) {
    const peers: FakeHostPeer[] = [];
    const hosting = new GuestHosting(scope.child(), {
      callId: CALL,
      origin: "https://relay.example",
      invite: (role, name): Promise<GuestInvitation> =>
        Promise.resolve({ guest: { ...GUEST, role, name }, token: TOKEN, expires_at: new Date(30 * 60_000).toISOString() }),
      tell: (message) => {
        if (heard) told.push(message);
        return heard;
      },
      opened, situation, live,
      signal: (body) => relay.doctorSays(body),
      online: () => online,
      peer: (_, events) => {
        const peer = new FakeHostPeer(events);
        peers.push(peer);
        return peer;
      },
      shelf,
      now: () => time,
      clock: () => time,
    });
    relay.toDoctor = (body) => hosting.received(body);
    const one = () => hosting.guests.value[0];
    const entered = (generation: number) =>
      hosting.received({ type: "guest_entered", call_id: CALL, guest: GUEST, generation, ice_servers: [] });
    return { hosting, peers, shelf, one, entered };
  }

  test("a link has the relay's token and a key that only the vehicle is told", async () => {
    const { hosting, one } = desk();
    await hosting.invite("interpreter", "Mme Karam");
    const link = readLink(new URL(one()?.link ?? "").hash);
    expect(link?.token).toBe(TOKEN);
    expect(told).toEqual([{ type: "guest_invited", guest: GUEST, key: link?.key, expires_at: new Date(30 * 60_000).toISOString() }]);
    expect(relay.fromDoctor).toEqual([]);
    expect(one()?.state).toBe("invited");
  });

  test("page to page: both bindings hold, both connect, and the token is forgotten once it was used", async () => {
    const doctor = desk();
    await doctor.hosting.invite("interpreter", "Mme Karam");
    const fragment = new URL(doctor.one()?.link ?? "").hash;
    const guest = visitor({ key: fragment.split(".")[1] ?? "" });
    await inside(guest);
    doctor.entered(1);
    expect(doctor.one()).toMatchObject({ state: "connecting", link: null });
    await until(() => doctor.peers[0]?.accepted !== null && doctor.peers[0] !== undefined);
    expect(doctor.peers[0]?.accepted).toBe(sdp(guest.peers[0]?.print ?? ""));
    expect(guest.peers[0]?.offered).toBe(sdp(doctor.peers[0]?.print ?? ""));
    doctor.peers[0]?.events.state("connected");
    guest.peers[0]?.events.state("connected");
    expect(doctor.one()?.state).toBe("present");
    expect(guest.visit.pairs.value?.doctor.phase.value).toBe("connected");
    expect(JSON.stringify([...doctor.shelf.kept])).not.toContain(TOKEN);
  });

  test.each(["guest_offer", "guest_answer"])("a relay that swaps the fingerprint of a %s gets nobody connected", async (kind) => {
    const doctor = desk();
    await doctor.hosting.invite("interpreter", "Mme Karam");
    const guest = visitor({ key: new URL(doctor.one()?.link ?? "").hash.split(".")[1] ?? "" });
    relay.meddle = (body) => (body.type === kind ? { ...body, sdp: sdp(print()) } : body);
    await inside(guest);
    doctor.entered(1);
    await until(() => doctor.one()?.state === "refused" && guest.visit.pairs.value?.doctor.phase.value === "refused");
    expect(doctor.peers[0]?.accepted).toBeNull();
    expect(doctor.peers.every((peer) => peer.closed) && guest.peers.every((peer) => peer.closed)).toBe(true);
    const refusals = [...relay.fromDoctor, ...relay.fromGuest].filter((body) => body.type === "guest_refused");
    expect(refusals).toHaveLength(1);
  });

  test("what the vehicle must know is said again whenever its line opens, and a removal too", async () => {
    const { hosting } = desk();
    heard = false;
    await hosting.invite("interpreter", "Mme Karam");
    heard = true;
    opened.value += 1;
    expect(told.map((message) => message.type)).toEqual(["guest_invited"]);
    heard = false;
    hosting.remove(GUEST.guest_id);
    heard = true;
    opened.value += 1;
    expect(told.map((message) => message.type)).toEqual(["guest_invited", "guest_removed"]);
    expect(relay.fromDoctor.at(-1)).toMatchObject({ type: "guest_left", guest_id: GUEST.guest_id });
  });

  test("a reloaded page knows the key again, tells the vehicle, and offers the next generation", async () => {
    const before = desk();
    await before.hosting.invite("interpreter", "Mme Karam");
    const key = new URL(before.one()?.link ?? "").hash.split(".")[1] ?? "";
    const guest = visitor({ key });
    await inside(guest);
    before.entered(1);
    await until(() => before.peers[0]?.accepted !== null && before.peers[0] !== undefined);
    before.hosting.scope.end();
    told.length = 0;
    const after = desk(before.shelf);
    expect(told).toMatchObject([{ type: "guest_invited", key }]);
    after.entered(2);
    await until(() => after.peers[0]?.accepted !== null && after.peers[0] !== undefined);
    expect(guest.peers).toHaveLength(2);
  });

  test("a guest whose key this page does not have is named and not connected", () => {
    const { one, peers, entered } = desk();
    entered(1);
    expect(one()).toMatchObject({ state: "refused", refusal: "guest.key_missing" });
    expect(peers).toHaveLength(0);
  });

  test("a link that nobody opened in time says so and is not shown", async () => {
    const { hosting, one } = desk();
    await hosting.invite("relative", "M. Petit");
    time = 30 * 60_000 + 1000;
    vi.advanceTimersByTime(1000);
    expect(one()).toMatchObject({ state: "expired", link: null });
  });

  test("a guest who goes away is not called for until the page is back", async () => {
    const doctor = desk();
    await doctor.hosting.invite("interpreter", "Mme Karam");
    doctor.entered(1);
    await until(() => doctor.peers.length === 1);
    doctor.hosting.received({ type: "guest_away", call_id: CALL, guest_id: GUEST.guest_id, away: true });
    expect(doctor.one()?.state).toBe("away");
    pass(30_000);
    const asked = () => relay.fromDoctor.filter((body) => body.type === "guest_rejoin");
    expect(asked()).toHaveLength(0);
    doctor.hosting.received({ type: "guest_away", call_id: CALL, guest_id: GUEST.guest_id, away: false });
    pass(9000);
    expect(asked()).toHaveLength(0);
    pass(2000);
    expect(asked()).toHaveLength(1);
  });

  test("removed by the nurse, or gone by itself, a guest leaves the list and its connection closes", async () => {
    const doctor = desk();
    await doctor.hosting.invite("interpreter", "Mme Karam");
    doctor.entered(1);
    await until(() => doctor.peers.length === 1);
    doctor.hosting.received({ type: "guest_left", call_id: CALL, guest_id: GUEST.guest_id, by: "Bus 1" });
    expect(doctor.hosting.guests.value).toEqual([]);
    expect(doctor.peers[0]?.closed).toBe(true);
    doctor.entered(2);
    expect(doctor.peers).toHaveLength(1);
    opened.value += 1;
    expect(told.map((message) => message.type)).toEqual(["guest_invited"]);
  });

  test("the end of the call closes every connection and forgets the keys", async () => {
    const doctor = desk();
    await doctor.hosting.invite("interpreter", "Mme Karam");
    doctor.entered(1);
    await until(() => doctor.peers.length === 1);
    live.value = false;
    expect(doctor.peers[0]?.closed).toBe(true);
    expect(doctor.shelf.kept.size).toBe(0);
    opened.value += 1;
    expect(told.filter((message) => message.type === "guest_invited")).toHaveLength(1);
  });

  test("guests whom only the vehicle knows are shown, without a picture", () => {
    const { hosting } = desk();
    situation.value = [{ guest: { ...GUEST, guest_id: "other" }, state: "present", since: null }];
    expect(hosting.guests.value).toMatchObject([{ guest: { guest_id: "other" }, state: "present", voice: null, link: null }]);
    hosting.remove("other");
    expect(told).toEqual([{ type: "guest_removed", guest_id: "other" }]);
  });
});
