import { describe, expect, test } from "vitest";
import type { FrameToDoctor, Welcome } from "../src/protocol/types";
import { BacklogFull, Numbering } from "../src/state/numbering";

const welcome = (change: Partial<Welcome>): Welcome => ({
  type: "welcome",
  session: "s1",
  resume_token: "t1",
  resumed: false,
  last_seen: 0,
  server_time: "2026-01-01T00:00:00Z",
  ice_servers: [], guest: null, call_id: null,
  doctor: null,
  vehicle: null,
  ...change,
});
const from = (n: number, ack = 0): FrameToDoctor => ({ n, ack, body: { type: "nothing" } });
const take = (id: string) => ({ type: "take", encounter_id: id }) as const;

describe("numbering", () => {
  test("numbers from 1 and acknowledges what came in order", () => {
    const numbering = new Numbering();
    numbering.welcome(welcome({}));
    expect(numbering.in(from(1))).toBe("deliver");
    expect(numbering.in(from(2))).toBe("deliver");
    expect(numbering.out(take("a"))).toMatchObject({ n: 1, ack: 2 });
    expect(numbering.out(take("b"))).toMatchObject({ n: 2, ack: 2 });
  });

  test("delivers each frame once and says when one is missing", () => {
    const numbering = new Numbering();
    numbering.welcome(welcome({}));
    expect(numbering.in(from(1))).toBe("deliver");
    expect(numbering.in(from(1))).toBe("duplicate");
    expect(numbering.in(from(3))).toBe("hole");
    expect(numbering.in(from(0))).toBe("deliver");
    expect(numbering.resumable.lastSeen).toBe(1);
  });

  test("after a resume sends again exactly what the relay has not seen, with its old numbers", () => {
    const numbering = new Numbering();
    numbering.welcome(welcome({}));
    for (const id of ["a", "b", "c"]) numbering.out(take(id));
    numbering.in(from(1, 1));
    const again = numbering.welcome(welcome({ resumed: true, last_seen: 2, resume_token: "t2" }));
    expect(again).toEqual([{ n: 3, ack: 1, body: take("c") }]);
    expect(numbering.resumable).toEqual({ session: "s1", resumeToken: "t2", lastSeen: 1 });
  });

  test("a session that is gone starts from nothing on both sides", () => {
    const numbering = new Numbering();
    numbering.welcome(welcome({}));
    numbering.out(take("a"));
    numbering.in(from(1));
    expect(numbering.welcome(welcome({ session: "s2" }))).toEqual([]);
    expect(numbering.resumable.lastSeen).toBe(0);
    expect(numbering.out(take("b"))).toMatchObject({ n: 1, ack: 0 });
  });

  test("a backlog that the relay would not keep either is refused", () => {
    const numbering = new Numbering();
    for (let i = 0; i < 256; i += 1) numbering.out(take("a"));
    expect(() => numbering.out(take("a"))).toThrow(BacklogFull);
  });
});
