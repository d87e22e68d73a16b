// Who is in the call beside the nurse, as far as they may hear the room. Pure.
import type { Encounter, GuestView } from "../protocol/types";
import { inCall } from "./kiosk_instruments";

/** Guests who hear the room, are coming in, or may be back any moment: one who has not opened the link hears nothing. */
export function companyOf(encounter: Encounter | null): readonly GuestView[] | null {
  if (encounter === null || !inCall(encounter)) return null;
  return encounter.guests.filter(({ state }) => state === "present" || state === "connecting" || state === "away");
}
