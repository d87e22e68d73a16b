import { describe, expect, test } from "vitest";
import { companyOf } from "../src/state/kiosk_company";
import { encounter, guest } from "./kiosk_states";

describe("who is in the call", () => {
  test("nobody is named before there is a call, nor after it", () => {
    for (const stage of ["ready", "waiting", "after"] as const) expect(companyOf(encounter({ stage, guests: [guest("present")] }))).toBeNull();
    expect(companyOf(null)).toBeNull();
  });

  test("who hears the room or may hear it any moment is named; an unopened invitation and who has left are not", () => {
    const guests = (["invited", "connecting", "present", "away", "left"] as const).map((state) => guest(state, state));
    for (const stage of ["in_call", "interrupted"] as const) {
      expect(companyOf(encounter({ stage, guests }))?.map(({ guest: { name } }) => name)).toEqual(["connecting", "present", "away"]);
    }
  });
});
