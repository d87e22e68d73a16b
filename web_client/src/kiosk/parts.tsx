// Small parts that several screens share: buttons, dialogs, words of codes, tags, patients' names.
import type { ComponentChildren } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { day, years } from "../i18n/format";
import { say } from "../i18n/kiosk";
import { codeWords } from "../i18n/kiosk_codes";
import type { Patient } from "../protocol/types";
import { useKiosk } from "./context";
import { Icon, type IconName } from "./icons";

type Look = "main" | "plain" | "stop" | "quiet" | "stop main";

export interface PressProps {
  id: string;
  press: () => unknown;
  children: ComponentChildren;
  look?: Look;
  icon?: IconName;
  size?: "wide" | "big";
  disabled?: boolean;
  pressed?: boolean;
  label?: string;
}

/** A button. `id` is its `data-testid`. A promise that `press` returns is awaited by nobody: its outcome is the state. */
export function Press({ id, press, children, look = "plain", icon, size, disabled = false, pressed, label }: PressProps) {
  return (
    <button
      type="button"
      class={`button ${look === "plain" ? "" : look} ${size ?? ""}`}
      data-testid={id}
      disabled={disabled}
      aria-pressed={pressed}
      aria-label={label}
      onClick={() => void press()}
    >
      {icon !== undefined && <Icon name={icon} size={size === "big" ? 36 : 26} />}
      {children}
    </button>
  );
}

/** What a code means, in two sentences; a code without words of its own stands small behind them. */
export function CodeText({ code, facts }: { code: string; facts?: Readonly<Record<string, string>> }) {
  const words = codeWords(code, facts);
  return (
    <span class="code-text" data-code={code}>
      <strong>{words.what}</strong> {words.todo}
      {words.code !== null && <small class="code-small"> ({say("code_small", { code: words.code })})</small>}
    </span>
  );
}

export function Say({ tone, icon, children, id }: { tone: "done" | "look" | "stop" | "plain"; icon?: IconName; children: ComponentChildren; id?: string }) {
  const mark: IconName | undefined = icon ?? ({ done: "check", look: "warning", stop: "stop", plain: undefined } as const)[tone];
  return (
    <div class={`say ${tone}`} data-testid={id} role={tone === "stop" ? "alert" : undefined}>
      {mark !== undefined && <Icon name={mark} size={26} />}
      <div>{children}</div>
    </div>
  );
}

export function Simulated({ on }: { on: boolean }) {
  return on ? <span class="tag action" data-testid="simulated">{say("simulated")}</span> : null;
}

/** The patient as the nurse knows them: never a number. */
export function patientName(patient: Patient): string {
  if (patient.anonymous) return say("anonymous_patient");
  return `${patient.family_name} ${patient.given_name}`.trim();
}

/** Birth date, age and sex in one line; empty for an anonymous patient. */
export function patientTraits(patient: Patient, now: number): string {
  if (patient.anonymous) return "";
  const age = years(patient.birth_date, now);
  const sex = patient.sex === "unknown" ? null : say(patient.sex);
  return [patient.birth_date === "" ? null : day(patient.birth_date), age === null ? null : say("age_years", { n: age }), sex]
    .filter((part) => part !== null)
    .join(" · ");
}

/** A question over the screen. The way back comes first and is where the focus starts. */
export function Ask(props: {
  id: string;
  title: string;
  children?: ComponentChildren;
  yes: string;
  no?: string;
  look?: "main" | "stop main";
  icon?: IconName;
  confirm: () => unknown;
  cancel: () => void;
}) {
  const { id, title, children, yes, no, look = "main", icon, confirm, cancel } = props;
  return (
    <Sheet id={id} title={title} close={cancel} plain>
      <div class="ask-words">{children}</div>
      <div class="ask-buttons">
        <Press id={`${id}-no`} press={cancel} size="wide">
          {no ?? say("cancel")}
        </Press>
        <Press id={`${id}-yes`} press={confirm} look={look} size="wide" {...(icon === undefined ? {} : { icon })}>
          {yes}
        </Press>
      </div>
    </Sheet>
  );
}

/** A panel over everything else, with a way out. */
export function Sheet({ id, title, close, children, plain = false }: {
  id: string;
  title: string;
  close: () => void;
  children: ComponentChildren;
  plain?: boolean;
}) {
  const place = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    const dialog = place.current;
    dialog?.showModal();
    return () => dialog?.close();
  }, []);
  return (
    <dialog
      ref={place}
      class={`sheet ${plain ? "ask" : ""}`}
      data-testid={id}
      aria-label={title}
      onCancel={(event) => {
        event.preventDefault();
        close();
      }}
      onClick={(event) => {
        if (event.target === place.current && !plain) close();
      }}
    >
      <div class="sheet-body">
        <header class="sheet-head">
          <h1>{title}</h1>
          {!plain && (
            <Press id={`${id}-close`} press={close} icon="close" look="quiet">
              {say("close")}
            </Press>
          )}
        </header>
        {children}
      </div>
    </dialog>
  );
}

/** Waits with words: no turning wheel alone. */
export function useBusy(...types: string[]): boolean {
  const { desk } = useKiosk();
  return types.some((type) => desk.busy.value.has(type));
}

/** A box to touch that says what it stands for. */
export function Tick({ id, on, press, note, children, wrong = false }: {
  id: string;
  on: boolean;
  press: () => void;
  note?: string;
  children: string;
  wrong?: boolean;
}) {
  return (
    <button type="button" role="checkbox" aria-checked={on} class={`tick ${on ? "on" : ""} ${wrong ? "wrong" : ""}`} data-testid={id} onClick={press}>
      <span class="tick-box">{on && <Icon name="check" size={34} />}</span>
      <span>
        <b>{children}</b>
        {note !== undefined && <small>{note}</small>}
      </span>
    </button>
  );
}
