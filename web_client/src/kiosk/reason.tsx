// Why the patient came, how soon, and the consent as a recorded act.
import { useSignal } from "@preact/signals";
import { reasonWords, say } from "../i18n/kiosk";
import type { Reason, Urgency } from "../protocol/types";
import { openingErrors, patientOf } from "../state/kiosk_patient";
import { useKiosk } from "./context";
import { LetterKeys } from "./keyboard";
import { CodeText, patientName, patientTraits, Press, Say, Tick, useBusy } from "./parts";

const REASONS: readonly Reason[] = [
  "chronic_follow_up", "renewal", "prevention", "fever", "cough", "pain", "heart", "skin", "wound", "pregnancy", "other",
];
const URGENCIES: readonly Urgency[] = ["routine", "soon", "urgent"];
const WORDS_MAXIMUM = 200;

export function ReasonStep() {
  const { desk } = useKiosk();
  const draft = desk.draft.value;
  const writing = useSignal(false);
  const asked = useSignal(false);
  const busy = useBusy("open_encounter");
  const notes = [...(asked.value ? openingErrors(draft) : []), ...desk.fieldNotes.value];
  const note = (field: "reason" | "consent") => notes.find((each) => each.field === field);
  const open = (): unknown => {
    asked.value = true;
    writing.value = false;
    return openingErrors(draft).length === 0 ? desk.open() : undefined;
  };
  const patient = patientOf(draft);
  const reasonNote = note("reason");
  const consentNote = note("consent");
  return (
    <div class="reason">
      <section class="reason-left">
        <fieldset class="choice">
          <legend>{say("reason_title")}</legend>
          <div class="reason-tiles">
            {REASONS.map((reason) => (
              <Press key={reason} id={`reason-${reason}`} pressed={draft.reason === reason} press={() => desk.change({ reason })}>
                {reasonWords(reason)}
              </Press>
            ))}
          </div>
        </fieldset>
        {reasonNote !== undefined && <Say tone="look" id="reason-note"><CodeText code={reasonNote.code} /></Say>}
        <label class="field">
          <span>
            {say("reason_words")} <small class="soft">({say("optional")})</small>
          </span>
          <input data-testid="reason-words" value={draft.reasonWords} maxLength={WORDS_MAXIMUM} inputMode="none" autocomplete="off"
            onFocus={() => { writing.value = true; }}
            onInput={(event) => desk.change({ reasonWords: event.currentTarget.value })} />
        </label>
      </section>
      <section class="reason-right">
        {writing.value ? (
          <>
            <LetterKeys
              type={(character) => desk.change({ reasonWords: `${draft.reasonWords}${character.toLowerCase()}`.slice(0, WORDS_MAXIMUM) })}
              erase={() => desk.change({ reasonWords: draft.reasonWords.slice(0, -1) })}
            />
            <Press id="reason-words-done" look="main" size="wide" icon="check" press={() => { writing.value = false; }}>
              {say("done_writing")}
            </Press>
          </>
        ) : (
          <>
            <p class="who-is-it card">
              <b>{patientName(patient)}</b>
              <span>{patient.anonymous ? say("anonymous_explain") : patientTraits(patient, desk.now.value)}</span>
            </p>
            <fieldset class="choice">
              <legend>{say("urgency_title")}</legend>
              <div class="choices">
                {URGENCIES.map((urgency) => (
                  <Press key={urgency} id={`urgency-${urgency}`} pressed={draft.urgency === urgency} press={() => desk.change({ urgency })}>
                    {say(urgency)}
                  </Press>
                ))}
              </div>
              <small class="soft">{say("urgency_note")}</small>
            </fieldset>
            <fieldset class="choice">
              <legend>{say("consent_title")}</legend>
              <Tick id="consent" on={draft.consent} press={() => desk.change({ consent: !draft.consent })} note={say("consent_note")}
                wrong={consentNote !== undefined}>
                {say("consent")}
              </Tick>
              {consentNote !== undefined && <Say tone="look" id="consent-note"><CodeText code={consentNote.code} /></Say>}
            </fieldset>
            <Press id="open-encounter" look="main" size="big" icon="arrow" disabled={busy} press={open}>
              {say("open_encounter")}
            </Press>
          </>
        )}
      </section>
    </div>
  );
}
