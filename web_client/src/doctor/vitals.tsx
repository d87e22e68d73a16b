// What instruments measured: large numbers with unit, device and age; unprocessed, nothing judged.
import { useEffect } from "preact/hooks";
import { age, decimal } from "../i18n/format";
import { say } from "../i18n/doctor";
import { codeWords, known } from "../i18n/doctor_codes";
import type { Quantity, Reading } from "../protocol/types";
import type { Consultation } from "../state/doctor_desk";
import type { ReadingView } from "../state/doctor_record";
import { usePage } from "./context";
import { deviceName } from "./device_name";
import { readingShown } from "./probe";

/** LOINC names of what a cuff says. */
const SYSTOLIC = "8480-6";
const DIASTOLIC = "8462-4";
const MEAN = "8478-0";
const PULSE = "8867-4";

const EARLIER_SHOWN = 5;

export function Vitals({ it }: { it: Consultation }) {
  const readings = it.record.readings.value;
  const newest = readings.at(-1);
  useEffect(() => {
    for (const { reading, cameAt } of readings) readingShown(reading.reading_id, reading.received_at, cameAt);
  }, [readings]);
  return (
    <section class="card block vitals" aria-label={say("vitals")} data-testid="vitals" data-count={readings.length}>
      <h2 class="vitals-head">
        {say(newest?.reading.kind === "blood_pressure" ? "blood_pressure" : "vitals")}
        {newest?.reading.device.simulated === true && (
          <span class="tag look" data-testid="reading-simulated">
            {say("simulated")}
          </span>
        )}
      </h2>
      {newest === undefined ? <p class="soft">{say("vitals_none")}</p> : <Newest view={newest} />}
      {readings.length > 1 && (
        <details class="earlier">
          <summary>{say("earlier")}</summary>
          <ul>
            {readings
              .slice(0, -1)
              .slice(-EARLIER_SHOWN)
              .reverse()
              .map(({ reading }) => (
                <Earlier key={reading.reading_id} reading={reading} />
              ))}
          </ul>
        </details>
      )}
    </section>
  );
}

function Newest({ view }: { view: ReadingView }) {
  const { reading } = view;
  return (
    <div data-testid="reading" data-reading={reading.reading_id} aria-live="polite">
      {reading.kind === "unreadable" ? (
        <div class="say look" data-testid="reading-unreadable">
          <strong>{say("unreadable")}</strong>
          <p>{say("unreadable_more")}</p>
        </div>
      ) : (
        <Pressure reading={reading} />
      )}
      <Provenance reading={reading} />
    </div>
  );
}

function Pressure({ reading }: { reading: Reading }) {
  const mean = of(reading, MEAN);
  const pulse = of(reading, PULSE);
  return (
    <>
      <p class="big figures">
        <Value quantity={of(reading, SYSTOLIC)} testid="reading-systolic" />
        <span class="slash">/</span>
        <Value quantity={of(reading, DIASTOLIC)} testid="reading-diastolic" />
        <span class="unit" data-testid="reading-unit">
          {unit(of(reading, SYSTOLIC)?.unit ?? "")}
        </span>
      </p>
      <div class="pair">
        {pulse !== undefined && (
          <p class="middle figures">
            <span class="label">{say("pulse")}</span> <Value quantity={pulse} testid="reading-pulse" />
            <span class="unit">{unit(pulse.unit)}</span>
          </p>
        )}
        {mean?.value != null && (
          <p class="soft figures" data-testid="reading-mean">
            {say("mean", { value: decimal(mean.value) })}
          </p>
        )}
      </div>
    </>
  );
}

function Value({ quantity, testid }: { quantity: Quantity | undefined; testid: string }) {
  const value = quantity?.value ?? null;
  return (
    <span data-testid={testid} data-value={value ?? ""}>
      {value === null ? (
        <span aria-label={say("absent_value")} title={say("absent_value")}>
          –
        </span>
      ) : (
        decimal(value)
      )}
    </span>
  );
}

function Provenance({ reading }: { reading: Reading }) {
  const { now } = usePage();
  const received = age(Date.parse(reading.received_at), now.value);
  const when =
    reading.taken_at === null
      ? say("taken_unknown", { age: received })
      : say("taken", { age: age(Date.parse(reading.taken_at), now.value) });
  const flags = [...reading.flags, ...(reading.error === null ? [] : [reading.error])];
  return (
    <>
      <p class="soft provenance">
        <span data-testid="reading-device">{device(reading)}</span> ·{" "}
        <span class="figures" data-testid="reading-age">
          {when}
        </span>
      </p>
      {flags.length > 0 && (
        <ul class="flags" data-testid="reading-flags">
          {flags.map((flag) => (
            <li key={flag} class="tag look">
              △ {known(flag) ? codeWords(flag) : flag}
            </li>
          ))}
        </ul>
      )}
    </>
  );
}

function Earlier({ reading }: { reading: Reading }) {
  const { now } = usePage();
  const text =
    reading.kind === "unreadable"
      ? say("unreadable")
      : `${of(reading, SYSTOLIC)?.value ?? "–"}/${of(reading, DIASTOLIC)?.value ?? "–"} ${unit(of(reading, SYSTOLIC)?.unit ?? "")}`;
  return (
    <li class="figures">
      <strong>{text}</strong>{" "}
      <span class="soft">{age(Date.parse(reading.taken_at ?? reading.received_at), now.value)}</span>
    </li>
  );
}

const of = (reading: Reading, loinc: string): Quantity | undefined =>
  reading.quantities.find((quantity) => quantity.loinc === loinc);

const device = ({ device: { maker, model, device_id } }: Reading): string => deviceName(maker, model) || device_id;

/** UCUM units as the clinic writes them; one that is not listed is shown as it came. */
function unit(ucum: string): string {
  switch (ucum) {
    case "mm[Hg]":
      return say("unit_mmhg");
    case "/min":
    case "{beats}/min":
      return say("unit_per_minute");
    default:
      return ucum;
  }
}
