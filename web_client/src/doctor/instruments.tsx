// The numbered instruments on board; each can be asked for, and the kiosk pulses its number.
import { useState } from "preact/hooks";
import { say } from "../i18n/doctor";
import { codeWords } from "../i18n/doctor_codes";
import type { Instrument } from "../protocol/types";
import type { Consultation } from "../state/doctor_desk";

export function Instruments({ it }: { it: Consultation }) {
  const instruments = it.record.situation.value?.instruments ?? null;
  const [words, setWords] = useState("");
  const [failed, setFailed] = useState(false);
  const live = it.call.live.value;
  const ask = (instrument: Instrument) => {
    const sent = it.call.ask(instrument.instrument_id, words.trim());
    setFailed(!sent);
    if (sent) setWords("");
  };
  return (
    <section class="card block" aria-label={say("instruments")}>
      <h2>{say("instruments")}</h2>
      {instruments === null && <p class="soft">{say("instruments_coming")}</p>}
      {instruments?.length === 0 && <p class="soft">{say("instruments_none")}</p>}
      {failed && (
        <p class="say look" role="alert">
          {say("ask_failed")}
        </p>
      )}
      <ul class="instruments">
        {instruments?.map((instrument) => (
          <Row
            key={instrument.instrument_id}
            it={it}
            instrument={instrument}
            ask={live ? () => ask(instrument) : null}
          />
        ))}
      </ul>
      {live && instruments !== null && instruments.length > 0 && (
        <input
          class="input"
          value={words}
          maxLength={200}
          placeholder={say("ask_words")}
          aria-label={say("ask_words")}
          data-testid="ask-words"
          onInput={(event) => setWords(event.currentTarget.value)}
        />
      )}
    </section>
  );
}

interface RowProps {
  readonly it: Consultation;
  readonly instrument: Instrument;
  readonly ask: (() => void) | null;
}

function Row({ it, instrument, ask }: RowProps) {
  const { request } = instrument;
  const asked = request?.state === "asked";
  const answered = request?.state === "answered";
  return (
    <li class="instrument" data-testid={`instrument-${instrument.instrument_id}`} data-state={instrument.state}>
      <span class="number figures" aria-hidden="true">
        {instrument.number}
      </span>
      <div class="instrument-words">
        <strong>{instrument.name}</strong>
        <span class="soft">
          {say(`state_${instrument.state}`)}
          {instrument.simulated && ` · ${say("simulated")}`}
          {answered && ` · ✓ ${say("answered")}`}
        </span>
        {instrument.problem !== null && <span class="problem">△ {codeWords(instrument.problem)}</span>}
        {asked && request.words !== "" && <span class="soft">« {request.words} »</span>}
      </div>
      {asked ? (
        <div class="asked">
          <span class="tag action" data-testid={`asked-${instrument.instrument_id}`}>
            ◉ {say("asked")}
          </span>
          {ask !== null && (
            <button
              type="button"
              class="button quiet small"
              aria-label={say("withdraw")}
              data-testid={`withdraw-${instrument.instrument_id}`}
              onClick={() => it.call.withdraw(request.request_id)}
            >
              {say("cancel")}
            </button>
          )}
        </div>
      ) : (
        ask !== null && (
          <button
            type="button"
            class="button small"
            data-testid={`ask-${instrument.instrument_id}`}
            onClick={ask}
          >
            {say("ask")}
          </button>
        )
      )}
    </li>
  );
}
