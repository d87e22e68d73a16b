// The instrument rail: what is asked or goes on stands large on top, then what was measured; each instrument has its tile below.
import { age } from "../i18n/format";
import { say } from "../i18n/kiosk";
import type { Encounter } from "../protocol/types";
import { railPlan } from "../state/kiosk_instruments";
import { at, newestFirst } from "../state/kiosk_view";
import { useGateway, useKiosk } from "./context";
import { Icon } from "./icons";
import { InstrumentCard } from "./instrument_card";
import { InstrumentTile } from "./instrument_tile";
import { PaperLine } from "./paper";
import { Press } from "./parts";
import { ReadingLine } from "./reading";

/** Five rows of three fill half of the rail; more stand four in a row. */
const THREE_IN_A_ROW = 15;

export function Rail({ encounter }: { encounter: Encounter }) {
  const { desk } = useKiosk();
  const state = useGateway();
  const { cards, tiles } = railPlan(state, desk.focus.value);
  const dense = tiles.length > THREE_IN_A_ROW;
  const fold = tiles.length === 0 ? null : () => { desk.focus.value = null; };
  return (
    <aside class={`rail ${tiles.length === 0 ? "" : "tiled"}`} data-testid="rail">
      <div class="rail-kept">
        {cards.map((instrument) => (
          <InstrumentCard key={instrument.instrument_id} instrument={instrument} encounter={encounter} fold={fold} />
        ))}
        {state.tray.length > 0 && (
          <Press id="open-tray" icon="tray" size="wide" press={() => { desk.place.value = "tray"; }}>
            {say("home_tray")} ({state.tray.length})
          </Press>
        )}
        <Papers encounter={encounter} />
        <Readings encounter={encounter} />
      </div>
      {tiles.length > 0 && (
        <div class={`tiles ${dense ? "dense" : ""}`} data-testid="tiles">
          {tiles.map((instrument) => (
            <InstrumentTile key={instrument.instrument_id} instrument={instrument} large={cards.includes(instrument)} dense={dense} />
          ))}
        </div>
      )}
    </aside>
  );
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
