// An instrument that stands large on the rail: what the doctor asks, what it shows now, its actions, what to do about it.
import { useEffect, useRef } from "preact/hooks";
import { age, decimal } from "../i18n/format";
import { sayMeasure } from "../i18n/doctor_measures";
import { say } from "../i18n/kiosk";
import { kindWords, sayInstrument } from "../i18n/kiosk_instruments";
import type { Encounter, Instrument, KioskState } from "../protocol/types";
import { inTray, isActive, lastReading, photosOf, pulses, streamOf } from "../state/kiosk_instruments";
import { liveQuantities, shortValue } from "../state/kiosk_reading";
import { at, instrumentTone, usable } from "../state/kiosk_view";
import { useGateway, useKiosk } from "./context";
import { Icon } from "./icons";
import { InstrumentActions } from "./instrument_actions";
import { InstrumentAdvice, instrumentName, kindIcon, LowBattery } from "./instrument_line";
import { CodeText, Press, Simulated } from "./parts";
import { Value } from "./reading";
import { Trace } from "./trace";

export function InstrumentCard({ instrument, encounter, fold }: { instrument: Instrument; encounter: Encounter; fold: (() => void) | null }) {
  const { traces } = useKiosk();
  const state = useGateway();
  const asked = pulses(state, instrument);
  const stream = streamOf(encounter, instrument);
  const { instrument_id: id } = instrument;
  const card = useRef<HTMLElement>(null);
  // What comes forward is seen, also where other cards fill the rail.
  useEffect(() => card.current?.scrollIntoView({ block: "nearest" }), [asked, stream !== null]);
  return (
    <section ref={card} class={`rail-instrument card ${asked ? "asked" : ""} ${instrumentTone(instrument)}`} data-testid={`instrument-${id}`}
      data-state={instrument.state} data-asked={asked}>
      <span class="number figures">{instrument.number}</span>
      <div class="rail-words">
        <b class="rail-name">
          <Icon name={kindIcon(instrument.kind)} size={24} /> {instrumentName(instrument)} <Simulated on={instrument.simulated} />
        </b>
        <span>
          <CardState instrument={instrument} state={state} /> <LowBattery instrument={instrument} />
        </span>
      </div>
      {fold !== null && !asked && !isActive(state, instrument) && (
        <Press id={`fold-${id}`} look="quiet" icon="close" label={sayInstrument("card_close")} press={fold}>
          {""}
        </Press>
      )}
      {asked && (
        <p class="asked-words" data-testid={`asked-${id}`} role="status">
          <Icon name="doctor" size={26} />
          {instrument.request?.words ? say("asked_words", { words: instrument.request.words }) : say("asked")}
        </p>
      )}
      <Old instrument={instrument} state={state} />
      {stream !== null && <Trace id={id} trace={traces.get(stream.stream_id)} />}
      <InstrumentActions instrument={instrument} encounter={encounter} running={stream !== null} asked={asked} />
    </section>
  );
}

/** What it shows now, large, and that it is not yet a result; else how it is and what to do. */
function CardState({ instrument, state }: { instrument: Instrument; state: KioskState }) {
  const { desk } = useKiosk();
  const tone = instrumentTone(instrument);
  if (instrument.live.length > 0) return <Live instrument={instrument} />;
  if (!usable(instrument)) {
    return (
      <span class={`state ${tone}`}>
        <InstrumentAdvice instrument={instrument} />
      </span>
    );
  }
  if (state.shown === instrument.instrument_id) return <span class="state done">{sayInstrument("camera_shown")}</span>;
  if (state.listening === instrument.instrument_id) return <span class="state done">{sayInstrument("listening")}</span>;
  if (isActive(state, instrument)) return <span class={`state ${tone}`}>{say("state_measuring")}</span>;
  const last = lastReading(state.encounter, instrument);
  const value = last === null ? null : shortValue(last);
  if (last?.kind === "unreadable") {
    return <span class="state look">{last.error === null ? say("unreadable_explain") : <CodeText code={last.error} />}</span>;
  }
  if (last !== null) {
    return (
      <span class={`state ${tone}`}>
        {value !== null && <b class="card-value figures">{decimal(value)}</b>} {sayInstrument("measured", { age: age(at(last.received_at), desk.now.value) })}
      </span>
    );
  }
  const photos = photosOf(state.encounter, instrument);
  if (photos > 0) {
    return <span class={`state ${tone}`}>{sayInstrument("photos_kept", { photos: photos === 1 ? sayInstrument("photo_one") : sayInstrument("photo_some", { n: photos }) })}</span>;
  }
  const { how, asleep } = kindWords(instrument.kind);
  const cart = instrument.kind === "ecg" && !instrument.streams;
  return <span class={`state ${tone}`}>{cart ? sayInstrument("cart") : instrument.state === "asleep" ? asleep : how}</span>;
}

/** The saturation and the pulse; what else runs is on the doctor's page. */
const LIVE_SHOWN = 2;

function Live({ instrument }: { instrument: Instrument }) {
  const cuff = instrument.kind === "blood_pressure";
  return (
    <span class="live" data-testid={cuff ? "cuff-pressure" : `live-${instrument.instrument_id}`}>
      {liveQuantities(instrument.live).slice(0, LIVE_SHOWN).map((each, index) => (
        <span key={each.measure ?? index} class="live-number figures">
          <Value of={each} /> <small>{each.value === null ? "" : each.unit}</small>
          {each.measure !== null && <small> · {sayMeasure(each.measure)}</small>}
        </span>
      ))}
      <small class="live-note">{sayInstrument("live_now")}</small>
      {instrument.problem !== null && <InstrumentAdvice instrument={instrument} />}
    </span>
  );
}

/** What it gave that is not this patient's for sure: it waits in the tray. */
function Old({ instrument, state }: { instrument: Instrument; state: KioskState }) {
  const { desk } = useKiosk();
  const n = inTray(state.tray, instrument);
  if (n === 0) return null;
  return (
    <div class="card-old" data-testid={`old-${instrument.instrument_id}`}>
      <span>
        <b>{n === 1 ? sayInstrument("tray_one") : sayInstrument("tray_some", { n })}</b> <small>{sayInstrument(n === 1 ? "tray_old_one" : "tray_old_some")}</small>
      </span>
      <Press id={`old-open-${instrument.instrument_id}`} icon="tray" press={() => { desk.place.value = "tray"; }}>
        {say("home_tray_go")}
      </Press>
    </div>
  );
}

