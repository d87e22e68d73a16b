// The skin camera: live picture, photo, judged before the patient leaves, kept or taken again.
import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { say } from "../i18n/kiosk";
import type { StillQuality, StillReview } from "../protocol/types";
import { useGateway, useKiosk } from "./context";
import { Icon } from "./icons";
import { Press, Say, useBusy } from "./parts";

/** A camera that was unplugged is asked for again this often. */
const PREVIEW_RETRY_MS = 2000;

const TONES: Record<StillQuality, "done" | "look"> = { sharp: "done", blurred: "look", dark: "look", glare: "look" };
const ADVICE = { sharp: "still_sharp_do", blurred: "still_blurred_do", dark: "still_dark_do", glare: "still_glare_do" } as const;

export function SkinCamera({ instrumentId }: { instrumentId: string }) {
  const { review } = useGateway();
  return (
    <div class="skin" data-testid="skin-camera">
      {review === null ? <Preview instrumentId={instrumentId} /> : <Review review={review} />}
    </div>
  );
}

function Preview({ instrumentId }: { instrumentId: string }) {
  const { desk } = useKiosk();
  const busy = useBusy("capture_still");
  const attempt = useSignal(0);
  const failed = useSignal(false);
  useEffect(() => {
    if (!failed.value) return undefined;
    const timer = setTimeout(() => {
      attempt.value += 1;
      failed.value = false;
    }, PREVIEW_RETRY_MS);
    return () => clearTimeout(timer);
  }, [failed.value]);
  return (
    <>
      <header class="skin-head">
        <h2>
          <Icon name="lens" size={28} /> {say("skin_title")}
        </h2>
        <Press id="skin-close" icon="close" press={() => { desk.camera.value = null; }}>
          {say("close")}
        </Press>
      </header>
      <div class="skin-picture">
        {failed.value ? (
          <Say tone="look" id="skin-no-preview">{say("skin_no_preview")}</Say>
        ) : (
          <img alt={say("skin_title")} data-testid="skin-preview" src={`/preview/${encodeURIComponent(instrumentId)}.mjpeg?${attempt.value}`}
            onError={() => { failed.value = true; }} />
        )}
      </div>
      <footer class="skin-foot">
        <p>{say("skin_explain")}</p>
        <Press id="still-capture" look="main" size="big" icon="lens" disabled={busy}
          press={() => desk.send({ type: "capture_still", instrument_id: instrumentId })}>
          {busy ? say("skin_taking") : say("skin_capture")}
        </Press>
      </footer>
    </>
  );
}

function Review({ review }: { review: StillReview }) {
  const { desk } = useKiosk();
  const busy = useBusy("keep_still", "drop_still", "capture_still");
  const { still, instrument_id } = review;
  const { still_id, quality } = still;
  const keep = async (): Promise<void> => {
    const kept = await desk.send({ type: "keep_still", still_id, body_site: "", like: null });
    if (kept.code === null) desk.camera.value = null;
  };
  const again = async (): Promise<void> => {
    const dropped = await desk.send({ type: "drop_still", still_id });
    if (dropped.code === null) await desk.send({ type: "capture_still", instrument_id });
  };
  return (
    <>
      <div class={`verdict ${TONES[quality]}`} data-testid="still-quality" data-quality={quality} role="status">
        <Icon name={quality === "sharp" ? "check" : "warning"} size={36} />
        <b>{say(`still_${quality}`)}</b>
        <span>{say(ADVICE[quality])}</span>
      </div>
      <div class="skin-picture">
        <img alt={say("skin_title")} data-testid="still-picture" src={`/stills/${encodeURIComponent(still_id)}`} />
      </div>
      <footer class="skin-foot">
        <Press id="still-drop" look="stop" disabled={busy} press={() => desk.send({ type: "drop_still", still_id })}>
          {say("still_drop")}
        </Press>
        <span class="grow" />
        <Press id="still-retake" size="big" look={quality === "sharp" ? "plain" : "main"} icon="lens" disabled={busy} press={again}>
          {say("still_retake")}
        </Press>
        <Press id="still-keep" size="big" look={quality === "sharp" ? "main" : "plain"} icon="check" disabled={busy}
          press={keep}>
          {say("still_keep")}
        </Press>
      </footer>
    </>
  );
}
