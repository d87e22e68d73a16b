// An examination camera on the stage: live picture, an earlier photo laid over it, photo; then `still_review.tsx`.
import { useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { age } from "../i18n/format";
import { say } from "../i18n/kiosk";
import { sayCall } from "../i18n/kiosk_call";
import { sayInstrument } from "../i18n/kiosk_instruments";
import { sayStill } from "../i18n/kiosk_stills";
import type { Encounter, Instrument, Still } from "../protocol/types";
import { inCall } from "../state/kiosk_instruments";
import { framedLike } from "../state/kiosk_sites";
import { at, usable } from "../state/kiosk_view";
import { SiteChoice, siteWords } from "./body_site";
import { useGateway, useKiosk } from "./context";
import { Icon } from "./icons";
import { ShowCamera } from "./instrument_actions";
import { InstrumentAdvice, instrumentName, kindIcon } from "./instrument_line";
import { Press, Say, useBusy } from "./parts";
import { Review } from "./still_review";

/** A camera that was unplugged is asked for again this often. */
const PREVIEW_RETRY_MS = 2000;
const HALF = 50;

export function Camera({ instrument, encounter }: { instrument: Instrument; encounter: Encounter }) {
  const { review } = useGateway();
  return (
    <div class="skin" data-testid={instrument.kind === "skin_camera" ? "skin-camera" : "exam-camera"}>
      {review === null ? <Aim instrument={instrument} encounter={encounter} /> : <Review key={review.still.still_id} review={review} kind={instrument.kind} />}
    </div>
  );
}

function Aim({ instrument, encounter }: { instrument: Instrument; encounter: Encounter }) {
  const { desk } = useKiosk();
  const { shown, beside } = useGateway();
  const { instrument_id, kind } = instrument;
  const skin = kind === "skin_camera";
  const busy = useBusy("capture_still");
  const strength = useSignal(HALF);
  const earlier = framedLike(encounter.stills, instrument_id);
  const like = earlier.find((still) => still.still_id === desk.photo.value.like) ?? null;
  const isShown = shown === instrument_id;
  return (
    <>
      <header class="skin-head">
        <h2>
          <span class="number figures">{instrument.number}</span> <Icon name={kindIcon(kind)} size={28} /> {instrumentName(instrument)}
        </h2>
        <span class="grow" />
        {inCall(encounter) && <ShowCamera instrumentId={instrument_id} shown={isShown} />}
        <Press id={skin ? "skin-close" : "exam-close"} icon="close" press={() => { desk.camera.value = null; }}>
          {say("close")}
        </Press>
      </header>
      <div class={`skin-picture ${isShown ? "seen" : ""}`}>
        {usable(instrument) ? (
          <Preview instrumentId={instrument_id} skin={skin} />
        ) : (
          <Say tone="look" id={skin ? "skin-no-preview" : "exam-no-preview"}>
            <InstrumentAdvice instrument={instrument} />
          </Say>
        )}
        {like !== null && (
          <img class="ghost" alt="" data-testid="ghost" style={{ opacity: strength.value / 100 }} src={`/stills/${encodeURIComponent(like.still_id)}`} />
        )}
        {isShown && (
          <span class="seen-words" data-testid="camera-shown">
            <Icon name="doctor" size={26} /> {beside ? sayCall("shown_beside") : sayInstrument("camera_shown")}
          </span>
        )}
      </div>
      {like !== null && <Ghost strength={strength.value} set={(value) => { strength.value = value; }} />}
      {earlier.length > 0 && <Series earlier={earlier} like={like} />}
      <footer class="skin-foot">
        <SiteChoice kind={kind} />
        {like === null && earlier.length === 0 && <p class="skin-hint">{sayStill(skin ? "explain_skin" : "explain_other")}</p>}
        <Press id="still-capture" look="main" size="big" icon="lens" disabled={busy || !usable(instrument)}
          press={() => desk.send({ type: "capture_still", instrument_id })}>
          {busy ? say("skin_taking") : say("skin_capture")}
        </Press>
      </footer>
    </>
  );
}

function Preview({ instrumentId, skin }: { instrumentId: string; skin: boolean }) {
  const attempt = useSignal(0);
  const failed = useSignal(false);
  const place = useRef<HTMLImageElement>(null);
  // A picture without end goes on being fetched after it left the page, also for whoever signs in next.
  useEffect(() => {
    const image = place.current;
    return () => image?.removeAttribute("src");
  }, [attempt.value, failed.value]);
  useEffect(() => {
    if (!failed.value) return undefined;
    const timer = setTimeout(() => {
      attempt.value += 1;
      failed.value = false;
    }, PREVIEW_RETRY_MS);
    return () => clearTimeout(timer);
  }, [failed.value]);
  return failed.value ? (
    <Say tone="look" id={skin ? "skin-no-preview" : "exam-no-preview"}>{sayStill("no_preview")}</Say>
  ) : (
    <img ref={place} alt="" data-testid={skin ? "skin-preview" : "exam-preview"} src={`/preview/${encodeURIComponent(instrumentId)}.mjpeg?${attempt.value}`}
      onError={() => { failed.value = true; }} />
  );
}

/** How strongly the earlier photo covers the live picture. */
function Ghost({ strength, set }: { strength: number; set: (value: number) => void }) {
  return (
    <div class="ghost-line">
      <p>{sayStill("ghost_explain")}</p>
      <label>
        <span>{sayStill("ghost_less")}</span>
        <input type="range" min="0" max="100" value={strength} data-testid="ghost-strength" onInput={(event) => set(Number(event.currentTarget.value))} />
        <span>{sayStill("ghost_more")}</span>
      </label>
    </div>
  );
}

/** The earlier photos of this camera: touching one means that the next is of the same place. */
function Series({ earlier, like }: { earlier: readonly Still[]; like: Still | null }) {
  const { desk } = useKiosk();
  return (
    <div class="series">
      <b>{sayStill("same_place")}</b>
      <div class="series-row">
        <button type="button" class="series-one new" data-testid="like-none" aria-pressed={like === null} onClick={() => { desk.photo.value = { ...desk.photo.peek(), like: null }; }}>
          <Icon name="plus" size={26} />
          <span>{sayStill("same_new")}</span>
        </button>
        {earlier.map((still) => (
          <button key={still.still_id} type="button" class="series-one" data-testid={`like-${still.still_id}`} aria-pressed={still === like}
            onClick={() => { desk.photo.value = { like: still.still_id, site: still.body_site }; }}>
            {still.thumbnail === "" ? <Icon name="lens" size={32} /> : <img alt="" src={`data:image/jpeg;base64,${still.thumbnail}`} />}
            <span>
              {siteWords(still.body_site)}
              <small>{age(at(still.taken_at), desk.now.value)}</small>
            </span>
          </button>
        ))}
      </div>
    </div>
  );
}
