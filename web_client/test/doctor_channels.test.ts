// What a vehicle that was taken over says on the channels: refused with a code, the next message is heard.
import { expect, test } from "vitest";
import type { ControlToVehicle } from "../src/protocol/types";
import { DoctorChannels } from "../src/state/doctor_channels";
import { EncounterRecord } from "../src/state/doctor_record";
import { Scope } from "../src/state/scope";

const HOSTILE: readonly unknown[] = [
  "",
  "{",
  "null",
  "7",
  "[]",
  "{}",
  '"beat"',
  '{"type":null}',
  '{"type":"event"}',
  '{"type":"event","event":null}',
  '{"type":"situation"}',
  '{"type":"situation","encounter":null}',
  "[".repeat(200_000),
  '{"type":"beat","x":"' + "x".repeat(2_000_000) + '"}',
  new ArrayBuffer(10),
  undefined,
];

test("what is no message is refused and ends nothing", () => {
  const said: ControlToVehicle[] = [];
  const scope = new Scope();
  const channels = new DoctorChannels(scope, new EncounterRecord("enc-1"), {
    send: (message) => said.push(message) > 0,
    shown: () => Promise.resolve(),
    now: () => 1000,
    quality: () => undefined,
    problem: () => undefined,
  });
  for (const data of HOSTILE) channels.control(data);
  expect(said).toEqual(HOSTILE.map(() => ({ type: "problem", code: "channel.message", about: "" })));
  for (let size = 0; size < 64; size++) channels.binary(new Uint8Array(size).fill(0x57).buffer);
  expect(said.slice(HOSTILE.length).every((message) => message.type === "problem")).toBe(true);
  channels.control('{"type":"of tomorrow"}');
  channels.control('{"type":"beat","sent":7,"echo":null}');
  channels.opened();
  expect(said.at(-1)).toEqual({ type: "beat", sent: 1, echo: 7 });
  scope.end();
});
