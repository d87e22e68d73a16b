// Who else is in the call: always in sight, and a way to end it.
import { useSignal } from "@preact/signals";
import { sayCall } from "../i18n/kiosk_call";
import type { Encounter, GuestView } from "../protocol/types";
import { useKiosk } from "./context";
import { Icon } from "./icons";
import { Ask, Press, useBusy } from "./parts";
import { Picture } from "./picture";

/** A guest who has gone is nobody's concern any more. */
const here = (encounter: Encounter): readonly GuestView[] => encounter.guests.filter((each) => each.state !== "left");

const roleAndState = ({ guest, state }: GuestView): string => `${sayCall(guest.role)} · ${sayCall(`guest_${state}`)}`;

export function Guests({ encounter }: { encounter: Encounter }) {
  return here(encounter).map((each) => <Guest key={each.guest.guest_id} view={each} />);
}

function Guest({ view }: { view: GuestView }) {
  const { desk } = useKiosk();
  const asking = useSignal(false);
  const busy = useBusy("remove_guest");
  const { guest, state } = view;
  const invited = state === "invited";
  return (
    <div class={`guest ${state}`} data-testid={`guest-${guest.guest_id}`} data-state={state}>
      <Icon name={state === "away" ? "warning" : state === "present" ? "people" : "clock"} size={30} />
      <span class="guest-words">
        <b>{guest.name}</b>
        <small>{roleAndState(view)}</small>
      </span>
      <Press id={`guest-remove-${guest.guest_id}`} look="stop" disabled={busy} press={() => { asking.value = true; }}>
        {sayCall(invited ? "take_back" : "remove")}
      </Press>
      {asking.value && (
        <Ask id="guest-ask" title={sayCall(invited ? "take_back_title" : "remove_title", { name: guest.name })} yes={sayCall(invited ? "take_back" : "remove")} no={sayCall("keep_guest")}
          look="stop main" icon="close"
          confirm={() => {
            asking.value = false;
            return desk.send({ type: "remove_guest", guest_id: guest.guest_id });
          }}
          cancel={() => { asking.value = false; }}>
          <p>{sayCall(invited ? "take_back_explain" : "remove_explain")}</p>
          <p class="soft">{sayCall("remove_again")}</p>
        </Ask>
      )}
    </div>
  );
}

/** Names alone, where there is no room for more. */
export function GuestNames({ encounter }: { encounter: Encounter }) {
  return here(encounter).map((each) => (
    <span key={each.guest.guest_id} class={`guest-name ${each.state}`} data-testid={`guest-${each.guest.guest_id}`} data-state={each.state}>
      <b>{each.guest.name}</b>
      <small>{each.state === "present" ? sayCall(each.guest.role) : roleAndState(each)}</small>
    </span>
  ));
}

/** The guest's picture; nothing at all for a guest without one. With several it is not known whose it is: no name then. */
export function GuestPicture({ encounter }: { encounter: Encounter }) {
  const { media } = useKiosk();
  const present = here(encounter).filter((each) => each.state === "present");
  if (present.length === 0 || media.guestPicture.value === null) return null;
  return (
    <div class="guest-small">
      <Picture id="guest-picture" track={media.guestPicture.value} onlyLive icon="user" waits="">
        {present.length === 1 && <span class="guest-label">{present[0]?.guest.name}</span>}
      </Picture>
    </div>
  );
}
