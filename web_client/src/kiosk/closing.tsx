// The question before an encounter is closed: nothing measured afterwards enters its file (I2).
import { count, say } from "../i18n/kiosk";
import type { Encounter } from "../protocol/types";
import { paperDone } from "../state/kiosk_view";
import { useKiosk } from "./context";
import { Ask, patientName } from "./parts";

export function CloseQuestion({ encounter, cancel }: { encounter: Encounter; cancel: () => void }) {
  const { desk } = useKiosk();
  const { orientation, satisfaction, minutes, familyDoctor } = desk.closing.value;
  const papers = encounter.prescriptions.filter((each) => !paperDone(each) && each.state !== "draft").length;
  const close = (): unknown => {
    cancel();
    return desk.send({
      type: "close_encounter", orientation, satisfaction, staff_minutes: minutes, has_family_doctor: familyDoctor,
    });
  };
  return (
    <Ask id="close-ask" title={say("close_title", { name: patientName(encounter.patient) })} yes={say("close_encounter")} look="main" icon="check"
      confirm={close} cancel={cancel}>
      <p>{say("close_explain")}</p>
      {papers > 0 && <p class="say look">{count("close_papers", papers)}</p>}
    </Ask>
  );
}
