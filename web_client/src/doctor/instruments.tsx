// The numbered instruments on board; each can be asked for, and the kiosk pulses its number. A camera can be looked
// through and a stethoscope listened to at once.
import { useEffect, useState } from "preact/hooks";
import { codeWords } from "../i18n/doctor_codes";
import { sayExam } from "../i18n/doctor_examination";
import type { Instrument } from "../protocol/types";
import type { Consultation } from "../state/doctor_desk";
import { fulfilled, isCamera, isStethoscope, usable } from "../state/examination";

/** A camera that was just plugged in needs some seconds to its first picture. */
const OPENING_MS = 8000;
/** Below it a device may stop in the middle of a measurement. */
const LOW_PERCENT = 20;

/** What was asked for and is not on yet. */
interface Wish {
  readonly kind: "camera" | "stethoscope";
  readonly id: string | null;
  readonly late: boolean;
}

export function Instruments({ it }: { it: Consultation }) {
  const situation = it.record.situation.value;
  const instruments = situation?.instruments ?? null;
  const [words, setWords] = useState("");
  const [failed, setFailed] = useState(false);
  const [wish, setWish] = useState<Wish | null>(null);
  const live = it.call.live.value;
  const media = situation?.media ?? null;
  const allSimulated = instruments !== null && instruments.length > 0 && instruments.every((each) => each.simulated);
  const open = wish !== null && media !== null && !fulfilled(wish.id, media, wish.kind) ? wish : null;
  useEffect(() => {
    // What came and was closed again, here or on board, is not wished for any more.
    if (wish !== null && open === null) setWish(null);
  }, [wish, open]);
  useEffect(() => {
    if (wish === null || wish.late) return undefined;
    const timer = setTimeout(() => setWish({ ...wish, late: true }), OPENING_MS);
    return () => clearTimeout(timer);
  }, [wish]);
  const ask = (instrument: Instrument) => {
    const sent = it.call.ask(instrument.instrument_id, words.trim());
    setFailed(!sent);
    if (sent) setWords("");
  };
  const want = (kind: Wish["kind"], id: string | null) => {
    const sent = kind === "camera" ? it.call.show(id) : it.call.listen(id);
    setFailed(!sent);
    setWish(sent ? { kind, id, late: false } : null);
  };
  return (
    <section class="card block" aria-label={sayExam("instruments")} data-testid="instruments">
      <h2 class="vitals-head">
        {sayExam("instruments")}
        {allSimulated && <span class="tag look tile-tag">{sayExam("simulated")}</span>}
      </h2>
      {instruments === null && <p class="soft">{sayExam("coming")}</p>}
      {instruments?.length === 0 && <p class="soft">{sayExam("none")}</p>}
      {failed && (
        <p class="say look" role="alert">
          {sayExam("failed")}
        </p>
      )}
      {open?.late === true && (
        <p class="say look" role="alert" data-testid="wish-late">
          {sayExam("no_answer")}
        </p>
      )}
      {live && instruments !== null && instruments.length > 0 && (
        <input
          class="input"
          value={words}
          maxLength={200}
          placeholder={sayExam("words")}
          aria-label={sayExam("words")}
          data-testid="ask-words"
          onInput={(event) => setWords(event.currentTarget.value)}
        />
      )}
      <ul class="instruments">
        {instruments?.map((instrument) => (
          <Row
            key={instrument.instrument_id}
            it={it}
            instrument={instrument}
            ask={live ? () => ask(instrument) : null}
            want={live ? want : null}
            wish={open}
            tagged={!allSimulated}
          />
        ))}
      </ul>
    </section>
  );
}

interface RowProps {
  readonly it: Consultation;
  readonly instrument: Instrument;
  readonly ask: (() => void) | null;
  readonly want: ((kind: Wish["kind"], id: string | null) => void) | null;
  readonly wish: Wish | null;
  /** Whether a simulated instrument says so here; where all are, the panel says it once. */
  readonly tagged: boolean;
}

function Row({ it, instrument, ask, want, wish, tagged }: RowProps) {
  const { request, number, name, battery } = instrument;
  const asked = request?.state === "asked";
  const answered = request?.state === "answered";
  return (
    <li class="instrument" data-testid={`instrument-${instrument.instrument_id}`} data-state={instrument.state}>
      <span class={asked ? "number figures pulses" : "number figures"} aria-hidden="true">
        {number}
      </span>
      <div class="instrument-words">
        <strong>{name}</strong>
        <span class="soft">
          {sayExam(`state_${instrument.state}`)}
          {tagged && instrument.simulated && ` · ${sayExam("simulated")}`}
          {battery !== null && battery > LOW_PERCENT && ` · ${sayExam("battery", { percent: battery })}`}
          {answered && ` · ✓ ${sayExam("answered")}`}
        </span>
        {battery !== null && battery <= LOW_PERCENT && (
          <span class="problem">△ {sayExam("battery_low", { percent: battery })}</span>
        )}
        {instrument.problem !== null && <span class="problem">△ {codeWords(instrument.problem)}</span>}
        {asked && request.words !== "" && <span class="soft">« {request.words} »</span>}
      </div>
      <div class="instrument-buttons">
        {want !== null && isCamera(instrument) && <See it={it} instrument={instrument} want={want} wish={wish} />}
        {want !== null && isStethoscope(instrument) && <Hear it={it} instrument={instrument} want={want} wish={wish} />}
        {asked ? (
          <div class="asked">
            <span class="tag action" data-testid={`asked-${instrument.instrument_id}`}>
              ◉ {sayExam("asked")}
            </span>
            {ask !== null && (
              <button
                type="button"
                class="button quiet small"
                aria-label={sayExam("withdraw")}
                data-testid={`withdraw-${instrument.instrument_id}`}
                onClick={() => it.call.withdraw(request.request_id)}
              >
                {sayExam("cancel")}
              </button>
            )}
          </div>
        ) : (
          ask !== null && (
            <button
              type="button"
              class="button small"
              aria-label={sayExam("ask_of", { number, name })}
              data-testid={`ask-${instrument.instrument_id}`}
              onClick={ask}
            >
              {sayExam("ask")}
            </button>
          )
        )}
      </div>
    </li>
  );
}

interface OpenProps {
  readonly it: Consultation;
  readonly instrument: Instrument;
  readonly want: (kind: Wish["kind"], id: string | null) => void;
  readonly wish: Wish | null;
}

function See({ it, instrument, want, wish }: OpenProps) {
  const { instrument_id: id, number, name } = instrument;
  const shown = it.record.situation.value?.media.shown === id;
  const coming = wish?.kind === "camera" && wish.id === id && !wish.late;
  return (
    <button
      type="button"
      class={shown ? "button main small" : "button small"}
      aria-pressed={shown}
      aria-label={shown ? sayExam("room") : sayExam("see_of", { number, name })}
      disabled={!shown && !usable(instrument)}
      data-testid={`see-${id}`}
      onClick={() => want("camera", shown ? null : id)}
    >
      {sayExam(shown ? "room_short" : coming ? "listen_wanted" : "see")}
    </button>
  );
}

function Hear({ it, instrument, want, wish }: OpenProps) {
  const { instrument_id: id, number } = instrument;
  const heard = it.record.situation.value?.media.stethoscope === id;
  const coming = wish?.kind === "stethoscope" && wish.id === id && !wish.late;
  return (
    <button
      type="button"
      class={heard ? "button main small" : "button small"}
      aria-pressed={heard}
      aria-label={heard ? sayExam("stop") : sayExam("listen_of", { number })}
      disabled={!heard && !usable(instrument)}
      data-testid={`listen-${id}`}
      onClick={() => want("stethoscope", heard ? null : id)}
    >
      {sayExam(heard ? "stop" : coming ? "listen_wanted" : "listen")}
    </button>
  );
}
