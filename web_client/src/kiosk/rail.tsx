// The instrument rail: numbered instruments with their one action, then what was measured.
import { age } from "../i18n/format";
import { say } from "../i18n/kiosk";
import type { Encounter, Instrument } from "../protocol/types";
import { at, instrumentTone, isAsked, newestFirst, streamOf, usable } from "../state/kiosk_view";
import { useGateway, useKiosk } from "./context";
import { Icon } from "./icons";
import { InstrumentAdvice, kindIcon, kindName } from "./instrument_line";
import { PaperLine } from "./paper";
import { Press, Simulated, useBusy } from "./parts";
import { ReadingLine } from "./reading";
import { Trace } from "./trace";

export function Rail({ encounter }: { encounter: Encounter }) {
  const { desk } = useKiosk();
  const { instruments, tray } = useGateway();
  return (
    <aside class="rail" data-testid="rail">
      {instruments.map((instrument) => (
        <RailInstrument key={instrument.instrument_id} instrument={instrument} encounter={encounter} />
      ))}
      {tray.length > 0 && (
        <Press id="open-tray" icon="tray" size="wide" press={() => { desk.place.value = "tray"; }}>
          {say("home_tray")} ({tray.length})
        </Press>
      )}
      <div class="rail-kept">
        <Papers encounter={encounter} />
        <Readings encounter={encounter} />
      </div>
    </aside>
  );
}

function RailInstrument({ instrument, encounter }: { instrument: Instrument; encounter: Encounter }) {
  const { traces } = useKiosk();
  const asked = isAsked(instrument);
  const tone = instrumentTone(instrument);
  const stream = instrument.kind === "ecg" ? streamOf(encounter, instrument) : null;
  return (
    <section class={`rail-instrument card ${asked ? "asked" : ""} ${tone}`} data-testid={`instrument-${instrument.instrument_id}`}
      data-state={instrument.state} data-asked={asked}>
      <span class="number figures">{instrument.number}</span>
      <div class="rail-words">
        <b class="rail-name">
          <Icon name={kindIcon(instrument.kind)} size={24} /> {kindName(instrument.kind)}
        </b>
        <span>
          <RailState instrument={instrument} running={stream !== null} /> <Simulated on={instrument.simulated} />
        </span>
      </div>
      <RailAction instrument={instrument} running={stream !== null} />
      {asked && (
        <p class="asked-words" data-testid={`asked-${instrument.instrument_id}`} role="status">
          <Icon name="doctor" size={26} />
          {instrument.request?.words ? say("asked_words", { words: instrument.request.words }) : say("asked")}
        </p>
      )}
      {stream !== null && <Trace trace={traces.get(stream.stream_id)} />}
    </section>
  );
}

function RailState({ instrument, running }: { instrument: Instrument; running: boolean }) {
  const { cuff } = useGateway();
  if (cuff !== null && cuff.instrument_id === instrument.instrument_id) {
    return (
      <span class="cuff" data-testid="cuff-pressure">
        <b class="figures">{cuff.pressure}</b> <small>mmHg · {say("cuff_now")}</small>
      </span>
    );
  }
  const tone = instrumentTone(instrument);
  if (!usable(instrument)) {
    return (
      <span class={`state ${tone}`}>
        <InstrumentAdvice instrument={instrument} />
      </span>
    );
  }
  const how = instrument.kind === "blood_pressure" && (instrument.state === "ready" || instrument.state === "asleep");
  return <span class={`state ${tone}`}>{how ? say("bp_how") : say(`state_${running ? "measuring" : instrument.state}`)}</span>;
}

function RailAction({ instrument, running }: { instrument: Instrument; running: boolean }) {
  const { desk } = useKiosk();
  const busy = useBusy("start_waveform", "stop_waveform");
  const { instrument_id } = instrument;
  if (instrument.state === "absent") return null;
  switch (instrument.kind) {
    case "ecg":
      return running ? (
        <Press id="ecg-stop" press={() => desk.send({ type: "stop_waveform", instrument_id })} disabled={busy}>
          {say("ecg_stop")}
        </Press>
      ) : (
        <Press id="ecg-start" look="main" press={() => desk.send({ type: "start_waveform", instrument_id })} disabled={busy}>
          {say("ecg_start")}
        </Press>
      );
    case "skin_camera":
      return (
        <Press id="skin-open" look="main" press={() => { desk.skin.value = instrument_id; }}>
          {say("skin_open")}
        </Press>
      );
    case "blood_pressure":
      return null;
  }
}

/** A prescription can be in the patient's hand before the call ends. */
function Papers({ encounter }: { encounter: Encounter }) {
  const papers = encounter.prescriptions.filter((each) => each.state !== "draft");
  if (papers.length === 0) return null;
  return (
    <section class="rail-papers card" data-testid="rail-papers">
      <h2>{say("after_prescriptions")}</h2>
      {papers.map((each) => (
        <PaperLine key={each.prescription_id} prescription={each} />
      ))}
    </section>
  );
}

function Readings({ encounter }: { encounter: Encounter }) {
  const { desk } = useKiosk();
  const readings = newestFirst(encounter.readings);
  const stills = [...encounter.stills].reverse();
  return (
    <section class="readings card" data-testid="readings">
      <h2>{say("rail_readings")}</h2>
      {readings.length === 0 && stills.length === 0 && <p class="soft">{say("rail_no_reading")}</p>}
      {readings.map((reading, index) => (
        <ReadingLine key={reading.reading_id} reading={reading} newest={index === 0} />
      ))}
      {stills.length > 0 && (
        <div class="stills" data-testid="stills">
          {stills.map((still) => (
            <figure key={still.still_id} data-testid={`still-${still.still_id}`}>
              {still.thumbnail === "" ? <Icon name="lens" size={48} /> : <img alt="" src={`data:image/jpeg;base64,${still.thumbnail}`} />}
              <figcaption>
                {say(`still_${still.quality}`)}
                <br />
                <small>{age(at(still.taken_at), desk.now.value)}</small>
              </figcaption>
            </figure>
          ))}
        </div>
      )}
    </section>
  );
}
