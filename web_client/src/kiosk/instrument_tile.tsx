// An instrument as a numbered tile: it never moves, says in a word how it is, and a touch brings it forward.
import { decimal } from "../i18n/format";
import { kindWords, sayInstrument } from "../i18n/kiosk_instruments";
import type { Instrument } from "../protocol/types";
import { lastReading, lowBattery, photosOf, type TileWord, tileWord } from "../state/kiosk_instruments";
import { liveQuantities, shortValue } from "../state/kiosk_reading";
import { useGateway, useKiosk } from "./context";
import { Icon, type IconName } from "./icons";
import { instrumentName } from "./instrument_line";

const MARKS: Record<TileWord, IconName> = {
  asked: "doctor", absent: "warning", failed: "warning", again: "warning", measuring: "gauge", shown: "doctor", listening: "sound", tray: "tray", value: "check", photo: "lens",
  asleep: "moon", ready: "check",
};

/** What fits on a tile of three in a row, and of four. */
const CHARACTERS = 9;
const DENSE_CHARACTERS = 8;

/** A pressure goes without its unit where both do not fit; another value is only said to be there. */
function onTile(value: string | null, most: number): string | null {
  if (value === null || value.length <= most) return value;
  return value.includes("mmHg") ? value.replace("\u00a0mmHg", "") : null;
}

export function InstrumentTile({ instrument, large, dense }: { instrument: Instrument; large: boolean; dense: boolean }) {
  const { desk } = useKiosk();
  const state = useGateway();
  const word = tileWord(state, instrument);
  const last = word === "value" ? lastReading(state.encounter, instrument) : null;
  const live = word === "measuring" ? liveQuantities(instrument.live)[0] : undefined;
  const photos = photosOf(state.encounter, instrument);
  const shown = live?.value != null ? `${live.value}\u00a0${live.unit}` : last !== null ? shortValue(last) : null;
  const value = onTile(shown, dense ? DENSE_CHARACTERS : CHARACTERS);
  const words = word === "photo" ? (photos === 1 ? sayInstrument("photo_one") : sayInstrument("photo_some", { n: photos })) : sayInstrument(`tile_${word}`);
  // Two of a kind are told apart by their names; the number on the device says the rest.
  const alone = state.instruments.every((each) => each === instrument || each.kind !== instrument.kind);
  const { instrument_id: id } = instrument;
  return (
    // While it stands large, the card bears the instrument's name for tests.
    <div class="tile-place" {...(large ? {} : { "data-testid": `instrument-${id}`, "data-state": instrument.state, "data-asked": false })}>
      <button type="button" class={`tile is-${word}`} data-testid={`tile-${id}`} data-word={word} aria-pressed={large}
        onClick={() => { desk.focus.value = desk.focus.peek() === id ? null : id; }}>
        <span class="number figures">{instrument.number}</span>
        <span class="tile-words">
          <b>{alone ? kindWords(instrument.kind).short : instrumentName(instrument)}</b>
          <span class="tile-state">
            <Icon name={MARKS[word]} size={16} /> <span>{value === null ? words : decimal(value)}</span>
          </span>
        </span>
        {lowBattery(instrument) && (
          <span class="tile-battery">
            <Icon name="battery" size={16} />
          </span>
        )}
      </button>
    </div>
  );
}
