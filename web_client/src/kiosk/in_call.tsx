// Who hears the room, on every screen that is not the call's own: one thin line under the bar. A touch leads back.
import { sayCall } from "../i18n/kiosk_call";
import type { Encounter, GuestView } from "../protocol/types";
import { companyOf } from "../state/kiosk_company";
import { useGateway, useKiosk } from "./context";
import { Icon } from "./icons";

export function InCallLine() {
  const { desk } = useKiosk();
  const { encounter } = useGateway();
  const company = companyOf(encounter);
  if (encounter === null || company === null || desk.screen.value === "call") return null;
  return (
    <button type="button" class="in-call" data-testid="in-call" data-count={company.length + 1} onClick={() => { desk.place.value = "stage"; }}>
      <Icon name={encounter.stage === "interrupted" ? "connecting" : "people"} size={28} />
      <span class="in-call-who">
        <b>{sayCall(encounter.stage === "interrupted" ? "in_call_interrupted" : "in_call")}</b> <Names encounter={encounter} guests={company} />
      </span>
      <span class="in-call-back">
        {sayCall("back_to_call")} <Icon name="arrow" size={24} />
      </span>
    </button>
  );
}

function Names({ encounter, guests }: { encounter: Encounter; guests: readonly GuestView[] }) {
  return (
    <>
      <span>{encounter.doctor}</span>
      {guests.map((each) => (
        <span key={each.guest.guest_id} class={each.state} data-testid={`in-call-${each.guest.guest_id}`} data-state={each.state}>
          {" · "}
          {sayCall("in_call_guest", { name: each.guest.name, as: sayCall(each.state === "present" ? each.guest.role : `guest_${each.state}`) })}
        </span>
      ))}
    </>
  );
}
