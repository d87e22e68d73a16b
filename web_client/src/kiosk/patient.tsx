// The patient: typed, scanned or anonymous. What is wrong is said at its field, at once.
import { useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { say } from "../i18n/kiosk";
import type { Sex } from "../protocol/types";
import {
  cleanIns, digitsTyped, draftNotes, type Field, type FieldNote, identityErrors, type PatientDraft, showDigits, type Today, type Way,
} from "../state/kiosk_patient";
import { useKiosk } from "./context";
import { Icon, type IconName } from "./icons";
import { DigitKeys, LetterKeys } from "./keyboard";
import { Ask, CodeText, Press, Say, Tick } from "./parts";
import { ReasonStep } from "./reason";

type TextField = "familyName" | "givenName" | "birthPlace" | "birthDigits" | "ins";

const WAYS: readonly { way: Way; icon: IconName; name: "way_typed" | "way_scanned" | "way_anonymous"; note: "way_typed_note" | "way_scanned_note" | "way_anonymous_note" }[] = [
  { way: "scanned", icon: "scan", name: "way_scanned", note: "way_scanned_note" },
  { way: "typed", icon: "keyboard", name: "way_typed", note: "way_typed_note" },
  { way: "anonymous", icon: "mask", name: "way_anonymous", note: "way_anonymous_note" },
];

const SEXES: readonly { sex: Sex; name: "female" | "male" | "sex_unknown" }[] = [
  { sex: "female", name: "female" },
  { sex: "male", name: "male" },
  { sex: "unknown", name: "sex_unknown" },
];

export function todayOf(now: number): Today {
  const date = new Date(now);
  return { year: date.getFullYear(), month: date.getMonth() + 1, day: date.getDate() };
}

export function PatientScreen() {
  const { desk } = useKiosk();
  const leaving = useSignal(false);
  const { way } = desk.draft.value;
  const onReason = desk.step.value === "reason" && way !== null;
  const back = (): void => {
    if (onReason && way !== "anonymous") desk.step.value = "identity";
    else if (way !== null) desk.forgetDraft();
    else desk.place.value = "home";
  };
  const leave = (): void => {
    desk.forgetDraft();
    desk.place.value = "home";
  };
  return (
    <main class="screen patient" data-testid="screen-patient">
      <header class="screen-head">
        <Press id="patient-back" icon="back" press={back}>
          {say("back")}
        </Press>
        <h1>{say("new_consultation")}</h1>
        <ol class="steps">
          <li class={onReason ? "done" : "now"}>1 · {say("step_identity")}</li>
          <li class={onReason ? "now" : ""}>2 · {say("step_reason")}</li>
        </ol>
        <Press id="patient-leave" icon="close" look="quiet" press={() => (way === null ? leave() : (leaving.value = true))}>
          {say("leave_draft")}
        </Press>
      </header>
      {way === null ? <Ways /> : onReason ? <ReasonStep /> : <Identity />}
      {leaving.value && (
        <Ask id="leave-draft" title={say("leave_draft_title")} yes={say("leave_draft")} no={say("keep_draft")} look="stop main"
          confirm={leave} cancel={() => { leaving.value = false; }}>
          <p>{say("leave_draft_explain")}</p>
        </Ask>
      )}
    </main>
  );
}

function Ways() {
  const { desk, scanCode } = useKiosk();
  const choose = (way: Way): void => {
    scanCode.value = null;
    desk.change({ way });
    desk.step.value = way === "anonymous" ? "reason" : "identity";
  };
  return (
    <div class="ways">
      <h2>{say("how_known")}</h2>
      <div class="way-tiles">
        {WAYS.map(({ way, icon, name, note }) => (
          <button key={way} type="button" class="way card" data-testid={`patient-${way}`} onClick={() => choose(way)}>
            <Icon name={icon} size={72} />
            <b>{say(name)}</b>
            <span>{say(note)}</span>
          </button>
        ))}
      </div>
      {scanCode.value !== null && (
        <Say tone="look" id="scan-error">
          <CodeText code={scanCode.value} />
        </Say>
      )}
    </div>
  );
}

function Identity() {
  const { desk } = useKiosk();
  const draft = desk.draft.value;
  return draft.way === "scanned" && draft.ins === "" && draft.familyName === "" ? <ScanPanel /> : <IdentityForm />;
}

function ScanPanel() {
  const { desk, scanCode } = useKiosk();
  return (
    <div class="scan-panel">
      <Icon name="scan" size={180} />
      <h2>{say("scan_title")}</h2>
      <p>{say("scan_explain")}</p>
      {scanCode.value === null ? (
        <Say tone="plain" icon="clock" id="scan-waiting">{say("scan_waiting")}</Say>
      ) : (
        <Say tone="look" id="scan-error">
          <CodeText code={scanCode.value} />
        </Say>
      )}
      <Press id="scan-type" icon="keyboard" press={() => desk.change({ way: "typed" })}>
        {say("way_typed")}
      </Press>
    </div>
  );
}

function IdentityForm() {
  const { desk } = useKiosk();
  const draft = desk.draft.value;
  const active = useSignal<TextField>("familyName");
  const asked = useSignal(false);
  const today = todayOf(desk.now.value);
  const demo = desk.state.value?.demo === true;
  const notes = [...(asked.value ? identityErrors(draft, today, demo) : []), ...draftNotes(draft, today, demo), ...desk.fieldNotes.value];

  const write = (field: TextField, text: string): void => {
    if (field === "birthDigits") desk.change({ birthDigits: digitsTyped(text) });
    else if (field === "ins") desk.change({ ins: cleanIns(text), insOid: draft.way === "scanned" ? draft.insOid : "" });
    else desk.change({ [field]: text.slice(0, 100) } as Partial<PatientDraft>);
  };
  const next = (): void => {
    asked.value = true;
    const first = identityErrors(draft, today, demo)[0];
    if (first === undefined) desk.step.value = "reason";
    else active.value = FIELDS[first.field] ?? "familyName";
  };
  const digits = active.value === "birthDigits" || active.value === "ins";
  const Keys = digits ? DigitKeys : LetterKeys;
  const field = (name: TextField, of: Field, label: string, more: Partial<FieldProps> = {}) => (
    <TextInput name={name} label={label} note={notes.find((note) => note.field === of)} value={draft[name]} active={active.value === name}
      focus={() => { active.value = name; }} write={(text) => write(name, text)} {...more} />
  );
  return (
    <div class="identity">
      <section class="identity-form">
        <div class="pairs">
          {field("familyName", "family_name", say("family_name"))}
          {field("givenName", "given_name", say("given_name"))}
          {field("birthDigits", "birth_date", say("birth_date"), { value: showDigits(draft.birthDigits), hint: say("birth_date_hint"), digits: true })}
          {field("birthPlace", "birth_place", say("birth_place"), { optional: true, hint: say("birth_place_hint") })}
        </div>
        <fieldset class="choice">
          <legend>{say("sex")}</legend>
          <div class="choices">
            {SEXES.map(({ sex, name }) => (
              <Press key={sex} id={`sex-${sex}`} pressed={draft.sex === sex} press={() => desk.change({ sex })}>
                {say(name)}
              </Press>
            ))}
          </div>
        </fieldset>
        {field("ins", "ins", say("ins"), { optional: true, hint: say("ins_hint"), digits: true })}
        {draft.ins !== "" && (
          <Tick id="identity-checked" on={draft.identityChecked} press={() => desk.change({ identityChecked: !draft.identityChecked })}
            note={say("identity_checked_note")}>
            {say("identity_checked")}
          </Tick>
        )}
      </section>
      <section class="identity-keys">
        <Keys type={(character) => write(active.value, shownOf(draft, active.value) + character)}
          erase={() => write(active.value, shortened(draft, active.value))} {...(active.value === "ins" ? { letters: true } : {})} />
        {draft.way === "scanned" && <Say tone="done" id="scan-done">{say("scan_done")}</Say>}
        <Press id="patient-next" look="main" size="wide" icon="arrow" press={next}>
          {say("next")}
        </Press>
      </section>
    </div>
  );
}

const FIELDS: Partial<Record<Field, TextField>> = {
  family_name: "familyName", given_name: "givenName", birth_date: "birthDigits", birth_place: "birthPlace", ins: "ins",
};

const shownOf = (draft: PatientDraft, field: TextField): string => draft[field];
const shortened = (draft: PatientDraft, field: TextField): string => draft[field].slice(0, -1);

interface FieldProps {
  name: TextField;
  label: string;
  value: string;
  note: FieldNote | undefined;
  active: boolean;
  focus: () => void;
  write: (text: string) => void;
  hint?: string;
  optional?: boolean;
  digits?: boolean;
}

function TextInput({ name, label, value, note, active, focus, write, hint, optional = false, digits = false }: FieldProps) {
  const place = useRef<HTMLInputElement>(null);
  useEffect(() => {
    if (active && document.activeElement !== place.current) place.current?.focus();
  }, [active]);
  const id = `patient-${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`).replace("birth-digits", "birth-date")}`;
  return (
    <label class={`field ${note === undefined ? "" : note.warning ? "look" : "wrong"} ${active ? "active" : ""}`}>
      <span>
        {label} {optional && <small class="soft">({say("optional")})</small>}
      </span>
      {/* Our own keys are on the screen: the system's would cover them. */}
      <input ref={place} data-testid={id} class={digits ? "figures" : ""} value={value} placeholder={hint} inputMode="none" autocomplete="off"
        autocapitalize="characters" spellcheck={false} aria-invalid={note !== undefined && !note.warning}
        onFocus={focus} onInput={(event) => write(event.currentTarget.value)} />
      <span class="field-note" data-testid={`${id}-note`} aria-live="polite">
        {note !== undefined && (
          <>
            <Icon name="warning" size={20} />
            <CodeText code={note.code} />
          </>
        )}
      </span>
    </label>
  );
}
