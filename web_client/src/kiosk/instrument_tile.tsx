// An instrument as a numbered tile: it never moves, says in a word how it is, and a touch brings it forward.
import { decimal } from "../i18n/format";
import { kindWords, sayInstrument } from "../i18n/kiosk_instruments";
import type { Instrument } from "../protocol/types";
import { lastReading, lowBattery, type TileWord, tileWord } from "../state/kiosk_instruments";
import { liveQuantities, shortValue } from "../state/kiosk_reading";
import { useGateway, useKiosk } from "./context";
import { Icon, type IconName } from "./icons";
import { kindIcon } from "./instrument_line";

const MARKS: Record<TileWord, IconName> = {
  asked: "doctor", absent: "warning", failed: "warning", measuring: "gauge", shown: "doctor", listening: "sound", tray: "tray", value: "check",
  asleep: "moon", ready: "check", done: "check",
};

export function InstrumentTile({ instrument, large }: { instrument: Instrument; large: boolean }) {
  const { desk } = useKiosk();
  const state = useGateway();
  const word = tileWord(state, instrument);
  const last = word === "value" ? lastReading(state.encounter, instrument) : null;
  const live = word === "measuring" ? liveQuantities(instrument.live)[0] : undefined;
  const value = live?.value != null ? `${live.value}\u00a0${live.unit}` : last === null ? null : shortValue(last);
  const { instrument_id: id } = instrument;
  return (
    // While it stands large, the card bears the instrument's name for tests.
    <div class="tile-place" {...(large ? {} : { "data-testid": `instrument-${id}`, "data-state": instrument.state, "data-asked": false })}>
      <button type="button" class={`tile ${word}`} data-testid={`tile-${id}`} data-word={word} aria-pressed={large}
        onClick={() => { desk.focus.value = desk.focus.peek() === id ? null : id; }}>
        <span class="number figures">{instrument.number}</span>
        <span class="tile-words">
          <b>
            <Icon name={kindIcon(instrument.kind)} size={18} /> {kindWords(instrument.kind).short}
          </b>
          <span class="tile-state">
            <Icon name={MARKS[word]} size={16} /> {value === null ? sayInstrument(`tile_${word}`) : decimal(value)}
            {lowBattery(instrument) && <Icon name="battery" size={16} />}
          </span>
        </span>
      </button>
    </div>
  );
}
