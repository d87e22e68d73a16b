import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import type { FrameFromDoctor, FrameToDoctor } from "../src/protocol/types";
import { Scope } from "../src/state/scope";
import { Signalling, type Socket, type ToDoctor } from "../src/state/signalling";

class FakeSocket implements Socket {
  readonly protocol = "passerelle.v1";
  readonly sent: FrameFromDoctor[] = [];
  closed = false;
  onopen: (() => void) | null = null;
  onmessage: ((event: { data: unknown }) => void) | null = null;
  onclose: (() => void) | null = null;
  send(text: string): void {
    this.sent.push(JSON.parse(text) as FrameFromDoctor);
  }
  close(): void {
    this.closed = true;
  }
  say(n: number, body: ToDoctor, ack = 0): void {
    this.onmessage?.({ data: JSON.stringify({ n, ack, body } satisfies FrameToDoctor) });
  }
  welcome(resumed: boolean, last_seen = 0): void {
    this.say(0, {
      type: "welcome",
      session: "s",
      resume_token: "t",
      resumed,
      last_seen,
      server_time: "2026-01-01T00:00:00Z",
      ice_servers: [], guest: null, call_id: null,
      doctor: null,
      vehicle: null,
    });
  }
}

const events = () => ({ received: vi.fn(), welcomed: vi.fn(), dismissed: vi.fn(), signedOut: vi.fn() });

describe("signalling", () => {
  let sockets: FakeSocket[];
  let scope: Scope;
  let token: () => Promise<string>;

  beforeEach(() => {
    vi.useFakeTimers();
    sockets = [];
    scope = new Scope();
    token = () => Promise.resolve("jwt");
  });
  afterEach(() => {
    scope.end();
    vi.useRealTimers();
  });

  const begin = (listeners = events()) => {
    const signalling = new Signalling(
      scope,
      {
        open: () => {
          const socket = new FakeSocket();
          sockets.push(socket);
          return socket;
        },
        token: () => token(),
        now: () => Date.now(),
        random: () => 1,
      },
      listeners,
    );
    signalling.start();
    return { signalling, listeners };
  };
  const connected = async () => {
    await vi.advanceTimersByTimeAsync(0);
    const socket = sockets.at(-1) as FakeSocket;
    socket.onopen?.();
    return socket;
  };

  test("greets with version, role and token, and is online once welcomed", async () => {
    const { signalling } = begin();
    const socket = await connected();
    expect(socket.sent[0]).toMatchObject({ n: 0, body: { type: "hello", version: 1, role: "doctor", token: "jwt", session: null } });
    expect(signalling.state.value).toBe("connecting");
    socket.welcome(false);
    expect(signalling.state.value).toBe("online");
  });

  test("after a break resumes the session and sends again what was lost", async () => {
    const { signalling, listeners } = begin();
    const first = await connected();
    first.welcome(false);
    first.say(1, { type: "queue", entries: [] });
    signalling.send({ type: "take", encounter_id: "e" });
    first.onclose?.();
    expect(signalling.state.value).toBe("connecting");
    await vi.advanceTimersByTimeAsync(250);
    const second = await connected();
    expect(second.sent[0]?.body).toMatchObject({ session: "s", resume_token: "t", last_seen: 1 });
    second.welcome(true);
    expect(second.sent[1]).toMatchObject({ n: 1, ack: 1, body: { type: "take" } });
    expect(listeners.received).toHaveBeenCalledTimes(1);
  });

  test("backs off from 0.25 to 5 seconds", async () => {
    begin();
    const pauses: number[] = [];
    for (let i = 0; i < 8; i += 1) {
      await connected();
      const before = Date.now();
      const had = sockets.length;
      sockets.at(-1)?.onclose?.();
      while (sockets.length === had) await vi.advanceTimersByTimeAsync(50);
      pauses.push(Date.now() - before);
    }
    expect(pauses).toEqual([250, 500, 1000, 2000, 4000, 5000, 5000, 5000]);
  });

  test("acknowledges within 0.1 s when nothing else travels", async () => {
    begin();
    const socket = await connected();
    socket.welcome(false);
    socket.say(1, { type: "queue", entries: [] });
    await vi.advanceTimersByTimeAsync(100);
    expect(socket.sent.at(-1)).toEqual({ n: 0, ack: 1, body: { type: "nothing" } });
  });

  test("gives up a socket that confirms nothing", async () => {
    const { signalling } = begin();
    const socket = await connected();
    socket.welcome(false);
    signalling.send({ type: "take", encounter_id: "e" });
    await vi.advanceTimersByTimeAsync(10_000);
    expect(socket.closed).toBe(true);
  });

  test("reconnects when a number skips ahead", async () => {
    const { signalling } = begin();
    const socket = await connected();
    socket.welcome(false);
    socket.say(5, { type: "queue", entries: [] });
    expect(socket.closed).toBe(true);
    expect(signalling.state.value).toBe("connecting");
  });

  test("once dismissed it does not come back by itself", async () => {
    const { signalling, listeners } = begin();
    const socket = await connected();
    socket.welcome(false);
    socket.say(1, { type: "dismissed", code: "session.replaced" });
    await vi.advanceTimersByTimeAsync(60_000);
    expect(listeners.dismissed).toHaveBeenCalledWith("session.replaced");
    expect(sockets).toHaveLength(1);
    expect(signalling.state.value).toBe("ended");
  });

  test("a session that ended asks for a sign-in instead of knocking for ever", async () => {
    token = () => Promise.reject(Object.assign(new Error(), { code: "session.needed" }));
    const { listeners } = begin();
    await vi.advanceTimersByTimeAsync(60_000);
    expect(listeners.signedOut).toHaveBeenCalledTimes(1);
    expect(sockets).toHaveLength(0);
  });

  test("what is not JSON, or not text, is dropped", async () => {
    const { signalling, listeners } = begin();
    const socket = await connected();
    socket.welcome(false);
    socket.onmessage?.({ data: "{" });
    socket.onmessage?.({ data: new ArrayBuffer(4) });
    expect(signalling.state.value).toBe("online");
    expect(listeners.received).not.toHaveBeenCalled();
  });

  test("after a sleep or on another network the socket is made anew at once, once for several signs of it", async () => {
    const { signalling } = begin();
    const first = await connected();
    first.welcome(false);
    signalling.renew();
    signalling.renew();
    expect([first.closed, signalling.state.value]).toEqual([true, "connecting"]);
    const second = await connected();
    expect(sockets).toHaveLength(2);
    expect(second.sent[0]).toMatchObject({ body: { type: "hello", session: "s", resume_token: "t" } });
    second.welcome(true);
    expect(signalling.state.value).toBe("online");
  });

  test("a socket that comes back asks for no other token, unless the one it has is refused or old", async () => {
    let made = 0;
    token = () => Promise.resolve(`jwt${(made += 1)}`);
    const { signalling } = begin();
    (await connected()).welcome(false);
    sockets.at(-1)?.onclose?.();
    await vi.advanceTimersByTimeAsync(300);
    (await connected()).welcome(true);
    expect(made).toBe(1);
    sockets.at(-1)?.onclose?.();
    await vi.advanceTimersByTimeAsync(300);
    const refused = await connected();
    refused.say(0, { type: "error", code: "session.expired", about: 0, facts: {} });
    refused.onclose?.();
    await vi.advanceTimersByTimeAsync(5000);
    expect(made).toBe(2);
    (await connected()).welcome(true);
    await vi.advanceTimersByTimeAsync(300_000);
    signalling.renew();
    await connected();
    expect(made).toBe(3);
  });
});
