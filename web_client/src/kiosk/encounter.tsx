// The screens of one open encounter: patient always in sight, the stage at the left, the rail at the right.
import type { ComponentChildren } from "preact";
import { reasonWords, say } from "../i18n/kiosk";
import type { Encounter } from "../protocol/types";
import { Camera } from "./camera";
import { useGateway, useKiosk } from "./context";
import { Icon } from "./icons";
import { patientName, patientTraits } from "./parts";
import { Rail } from "./rail";
import { FreshReading } from "./reading";

const STEPS = ["stage_ready", "stage_waiting", "stage_call", "stage_after"] as const;
const STEP_OF = { ready: 0, waiting: 1, in_call: 2, interrupted: 2, after: 3 } as const;

export function PatientBand({ encounter }: { encounter: Encounter }) {
  const { desk } = useKiosk();
  const { patient } = encounter;
  const now = STEP_OF[encounter.stage];
  return (
    <div class="band" data-testid="band">
      <Icon name={patient.anonymous ? "mask" : "user"} size={28} />
      <div class="band-words">
        <span class="band-who">
          <b data-testid="patient-name">{patientName(patient)}</b> {patientTraits(patient, desk.now.value)}
        </span>
        <small class="band-reason">
          {reasonWords(encounter.reason)}
          {encounter.reason_words !== "" && ` · ${encounter.reason_words}`}
        </small>
      </div>
      {encounter.urgency !== "routine" && <span class={`tag ${encounter.urgency === "urgent" ? "stop" : "look"}`}>{say(encounter.urgency)}</span>}
      <ol class="steps short">
        {STEPS.map((step, index) => (
          <li key={step} class={index < now ? "done" : index === now ? "now" : ""} aria-current={index === now ? "step" : undefined}>
            {index < now ? <Icon name="check" size={20} /> : <span class="figures">{index + 1}</span>}
            <span class={index === now ? "" : "unseen"}>{say(step)}</span>
          </li>
        ))}
      </ol>
    </div>
  );
}

/** The stage beside the rail. An examination camera takes the stage's place; what just came lies over it. */
export function WithRail({ id, encounter, children, small }: { id: string; encounter: Encounter; children: ComponentChildren; small?: ComponentChildren }) {
  const { desk } = useKiosk();
  const { review, instruments } = useGateway();
  const open = review?.instrument_id ?? desk.camera.value;
  const camera = instruments.find((each) => each.instrument_id === open) ?? null;
  return (
    <>
      <PatientBand encounter={encounter} />
      <main class="screen with-rail" data-testid={id}>
        <div class="stage">
          {camera === null ? (
            children
          ) : (
            <>
              <Camera key={camera.instrument_id} instrument={camera} encounter={encounter} />
              {review === null && small}
            </>
          )}
          <FreshReading />
        </div>
        <Rail encounter={encounter} />
      </main>
    </>
  );
}
