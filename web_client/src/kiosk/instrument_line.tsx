// One numbered instrument in a line: what it is, how it is, and in amber words what to do.
import { say } from "../i18n/kiosk";
import { codeWords } from "../i18n/kiosk_codes";
import type { Instrument, InstrumentKind } from "../protocol/types";
import { instrumentTone } from "../state/kiosk_view";
import type { IconName } from "./icons";
import { Icon } from "./icons";
import { CodeText, Simulated } from "./parts";

const KINDS = {
  blood_pressure: { icon: "cuff", name: "bp", absent: "absent_bp" },
  ecg: { icon: "ecg", name: "ecg", absent: "absent_ecg" },
  skin_camera: { icon: "lens", name: "skin", absent: "absent_skin" },
} as const satisfies Record<InstrumentKind, { icon: IconName; name: string; absent: string }>;

export function kindIcon(kind: InstrumentKind): IconName {
  return KINDS[kind].icon;
}

export function kindName(kind: InstrumentKind): string {
  return say(KINDS[kind].name);
}

/** What to do about it; empty when nothing is. */
export function InstrumentAdvice({ instrument }: { instrument: Instrument }) {
  if (instrument.problem !== null) return <CodeText code={instrument.problem} />;
  if (instrument.state === "absent") return <>{say(KINDS[instrument.kind].absent)}</>;
  if (instrument.state === "failed") return <>{say("failed_do")}</>;
  if (instrument.state === "asleep" && instrument.kind === "blood_pressure") return <>{say("asleep_bp")}</>;
  return null;
}

export function stateWords(instrument: Instrument): string {
  return instrument.problem === null ? say(`state_${instrument.state}`) : codeWords(instrument.problem).what;
}

/** For lists where nothing is done with it: the status sheet, the ready check. */
export function InstrumentLine({ instrument }: { instrument: Instrument }) {
  const tone = instrumentTone(instrument);
  return (
    <div class={`instrument-line ${tone}`} data-testid={`check-${instrument.instrument_id}`} data-state={instrument.state}>
      <span class="number figures">{instrument.number}</span>
      <Icon name={KINDS[instrument.kind].icon} size={28} />
      <div class="instrument-words">
        <b>
          {kindName(instrument.kind)} <Simulated on={instrument.simulated} />
        </b>
        <span>
          <span class={`state ${tone}`}>{say(`state_${instrument.state}`)}</span>
          {tone !== "done" && (
            <>
              {" · "}
              <InstrumentAdvice instrument={instrument} />
            </>
          )}
        </span>
      </div>
      <Icon name={tone === "done" ? "check" : tone === "plain" ? "clock" : "warning"} size={28} />
    </div>
  );
}
