// One reading in words: its values, where and when they were taken, and what the instrument doubts.
import { age, clock, decimal } from "../i18n/format";
import { codeWords, flagWords } from "../i18n/doctor_codes";
import { absentWords, offsetWords, sayMeasure, unitWords } from "../i18n/doctor_measures";
import type { Quantity, Reading } from "../protocol/types";
import { implausible, isRefused, measureOf, momentOf, partsOf, saidFlags, timeOf } from "../state/vitals";
import { usePage } from "./context";
import { deviceName } from "./device_name";

/** A clock that is wrong by less says nothing a doctor needs. */
const CLOCK_SECONDS = 120;
/** Intervals between beats shown of one reading. */
const INTERVALS = 4;

/** The large numbers and the small ones; words where there is no number. */
export function Values({ reading }: { reading: Reading }) {
  if (reading.kind === "unreadable") {
    const refused = isRefused(reading.error);
    return (
      <div class="say look" data-testid="reading-unreadable">
        {refused && <strong>{codeWords(reading.error ?? "")}</strong>}
        <p>{sayMeasure(refused ? "refused_more" : "unreadable_more")}</p>
      </div>
    );
  }
  const { main, others } = partsOf(reading);
  const intervals = others.filter((each) => measureOf(each) === "rr_interval");
  const rest = others.filter((each) => !intervals.includes(each));
  return (
    <>
      {main.length > 0 && <Large quantities={main} />}
      {rest.length > 0 && (
        <p class="others figures">
          {rest.map((quantity, place) => (
            <QuantityText key={place} quantity={quantity} />
          ))}
        </p>
      )}
      {intervals.length > 0 && (
        <p class="others figures">
          <span>
            <span class="label">{sayMeasure("rr_interval")}</span>{" "}
            {intervals.slice(-INTERVALS).map((each) => Math.round(Number(each.value))).join(" · ")} ms
          </span>
        </p>
      )}
    </>
  );
}

function Large({ quantities }: { quantities: readonly Quantity[] }) {
  const [first] = quantities;
  if (quantities.every((each) => each.value === null)) {
    return (
      <p class="no-value" data-testid="reading-absent">
        {absentWords(first?.absent ?? null)}
      </p>
    );
  }
  return (
    <p class="large figures">
      {quantities.map((quantity, place) => (
        <span key={place}>
          {place > 0 && <span class="slash">/</span>}
          <Figure quantity={quantity} />
        </span>
      ))}
      <span class="unit" data-testid="reading-unit">
        {unitWords(first?.unit ?? "")}
      </span>
    </p>
  );
}

function Figure({ quantity }: { quantity: Quantity }) {
  return (
    <span data-testid={`reading-${measureOf(quantity) ?? "value"}`} data-value={quantity.value ?? ""}>
      {quantity.value === null ? <span class="no-value">{absentWords(quantity.absent)}</span> : decimal(quantity.value)}
    </span>
  );
}

/** A quantity with its name: `Pouls 76 /min`. */
export function QuantityText({ quantity }: { quantity: Quantity }) {
  const measure = measureOf(quantity);
  const name = measure === null ? sayMeasure("other", { code: quantity.loinc || quantity.mdc }) : sayMeasure(measure);
  return (
    <span class="quantity">
      <span class="label">{name}</span>{" "}
      <strong data-testid={`reading-${measure ?? "other"}`} data-value={quantity.value ?? ""}>
        {quantity.value === null ? absentWords(quantity.absent) : decimal(quantity.value)}
      </strong>
      {quantity.value !== null && <span class="small-unit">{unitWords(quantity.unit)}</span>}
    </span>
  );
}

export function Provenance({ reading }: { reading: Reading }) {
  const { now } = usePage();
  const time = timeOf(reading);
  const { doubts, sound } = saidFlags(reading);
  const faults = reading.error !== null && reading.kind !== "unreadable" ? [codeWords(reading.error)] : [];
  const offset = reading.clock_offset_s;
  const when =
    time === "unknown"
      ? sayMeasure("unknown", { age: age(Date.parse(reading.received_at), now.value) })
      : sayMeasure("taken", { age: age(momentOf(reading), now.value) });
  return (
    <>
      {reading.context.length > 0 && (
        <p class="context" data-testid="reading-context">
          {reading.context.map((code) => flagWords(code)).join(", ")}
        </p>
      )}
      <p class="soft provenance">
        <span data-testid="reading-device">{device(reading)}</span> ·{" "}
        <span class="figures" data-testid="reading-age">
          {when}
        </span>
      </p>
      <ul class="flags" data-testid="reading-flags">
        {implausible(reading) && <li class="tag stop">■ {sayMeasure("implausible")}</li>}
        {time === "old" && (
          <li class="tag look" data-testid="reading-old">
            △ {sayMeasure("old")} {sayMeasure("old_at", { date: dayAndClock(momentOf(reading)) })}
          </li>
        )}
        {doubts.map((flag) => (
          <li key={flag} class="tag look">
            △ {flagWords(flag)}
          </li>
        ))}
        {sound.map((flag) => (
          <li key={flag} class="tag done">
            ✓ {flagWords(flag)}
          </li>
        ))}
        {faults.map((fault) => (
          <li key={fault} class="tag look">
            △ {fault}
          </li>
        ))}
        {offset !== null && Math.abs(offset) > CLOCK_SECONDS && (
          <li class="tag">{sayMeasure("clock_off", { by: offsetWords(offset) })}</li>
        )}
      </ul>
    </>
  );
}

export function Earlier({ reading }: { reading: Reading }) {
  const { now } = usePage();
  const { main } = partsOf(reading);
  const time = timeOf(reading);
  const values = main.map((each) => (each.value === null ? absentWords(each.absent) : decimal(each.value))).join("/");
  const text = reading.kind === "unreadable" ? codeWords(reading.error ?? "instrument.unreadable") : values;
  return (
    <li class="figures">
      {text !== "" && <strong>{text}</strong>} {text !== "" && main.length > 0 && unitWords(main[0]?.unit ?? "")}{" "}
      <span class="soft">
        {time === "unknown"
          ? sayMeasure("unknown", { age: age(Date.parse(reading.received_at), now.value) })
          : age(momentOf(reading), now.value)}
        {time === "old" && ` · ${sayMeasure("old")}`}
        {implausible(reading) && ` · ${flagWords("implausible")}`}
      </span>
    </li>
  );
}

const device = ({ device: { maker, model, device_id } }: Reading): string => deviceName(maker, model) || device_id;

function dayAndClock(at: number): string {
  const date = new Date(at);
  const two = (n: number) => String(n).padStart(2, "0");
  return `${two(date.getDate())}/${two(date.getMonth() + 1)}/${date.getFullYear()}, ${clock(at)}`;
}
