// After the call: the papers, where the patient goes next, three indicators that never block, and closing.
import { useSignal } from "@preact/signals";
import { say } from "../i18n/kiosk";
import type { Encounter, Orientation } from "../protocol/types";
import type { Closing } from "../state/kiosk_desk";
import { CloseQuestion } from "./closing";
import { useKiosk } from "./context";
import { PatientBand } from "./encounter";
import { Icon } from "./icons";
import { PaperLine } from "./paper";
import { Press, useBusy } from "./parts";
import { FreshReading } from "./reading";

const ORIENTATIONS: readonly { orientation: Orientation; words: "orientation_none" | "orientation_advised" | "orientation_urgent" }[] = [
  { orientation: "none", words: "orientation_none" },
  { orientation: "advised", words: "orientation_advised" },
  { orientation: "urgent", words: "orientation_urgent" },
];
const SCORES = Array.from({ length: 11 }, (_, score) => score);
const MINUTES_MAXIMUM = 600;

export function After({ encounter }: { encounter: Encounter }) {
  const { desk } = useKiosk();
  const asking = useSignal(false);
  const busy = useBusy("close_encounter");
  const closing = desk.closing.value;
  const set = (part: Partial<Closing>): void => {
    desk.closing.value = { ...closing, ...part };
  };
  // Before a person touched it, the time since the file was opened is a good first answer; it is sent only if touched.
  const minutes = closing.minutes ?? Math.round((desk.now.value - Date.parse(encounter.opened_at)) / 60_000);
  const step = (by: number): void => set({ minutes: Math.min(MINUTES_MAXIMUM, Math.max(0, minutes + by)) });
  return (
    <>
      <PatientBand encounter={encounter} />
      <main class="screen after" data-testid="screen-after">
        <section class="after-papers">
          <h1>{say("after_prescriptions")}</h1>
          {encounter.prescriptions.length === 0 ? (
            <p class="card empty">
              <Icon name="paper" size={40} />
              {say("after_none")}
            </p>
          ) : (
            encounter.prescriptions.map((each) => <PaperLine key={each.prescription_id} prescription={each} />)
          )}
          <FreshReading />
        </section>
        <section class="after-closing card">
          <fieldset class="choice">
            <legend>{say("orientation_title")}</legend>
            <div class="choices">
              {ORIENTATIONS.map(({ orientation, words }) => (
                <Press key={orientation} id={`orientation-${orientation}`} pressed={closing.orientation === orientation} press={() => set({ orientation })}>
                  {say(words)}
                </Press>
              ))}
            </div>
          </fieldset>
          <p class="soft optional">{say("after_optional")}</p>
          <fieldset class="choice">
            <legend>
              {say("satisfaction_title")} <small class="soft">{say("satisfaction_note")}</small>
            </legend>
            <div class="scores">
              {SCORES.map((score) => (
                <Press key={score} id={`satisfaction-${score}`} pressed={closing.satisfaction === score}
                  press={() => set({ satisfaction: closing.satisfaction === score ? null : score })}>
                  {score}
                </Press>
              ))}
            </div>
          </fieldset>
          <div class="after-pair">
            <fieldset class="choice">
              <legend>{say("minutes_title")}</legend>
              <div class="stepper">
                <Press id="minutes-less" icon="minus" label={say("minutes_less")} press={() => step(-1)}>{""}</Press>
                <b class={`figures ${closing.minutes === null ? "soft" : ""}`} data-testid="minutes">{minutes} min</b>
                <Press id="minutes-more" icon="plus" label={say("minutes_more")} press={() => step(1)}>{""}</Press>
              </div>
            </fieldset>
            <fieldset class="choice">
              <legend>{say("family_doctor_title")}</legend>
              <div class="choices">
                {([true, false] as const).map((has) => (
                  <Press key={String(has)} id={has ? "family-doctor-yes" : "family-doctor-no"} pressed={closing.familyDoctor === has}
                    press={() => set({ familyDoctor: closing.familyDoctor === has ? null : has })}>
                    {has ? say("yes") : say("no")}
                  </Press>
                ))}
              </div>
            </fieldset>
          </div>
          <Press id="close-encounter" look="main" size="big" icon="check" disabled={busy} press={() => { asking.value = true; }}>
            {say("close_encounter")}
          </Press>
        </section>
      </main>
      {asking.value && <CloseQuestion encounter={encounter} cancel={() => { asking.value = false; }} />}
    </>
  );
}
