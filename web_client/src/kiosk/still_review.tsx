// A photo that waits: judged before the patient leaves, where it is of, kept or taken again.
import { say } from "../i18n/kiosk";
import { sayStill } from "../i18n/kiosk_stills";
import type { InstrumentKind, StillQuality, StillReview } from "../protocol/types";
import { widthInMillimetres } from "../state/kiosk_sites";
import { SiteChoice } from "./body_site";
import { useKiosk } from "./context";
import { Icon } from "./icons";
import { Press, useBusy } from "./parts";

const TONES: Record<StillQuality, "done" | "look"> = { sharp: "done", blurred: "look", dark: "look", glare: "look" };
const ADVICE = { sharp: "still_sharp_do", blurred: "still_blurred_do", dark: "still_dark_do", glare: "still_glare_do" } as const;

export function Review({ review, kind }: { review: StillReview; kind: InstrumentKind }) {
  const { desk } = useKiosk();
  const busy = useBusy("keep_still", "drop_still", "capture_still");
  const { still, instrument_id } = review;
  const { still_id, quality } = still;
  const millimetres = widthInMillimetres(still);
  const keep = async (): Promise<void> => {
    const { site, like } = desk.photo.value;
    const kept = await desk.send({ type: "keep_still", still_id, body_site: site, like });
    if (kept.code === null) {
      desk.camera.value = null;
      desk.forgetPhoto();
    }
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
        <img alt={sayStill("photo_of", { site: "" })} data-testid="still-picture" src={`/stills/${encodeURIComponent(still_id)}`} />
        {(millimetres !== null || kind === "skin_camera") && (
          <span class={`scale-words ${millimetres === null ? "look" : ""}`} data-testid="still-scale">
            {millimetres === null ? sayStill("scale_none") : sayStill("scale", { n: millimetres })}
          </span>
        )}
      </div>
      <footer class="skin-foot">
        <Press id="still-drop" look="stop" disabled={busy} press={() => desk.send({ type: "drop_still", still_id })}>
          {say("still_drop")}
        </Press>
        <SiteChoice kind={kind} />
        <span class="grow" />
        <Press id="still-retake" size="big" look={quality === "sharp" ? "plain" : "main"} disabled={busy} press={again}>
          {say("still_retake")}
        </Press>
        <Press id="still-keep" size="big" look={quality === "sharp" ? "main" : "plain"} icon="check" disabled={busy} press={keep}>
          {say("still_keep")}
        </Press>
      </footer>
    </>
  );
}
