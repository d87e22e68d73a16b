import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { Scope } from "../src/state/scope";
import { Vigil, type Watched } from "../src/state/vigil";

describe("the machine's sleep and network", () => {
  let scope: Scope;
  let clock: number;
  let addresses: Set<string> | null;
  let looks: number;
  let renewed: number;
  let call: { silence: number | null; flow: number | null; localAddress: string | null; doubts: number[]; rejoins: string[] } & Watched;
  let vigil: Vigil;

  beforeEach(() => {
    vi.useFakeTimers();
    scope = new Scope();
    clock = 1_000_000;
    addresses = new Set(["10.0.0.7"]);
    looks = renewed = 0;
    const doubts: number[] = [];
    const rejoins: string[] = [];
    call = {
      silence: 0, flow: 20, localAddress: "10.0.0.7", doubts, rejoins,
      doubt: (milliseconds) => doubts.push(milliseconds),
      rejoin: (cause) => rejoins.push(cause),
    };
    vigil = new Vigil(scope, {
      clock: () => clock,
      addresses: () => {
        looks += 1;
        return Promise.resolve(addresses);
      },
      call: () => call,
      renew: () => (renewed += 1),
    });
  });
  afterEach(() => {
    scope.end();
    vi.useRealTimers();
  });

  const pass = async (seconds: number) => {
    for (let n = 0; n < seconds; n += 1) {
      clock += 1000;
      await vi.advanceTimersByTimeAsync(1000);
    }
  };

  test("while the vehicle is heard nothing is looked at", async () => {
    await pass(60);
    expect([looks, renewed, call.doubts, call.rejoins]).toEqual([0, 0, [], []]);
  });

  test("timers of a hidden tab that come late are no sleep; a minute between two of them is", async () => {
    clock += 9000;
    await vi.advanceTimersByTimeAsync(1000);
    expect(call.doubts).toEqual([]);
    clock += 60_000;
    await vi.advanceTimersByTimeAsync(1000);
    expect(call.doubts).toEqual([1200]);
    expect(renewed).toBe(1);
    clock += 12_000;
    await vi.advanceTimersByTimeAsync(1000);
    expect(call.doubts).toEqual([1200, 3000]);
  });

  test.each([
    ["a late beat", { silence: 1300, flow: null }],
    ["a picture that stands", { silence: 500, flow: 500 }],
  ])("%s is looked into within a tenth of a second, and not again before a second", async (_, quiet) => {
    Object.assign(call, quiet);
    for (const expected of [1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 2]) {
      clock += 100;
      await vi.advanceTimersByTimeAsync(100);
      expect(looks).toBe(expected);
    }
  });

  test("silence on an address that is gone asks for a new connection at once", async () => {
    addresses = new Set(["192.168.43.12"]);
    [call.silence, call.flow] = [500, 500];
    await pass(1);
    expect(call.rejoins).toEqual(["call.network_changed"]);
    expect(renewed).toBe(1);
  });

  test("a call without sound or picture is not looked into between two beats", async () => {
    [call.silence, call.flow] = [900, null];
    await pass(5);
    expect(looks).toBe(0);
  });

  test("silence on an address that is still ours is the vehicle's: it is left to heal", async () => {
    call.silence = 20_000;
    await pass(20);
    expect([call.rejoins, renewed]).toEqual([[], 0]);
    expect(looks).toBeGreaterThan(10);
  });

  test("an address that went while another one carries the call changes nothing", async () => {
    addresses = new Set(["192.168.43.12"]);
    vigil.moved();
    await pass(3);
    expect(call.rejoins).toEqual([]);
  });

  test("addresses that the browser hides decide nothing", async () => {
    addresses = null;
    call.silence = 5000;
    await pass(3);
    expect([call.rejoins, vigil.offlineSince.value]).toEqual([[], null]);
  });

  test("without any address the machine is off line, and its return makes a new socket", async () => {
    addresses = new Set();
    call.silence = 2000;
    await pass(2);
    expect(vigil.offlineSince.value).toBe(1_001_000);
    expect(call.rejoins).toEqual([]);
    addresses = new Set(["10.0.0.7"]);
    await pass(1);
    expect(vigil.offlineSince.value).toBe(null);
    expect(renewed).toBe(1);
  });

  test("the browser's own word is taken at once, and a network that comes up slowly is looked at again", async () => {
    vigil.offline();
    expect(vigil.offlineSince.value).toBe(clock);
    vigil.online();
    expect([vigil.offlineSince.value, renewed, call.doubts]).toEqual([null, 1, [1500]]);
    await pass(4);
    expect(looks).toBe(4);
  });
});
