// A reading with its provenance: numbers, unit, device, age, and what the instrument itself says of it.
import { language } from "../i18n/core";
import { age, clock, decimal } from "../i18n/format";
import { absentWords, sayMeasure } from "../i18n/doctor_measures";
import { say } from "../i18n/kiosk";
import { contextWords, sayReading } from "../i18n/kiosk_reading";
import { codeWords } from "../i18n/kiosk_codes";
import type { Reading } from "../protocol/types";
import { shownQuantities, type ShownQuantity } from "../state/kiosk_reading";
import { at } from "../state/kiosk_view";
import { isRefused } from "../state/vitals";
import { useKiosk } from "./context";
import { Icon } from "./icons";
import { kindName } from "./instrument_line";
import { CodeText, Press, Simulated } from "./parts";

/** `reading-mean` is older than the list of measures. */
const testName = (each: ShownQuantity): string => (each.measure === "mean_pressure" ? "mean" : (each.measure ?? "value"));

/** A number, or in words why there is none. */
export function Value({ of, id }: { of: ShownQuantity; id?: string | undefined }) {
  return of.value === null ? (
    <b data-testid={id} class="absent">
      {absentWords(of.absent)}
    </b>
  ) : (
    <b data-testid={id}>{decimal(of.value)}</b>
  );
}

/** The numbers. Only those of the newest reading are named for tests, by `name`. */
function Numbers({ reading, large = false, name }: { reading: Reading; large?: boolean; name: string | null }) {
  const testid = (each: ShownQuantity) => (name === null ? undefined : `${name}-${testName(each)}`);
  const quantities = shownQuantities(reading);
  const pressures = quantities.filter((each) => each.measure === "systolic" || each.measure === "diastolic");
  const rest = quantities.filter((each) => !pressures.includes(each));
  const doubtful = reading.flags.includes("implausible") ? "doubtful" : "";
  return (
    <div class={`numbers ${large ? "large" : ""} ${doubtful}`}>
      {pressures.length > 0 && (
        <span class="pair figures">
          {pressures.map((each, index) => (
            <span key={each.measure}>
              {index > 0 && <i>/</i>}
              <Value of={each} id={testid(each)} />
            </span>
          ))}
          <small>{pressures[0]?.unit}</small>
        </span>
      )}
      {rest.map((each, index) => (
        <span key={each.measure ?? index} class={`figures ${pressures.length === 0 && index === 0 ? "pair" : "rest"}`}>
          {!(pressures.length === 0 && index === 0) && each.measure !== null && <small>{sayMeasure(each.measure)} </small>}
          <Value of={each} id={testid(each)} /> {each.value !== null && <small>{each.unit}</small>}
        </span>
      ))}
    </div>
  );
}

/** What the instrument says of the circumstances: where, before or after a meal. */
function Context({ reading }: { reading: Reading }) {
  const words = reading.context.map(contextWords).filter((each) => each !== null);
  return words.length === 0 ? null : <span class="reading-context">{words.join(", ")}</span>;
}

/** Said by instruments that measure on and on, of each reading they give: nothing for the nurse to look at. */
const QUIET = new Set(["measurement_ongoing", "signal_analysis_ongoing"]);

const flagsShown = (reading: Reading): readonly string[] => reading.flags.filter((code) => !QUIET.has(code));

export function Flags({ reading }: { reading: Reading }) {
  const codes = [...flagsShown(reading), ...(reading.error === null || reading.kind === "unreadable" ? [] : [reading.error])];
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

/** When it was measured, by the device's own clock where ours does not know. */
function takenWords(reading: Reading, now: number): string {
  if (reading.taken_at !== null) return age(at(reading.taken_at), now);
  return `${say("taken_unknown")}, ${sayReading("received", { at: clock(reading.received_at) })}`;
}

/** When it was measured, by date: to tell the patients of a day apart. */
export function Moment({ reading }: { reading: Reading }) {
  const known = reading.taken_at !== null;
  const when = new Date(reading.taken_at ?? reading.received_at);
  const facts = { day: date(when), at: clock(when.getTime()) };
  return (
    <p class="reading-moment" data-testid={`moment-${reading.reading_id}`}>
      <Icon name="clock" size={22} /> {known ? sayReading("taken", facts) : sayReading("taken_unknown", facts)}
      {!known && reading.device_time !== "" && ` · ${sayReading("device_time", { time: reading.device_time.replace("T", " ") })}`}
    </p>
  );
}

/** Day and month, and the year where it is another one. */
function date(when: Date): string {
  const year = when.getFullYear() === new Date().getFullYear() ? {} : { year: "numeric" as const };
  return new Intl.DateTimeFormat(language.value === "fr" ? "fr-FR" : "en-GB", { day: "2-digit", month: "2-digit", ...year }).format(when);
}

export function Provenance({ reading }: { reading: Reading }) {
  const { desk } = useKiosk();
  const device = `${reading.device.maker} ${reading.device.model}`.replace(/\s*\((simulée?|simulated)\)/gi, "").trim() || kindName(reading.device.kind);
  return (
    <small class="provenance">
      {device} · {takenWords(reading, desk.now.value)} <Simulated on={reading.device.simulated} />
    </small>
  );
}

/** Bytes that were understood and are no result of the patient are told from bytes that nobody can read. */
const unreadableTitle = (reading: Reading): string => (isRefused(reading.error) ? sayMeasure("kind_refused") : say("unreadable"));

/** What it is when it is no number: a recording, or bytes that nobody can read. */
function Body({ reading, large, name }: { reading: Reading; large?: boolean; name: string | null }) {
  if (reading.kind === "unreadable") {
    return (
      <span class="unreadable-words">
        <b class="unreadable">{unreadableTitle(reading)}</b>
        {reading.error !== null && <CodeText code={reading.error} />}
      </span>
    );
  }
  if (reading.kind === "ecg_recording") {
    return (
      <b class="recording-words">
        <Icon name="ecg" size={26} /> {sayReading("recording")}
      </b>
    );
  }
  return <Numbers reading={reading} name={name} {...(large === undefined ? {} : { large })} />;
}

/** One line of a list; `newest` names its numbers `reading-systolic`… */
export function ReadingLine({ reading, newest = false }: { reading: Reading; newest?: boolean }) {
  return (
    <article class="reading" data-testid={`reading-${reading.reading_id}`} data-kind={reading.kind}>
      {reading.kind !== "blood_pressure" && reading.kind !== "unreadable" && reading.kind !== "ecg_recording" && (
        <span class="reading-kind">{sayMeasure(`kind_${reading.kind}`)}</span>
      )}
      <Body reading={reading} name={newest ? "reading" : null} />
      <Context reading={reading} />
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
        <h2>{unreadable ? unreadableTitle(reading) : `${say("new_reading")} · ${kindName(reading.device.kind)}`}</h2>
        <Press id="fresh-close" press={() => desk.dismissFresh()} icon="close" look="quiet">
          {say("close")}
        </Press>
      </header>
      {unreadable ? <p class="fresh-words">{reading.error === null ? say("unreadable_explain") : <CodeText code={reading.error} />}</p> : <Body reading={reading} large name="fresh" />}
      <footer>
        <Context reading={reading} />
        <Provenance reading={reading} />
        {flagsShown(reading).map((code) => (
          <p key={code} class="fresh-flag">
            <Icon name="warning" size={22} /> <CodeText code={code} />
          </p>
        ))}
      </footer>
    </div>
  );
}
