// One numbered instrument in a line: what it is, how it is, and in amber words what to do.
import { say } from "../i18n/kiosk";
import { codeWords } from "../i18n/kiosk_codes";
import { kindWords, sayInstrument } from "../i18n/kiosk_instruments";
import type { Instrument, InstrumentKind } from "../protocol/types";
import { lowBattery } from "../state/kiosk_instruments";
import { instrumentTone } from "../state/kiosk_view";
import type { IconName } from "./icons";
import { Icon } from "./icons";
import { CodeText, Simulated } from "./parts";

const ICONS: Record<InstrumentKind, IconName> = {
  blood_pressure: "cuff",
  thermometer: "thermometer",
  oximeter: "finger",
  glucose_meter: "drop",
  scale: "scale",
  heart_rate_belt: "heart",
  ecg: "ecg",
  ctg: "fetal",
  skin_camera: "lens",
  otoscope: "ear",
  intraoral_camera: "mouth",
  ultrasound: "ultrasound",
  stethoscope: "doctor",
};

export function kindIcon(kind: InstrumentKind): IconName {
  return ICONS[kind];
}

export function kindName(kind: InstrumentKind): string {
  return kindWords(kind).name;
}

/** Its own name where it says more than its kind: two ECGs on board are told apart by it. */
export function instrumentName(instrument: Instrument): string {
  return instrument.name.replace(/\s*\((simulée?|simulated)\)/gi, "").trim() || kindName(instrument.kind);
}

/** What to do about it; empty when nothing is. */
export function InstrumentAdvice({ instrument }: { instrument: Instrument }) {
  if (instrument.problem !== null) return <CodeText code={instrument.problem} />;
  if (instrument.state === "absent") return <>{kindWords(instrument.kind).absent}</>;
  if (instrument.state === "failed") return <>{say("failed_do")}</>;
  if (instrument.state === "asleep") return <>{kindWords(instrument.kind).asleep}</>;
  return null;
}

export function stateWords(instrument: Instrument): string {
  return instrument.problem === null ? say(`state_${instrument.state}`) : codeWords(instrument.problem).what;
}

export function LowBattery({ instrument }: { instrument: Instrument }) {
  return lowBattery(instrument) ? (
    <span class="tag look" data-testid={`battery-${instrument.instrument_id}`}>
      <Icon name="battery" size={18} />
      {sayInstrument("battery_low", { n: instrument.battery ?? 0 })}
    </span>
  ) : null;
}

/** For lists where nothing is done with it: the status sheet, the ready check. */
export function InstrumentLine({ instrument }: { instrument: Instrument }) {
  const tone = instrumentTone(instrument);
  return (
    <div class={`instrument-line ${tone}`} data-testid={`check-${instrument.instrument_id}`} data-state={instrument.state}>
      <span class="number figures">{instrument.number}</span>
      <Icon name={ICONS[instrument.kind]} size={28} />
      <div class="instrument-words">
        <b>
          {instrumentName(instrument)} <LowBattery instrument={instrument} /> <Simulated on={instrument.simulated} />
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
