// Third persons on the doctor's page: who is invited, who is in, seen small and heard, and the way out.
import { useEffect, useRef, useState } from "preact/hooks";
import { roleWords, sayGuest } from "../i18n/guest_panel";
import { playOn } from "../rtc/devices";
import type { Consultation } from "../state/doctor_desk";
import type { HostedGuest } from "../state/guest_hosting";
import { run } from "../state/scope";
import { InviteDialog, LinkDialog } from "./guest_invitation";
import { soundTries, speaker } from "./media";
import { Picture } from "./picture";

/** The button of the call's controls. */
export function InviteGuest({ it }: { it: Consultation }) {
  const [open, setOpen] = useState(false);
  return (
    <>
      <button type="button" class="button guest-invite" data-testid="guest-invite" onClick={() => setOpen(true)}>
        {sayGuest("invite")}
      </button>
      {open && <InviteDialog it={it} close={() => setOpen(false)} />}
    </>
  );
}

/** Below the room's picture; nothing where nobody is invited. */
export function Guests({ it }: { it: Consultation }) {
  const guests = it.guests.guests.value;
  if (guests.length === 0 || !it.call.live.value) return null;
  return (
    <ul class="guests" aria-label={sayGuest("guests")} data-testid="guests">
      {guests.map((each) => (
        <Guest key={each.guest.guest_id} it={it} each={each} />
      ))}
    </ul>
  );
}

function Guest({ it, each }: { it: Consultation; each: HostedGuest }) {
  const { guest, state } = each;
  const [asking, setAsking] = useState(false);
  const [showing, setShowing] = useState(false);
  const remove = () => it.guests.remove(guest.guest_id);
  const waiting = state === "invited" || state === "expired";
  const seen = each.picture !== null && state === "present";
  return (
    <li
      class={seen ? "guest seen" : "guest"}
      data-testid="guest"
      data-guest={guest.guest_id}
      data-role={guest.role}
      data-state={state}
    >
      <div class="guest-picture">
        {seen ? (
          <GuestPicture each={each} />
        ) : (
          <span class="guest-initial" aria-hidden="true">{guest.name.slice(0, 1).toUpperCase()}</span>
        )}
      </div>
      <div class="guest-words" hidden={asking}>
        <p>
          <strong>{guest.name}</strong> <span class="soft">{roleWords(guest.role)}</span>
        </p>
        <p role="status" class={state === "present" ? "guest-state done" : waiting ? "guest-state" : "guest-state look"}>
          {stateWords(state)}
        </p>
        {state === "refused" && (
          <p class="small-words">{sayGuest(each.refusal === "guest.key_missing" ? "refused_key" : "refused_why")}</p>
        )}
      </div>
      {asking && <p class="guest-ask">{sayGuest("remove_ask", { name: guest.name })}</p>}
      <div class="guest-buttons">
        {asking ? (
          <>
            <button type="button" class="button small" onClick={() => setAsking(false)}>
              {sayGuest("cancel")}
            </button>
            <button type="button" class="button stop small" data-testid="guest-remove-yes" onClick={remove}>
              {sayGuest("remove_yes")}
            </button>
          </>
        ) : (
          <>
            {each.link !== null && (
              <button type="button" class="button small" data-testid="guest-link" onClick={() => setShowing(true)}>
                {sayGuest("show_link")}
              </button>
            )}
            <button
              type="button"
              class="button small"
              data-testid="guest-remove"
              onClick={() => (waiting ? remove() : setAsking(true))}
            >
              {sayGuest(waiting ? "withdraw" : "remove")}
            </button>
          </>
        )}
      </div>
      <Voice track={each.voice} />
      {showing && <LinkDialog guest={each} close={() => setShowing(false)} />}
    </li>
  );
}

/** A guest without a camera has a track all the same: it counts once a frame came. */
function GuestPicture({ each }: { each: HostedGuest }) {
  const [flowing, setFlowing] = useState(false);
  return (
    <>
      <Picture
        track={each.picture}
        label={sayGuest("picture", { name: each.guest.name })}
        testid="guest-video"
        flowing={(now) => setFlowing(now)}
      />
      {!flowing && <span class="guest-none">{sayGuest("no_picture")}</span>}
    </>
  );
}

function Voice({ track }: { track: MediaStreamTrack | null }) {
  const element = useRef<HTMLAudioElement>(null);
  const tries = soundTries.value;
  const place = speaker.value;
  useEffect(() => {
    const audio = element.current;
    if (audio === null || track === null) return undefined;
    audio.srcObject = new MediaStream([track]);
    return () => {
      audio.srcObject = null;
    };
  }, [track]);
  useEffect(() => {
    const audio = element.current;
    // The room's sound says in words when the browser wants a click first; any click starts this one too.
    if (audio !== null && track !== null && audio.paused) run(audio.play(), () => undefined);
  }, [track, tries]);
  useEffect(() => {
    if (element.current !== null) run(playOn(element.current, place), () => undefined);
  }, [place]);
  return <audio ref={element} data-testid="guest-audio" />;
}

function stateWords(state: HostedGuest["state"]): string {
  switch (state) {
    case "invited":
      return sayGuest("state_invited");
    case "connecting":
      return sayGuest("state_connecting");
    case "present":
      return sayGuest("state_present");
    case "away":
      return sayGuest("state_away");
    case "expired":
      return sayGuest("state_expired");
    case "refused":
      return sayGuest("state_refused");
    case "left":
      return "";
  }
}

