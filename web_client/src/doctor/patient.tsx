// Who the patient is, why they came, and who sits beside them.
import { clock, day, years } from "../i18n/format";
import { say } from "../i18n/doctor";
import type { Consultation } from "../state/doctor_desk";
import { usePage } from "./context";
import { UrgencyTag } from "./queue";

export function PatientHead({ it }: { it: Consultation }) {
  const { now } = usePage();
  const encounter = it.record.situation.value?.encounter ?? null;
  const { vehicle } = it.call;
  return (
    <header class="patient">
      <div class="patient-line">
        <h1 data-testid="patient-name">
          {encounter === null
            ? say("patient_coming")
            : encounter.patient.anonymous
              ? say("anonymous")
              : `${encounter.patient.family_name} ${encounter.patient.given_name}`}
        </h1>
        {encounter !== null && <UrgencyTag urgency={encounter.urgency} />}
        {vehicle.simulated && (
          <span class="tag look" data-testid="vehicle-simulated">
            {say("simulated")}
          </span>
        )}
      </div>
      {encounter !== null && (
        <p class="soft patient-facts" data-testid="patient-facts">
          {facts(encounter.patient, now.value).join(" · ")}
        </p>
      )}
      <p class="soft patient-facts">
        {encounter !== null && (
          <strong data-testid="reason">
            {say(`reason_${encounter.reason}`)}
            {encounter.reason_words !== "" && `${say("colon")}${encounter.reason_words}`}
          </strong>
        )}
        {encounter !== null && ` · ${say("consent_at", { time: clock(encounter.consent_at) })} · `}
        {vehicle.name}
        {encounter !== null && encounter.nurse !== "" && ` ${say("nurse_with", { name: encounter.nurse })}`}
      </p>
    </header>
  );
}

function facts(
  patient: { anonymous: boolean; birth_date: string; sex: "male" | "female" | "unknown"; qualified: boolean },
  now: number,
): string[] {
  if (patient.anonymous) return [];
  const old = years(patient.birth_date, now);
  return [
    ...(old === null ? [] : [say("years", { n: old })]),
    ...(patient.birth_date === "" ? [] : [say("born", { date: day(patient.birth_date) })]),
    say(`sex_${patient.sex}`),
    say(patient.qualified ? "identity_qualified" : "identity_typed"),
  ];
}
