// One prescription as the nurse meets it: where it is in its life, and the one thing to do now.
import { clock } from "../i18n/format";
import { say } from "../i18n/kiosk";
import type { Patient, PrescriptionState, PrescriptionView } from "../protocol/types";
import { paperTask } from "../state/kiosk_view";
import { useKiosk } from "./context";
import { Icon, type IconName } from "./icons";
import { CodeText, patientName, Press, useBusy } from "./parts";

const TONES: Record<PrescriptionState, "plain" | "action" | "done" | "look" | "stop"> = {
  draft: "plain", signed: "action", arrived: "action", refused: "stop", printing: "action", printed: "done",
  print_ambiguous: "look", print_failed: "look", handed_over: "done",
};

const ICONS: Record<PrescriptionState, IconName> = {
  draft: "paper", signed: "clock", arrived: "paper", refused: "stop", printing: "printer", printed: "printer",
  print_ambiguous: "warning", print_failed: "warning", handed_over: "check",
};

const STEPS = { signed: "rx_step_signed", arrived: "rx_step_arrived", printed: "rx_step_printed", handed_over: "rx_step_handed" } as const;

function Life({ prescription }: { prescription: PrescriptionView }) {
  const done = prescription.steps.filter((step): step is typeof step & { state: keyof typeof STEPS } => Object.hasOwn(STEPS, step.state));
  return (
    <small class="life figures">
      {done.map((step) => `${say(STEPS[step.state])} ${clock(step.at)}`).join(" › ")}
    </small>
  );
}

/** A prescription with its task. `patient` stands on lists that hold several patients. */
export function PaperLine({ prescription, patient }: { prescription: PrescriptionView; patient?: Patient }) {
  const { state } = prescription;
  const code = prescription.steps.at(-1)?.code ?? null;
  return (
    <article class={`paper ${TONES[state]}`} data-testid={`prescription-${prescription.prescription_id}`} data-state={state}>
      <Icon name={ICONS[state]} size={32} />
      <div class="paper-words">
        {patient !== undefined && <b>{patientName(patient)}</b>}
        <span class="paper-state">
          <strong class={`state ${TONES[state]}`}>{say(`rx_${state}`)}</strong>
          {prescription.doctor !== "" && <span> {say("rx_of", { doctor: prescription.doctor })}</span>}
        </span>
        {prescription.drugs.length > 0 && <span class="drugs">{prescription.drugs.join(", ")}</span>}
        <Life prescription={prescription} />
        {state === "refused" && <span class="advice">{code === null ? say("rx_refused_do") : <CodeText code={code} />}</span>}
        {state === "print_ambiguous" && <span class="advice">{say("rx_ambiguous_do")}</span>}
        {state === "print_failed" && <span class="advice">{code === null ? say("rx_failed_do") : <CodeText code={code} />}</span>}
      </div>
      <PaperTask prescription={prescription} />
    </article>
  );
}

function PaperTask({ prescription }: { prescription: PrescriptionView }) {
  const { desk } = useKiosk();
  const busy = useBusy("hand_over", "say_printed", "print");
  const { prescription_id } = prescription;
  switch (paperTask(prescription)) {
    case "hand_over":
      return (
        <div class="paper-buttons">
          <Press id={`hand-over-${prescription_id}`} look="main" icon="hand" disabled={busy}
            press={() => desk.send({ type: "hand_over", prescription_id })}>
            {say("rx_hand_over")}
          </Press>
        </div>
      );
    case "look":
      return (
        <div class="paper-buttons">
          <Press id={`paper-there-${prescription_id}`} look="main" disabled={busy}
            press={() => desk.send({ type: "say_printed", prescription_id, printed: true })}>
            {say("rx_paper_there")}
          </Press>
          <Press id={`paper-missing-${prescription_id}`} disabled={busy}
            press={() => desk.send({ type: "say_printed", prescription_id, printed: false })}>
            {say("rx_paper_missing")}
          </Press>
        </div>
      );
    case "print_again":
      return (
        <div class="paper-buttons">
          <Press id={`print-again-${prescription_id}`} look="main" icon="printer" disabled={busy}
            press={() => desk.send({ type: "print", prescription_id })}>
            {say("rx_print_again")}
          </Press>
        </div>
      );
    case null:
      return null;
  }
}
