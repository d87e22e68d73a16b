// A reading with its provenance: numbers, unit, device, age, and what the instrument itself says of it.
import { age, decimal } from "../i18n/format";
import { say } from "../i18n/kiosk";
import { codeWords } from "../i18n/kiosk_codes";
import type { Reading } from "../protocol/types";
import { at, shownQuantities } from "../state/kiosk_view";
import { useKiosk } from "./context";
import { Icon } from "./icons";
import { CodeText, Press, Simulated } from "./parts";
import { kindName } from "./instrument_line";

/** The three or four numbers. Only those of the newest reading are named for tests, by `name`. */
function Numbers({ reading, large = false, name }: { reading: Reading; large?: boolean; name: string | null }) {
  const testid = (measure: string) => (name === null ? undefined : `${name}-${measure}`);
  const quantities = shownQuantities(reading);
  const pressures = quantities.filter((each) => each.measure === "systolic" || each.measure === "diastolic");
  const rest = quantities.filter((each) => !pressures.includes(each));
  const value = (text: string | null) => (text === null ? "—" : decimal(text));
  return (
    <div class={`numbers ${large ? "large" : ""}`}>
      {pressures.length > 0 && (
        <span class="pair figures">
          {pressures.map((each, index) => (
            <span key={each.measure}>
              {index > 0 && <i>/</i>}
              <b data-testid={testid(each.measure)} class={each.value === null ? "absent" : ""}>
                {value(each.value)}
              </b>
            </span>
          ))}
          <small>{pressures[0]?.unit}</small>
        </span>
      )}
      {rest.map((each) => (
        <span key={each.measure} class="rest figures">
          <small>{say(each.measure)}</small> <b data-testid={testid(each.measure)}>{value(each.value)}</b>{" "}
          <small>{each.value === null ? say("no_value") : each.unit === pressures[0]?.unit && !large ? "" : each.unit}</small>
        </span>
      ))}
    </div>
  );
}

export function Flags({ reading }: { reading: Reading }) {
  const codes = [...reading.flags, ...(reading.error === null || reading.kind === "unreadable" ? [] : [reading.error])];
  return (
    <>
      {codes.map((code) => (
        <span key={code} class="tag look" data-testid={`flag-${code}`}>
          <Icon name="warning" size={18} />
          {codeWords(code).what.replace(/\.$/, "")}
        </span>
      ))}
    </>
  );
}

export function Provenance({ reading }: { reading: Reading }) {
  const { desk } = useKiosk();
  const device = `${reading.device.maker} ${reading.device.model}`.trim() || kindName(reading.device.kind);
  const taken = reading.taken_at === null ? say("taken_unknown") : age(at(reading.taken_at), desk.now.value);
  return (
    <small class="provenance">
      {device} · {taken} <Simulated on={reading.device.simulated} />
    </small>
  );
}

/** One line of a list; `newest` names its numbers `reading-systolic`… */
export function ReadingLine({ reading, newest = false }: { reading: Reading; newest?: boolean }) {
  return (
    <article class="reading" data-testid={`reading-${reading.reading_id}`}>
      {reading.kind === "unreadable" ? <b class="unreadable">{say("unreadable")}</b> : <Numbers reading={reading} name={newest ? "reading" : null} />}
      <Provenance reading={reading} />
      <Flags reading={reading} />
    </article>
  );
}

/** A reading that just came: large, for some seconds. A touch puts it away. */
export function FreshReading() {
  const { desk } = useKiosk();
  const reading = desk.fresh.value;
  if (reading === null) return null;
  const unreadable = reading.kind === "unreadable";
  return (
    <div class={`fresh ${unreadable ? "look" : ""}`} role="status" data-testid="fresh-reading">
      <header>
        <Icon name={unreadable ? "warning" : "check"} size={32} />
        <h2>{unreadable ? say("unreadable") : `${say("new_reading")} · ${kindName(reading.device.kind)}`}</h2>
        <Press id="fresh-close" press={() => desk.dismissFresh()} icon="close" look="quiet">
          {say("close")}
        </Press>
      </header>
      {unreadable ? <p class="fresh-words">{say("unreadable_explain")}</p> : <Numbers reading={reading} large name="fresh" />}
      <footer>
        <Provenance reading={reading} />
        {reading.flags.map((code) => (
          <p key={code} class="fresh-flag">
            <Icon name="warning" size={22} /> <CodeText code={code} />
          </p>
        ))}
      </footer>
    </div>
  );
}
