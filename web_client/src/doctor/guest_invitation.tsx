// Inviting a third person: who and as what, then the link, once.
import { useEffect, useRef, useState } from "preact/hooks";
import type { ComponentChildren } from "preact";
import { clock } from "../i18n/format";
import { roleWords, sayGuest } from "../i18n/guest_panel";
import { inviteWords } from "../i18n/guest_panel_codes";
import type { GuestRole } from "../protocol/types";
import { ApiRefused, codeOf } from "../state/doctor_api";
import type { Consultation, Notice } from "../state/doctor_desk";
import type { HostedGuest } from "../state/guest_hosting";
import { run } from "../state/scope";
import { drawLink } from "./guest_code";

const ROLES: readonly GuestRole[] = ["interpreter", "specialist", "relative"];
/** As the protocol has it (`GuestWanted.name`). */
const NAME_LENGTH = 80;

export function InviteDialog({ it, close }: { it: Consultation; close: () => void }) {
  const [made, setMade] = useState<string | null>(null);
  const guest = it.guests.guests.value.find((each) => each.guest.guest_id === made) ?? null;
  if (guest !== null) return <LinkDialog guest={guest} close={close} />;
  return (
    <Modal close={close} testid="guest-dialog" label={sayGuest("invite_title")}>
      <Form it={it} close={close} made={setMade} />
    </Modal>
  );
}

function Form({ it, close, made }: { it: Consultation; close: () => void; made: (guestId: string) => void }) {
  const [role, setRole] = useState<GuestRole>("interpreter");
  const [name, setName] = useState("");
  const [making, setMaking] = useState(false);
  const [problem, setProblem] = useState<Notice | null>(null);
  const send = (event: Event) => {
    event.preventDefault();
    if (making || name.trim() === "") return;
    setMaking(true);
    setProblem(null);
    run(it.guests.invite(role, name.trim()).then(made), (error) => {
      setMaking(false);
      setProblem({ code: codeOf(error), facts: error instanceof ApiRefused ? error.facts : {} });
    });
  };
  return (
    <form class="guest-form" onSubmit={send}>
      <h2>{sayGuest("invite_title")}</h2>
      <p>{sayGuest("invite_lead")}</p>
      <fieldset class="guest-roles">
        <legend>{sayGuest("role")}</legend>
        {ROLES.map((each) => (
          <label key={each} class={each === role ? "guest-role chosen" : "guest-role"}>
            <input
              type="radio"
              name="guest-role"
              checked={each === role}
              data-testid={`guest-role-${each}`}
              onChange={() => setRole(each)}
            />
            {roleWords(each)}
          </label>
        ))}
      </fieldset>
      <label class="field">
        <span>{sayGuest("name")}</span>
        <input
          value={name}
          maxLength={NAME_LENGTH}
          placeholder={sayGuest("name_place")}
          autocomplete="off"
          data-testid="guest-name"
          onInput={(event) => setName(event.currentTarget.value)}
        />
      </label>
      {problem !== null && (
        <p class="say look" role="alert" data-testid="guest-problem" data-code={problem.code}>
          {inviteWords(problem.code, problem.facts)}
        </p>
      )}
      <div class="guest-dialog-buttons">
        <button type="button" class="button" data-testid="guest-cancel" onClick={close}>
          {sayGuest("cancel")}
        </button>
        <button
          type="submit"
          class="button main"
          data-testid="guest-make"
          disabled={making || name.trim() === ""}
        >
          {sayGuest(making ? "making_link" : "make_link")}
        </button>
      </div>
    </form>
  );
}

/** The link and its code, for as long as it opens. */
export function LinkDialog({ guest, close }: { guest: HostedGuest; close: () => void }) {
  const [copied, setCopied] = useState<"no" | "yes" | "failed">("no");
  const canvas = useRef<HTMLCanvasElement>(null);
  const { link } = guest;
  useEffect(() => {
    if (canvas.current !== null && link !== null) drawLink(canvas.current, link);
  }, [link]);
  const copy = () => {
    if (link === null) return;
    run(navigator.clipboard.writeText(link).then(() => setCopied("yes")), () => setCopied("failed"));
  };
  return (
    <Modal close={close} testid="guest-link-dialog" label={sayGuest("link_title", { name: guest.guest.name })}>
      <h2>{sayGuest("link_title", { name: guest.guest.name })}</h2>
      {link === null ? (
        <p class="say done" role="status">
          {sayGuest(guest.state === "expired" ? "state_expired" : "link_used")}
        </p>
      ) : (
        <>
          <p>
            {guest.expiresAt !== null && sayGuest("link_until", { time: clock(guest.expiresAt) })}{" "}
            {sayGuest("link_lead")}
          </p>
          <canvas ref={canvas} class="guest-code" role="img" aria-label={sayGuest("code_label")} data-testid="guest-code" />
          <input
            class="input"
            readOnly
            value={link}
            aria-label={sayGuest("link_label")}
            data-testid="guest-address"
            onFocus={(event) => event.currentTarget.select()}
          />
          <p role="status">{copied === "failed" && sayGuest("copy_failed")}</p>
        </>
      )}
      <div class="guest-dialog-buttons">
        <button type="button" class={link === null ? "button main" : "button"} data-testid="guest-close" onClick={close}>
          {sayGuest("close")}
        </button>
        {link !== null && (
          <button type="button" class="button main" data-testid="guest-copy" autofocus onClick={copy}>
            {sayGuest(copied === "yes" ? "copied" : "copy")}
          </button>
        )}
      </div>
    </Modal>
  );
}

interface ModalProps {
  readonly close: () => void;
  readonly testid: string;
  readonly label: string;
  readonly children: ComponentChildren;
}

function Modal({ close, testid, label, children }: ModalProps) {
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => dialog.current?.showModal(), []);
  return (
    <dialog ref={dialog} class="guest-dialog card" onClose={close} aria-label={label} data-testid={testid}>
      {children}
    </dialog>
  );
}
