// How large a millimetre is on this screen: said on the paper, and measured once against a card.
import { signal } from "@preact/signals";
import { useEffect, useRef, useState } from "preact/hooks";
import { sayTrace } from "../i18n/doctor_traces";
import {
  CARD_HEIGHT_MM,
  CARD_MM,
  fromCard,
  readScale,
  UNKNOWN,
  written,
  type Screen,
  type ScreenScale,
} from "../state/screen_scale";

const REMEMBERED = "passerelle.screen_scale";
/** Half a millimetre on most screens is 2 px; a card can be met to about that. */
const STEP_PX = 1;
const NARROWEST_PX = 120;
const WIDEST_PX = 1000;

const here = (): Screen => ({ width: screen.width, height: screen.height, ratio: devicePixelRatio });

function remembered(): ScreenScale {
  try {
    return readScale(localStorage.getItem(REMEMBERED), here());
  } catch {
    return UNKNOWN;
  }
}

export const screenScale = signal<ScreenScale>(remembered());
// Another zoom or another screen: what was measured does not hold there.
addEventListener("resize", () => {
  const found = remembered();
  const { pxPerMm, calibrated } = screenScale.peek();
  if (found.pxPerMm !== pxPerMm || found.calibrated !== calibrated) screenScale.value = found;
});

function keep(scale: ScreenScale): void {
  screenScale.value = scale;
  try {
    if (scale.calibrated) localStorage.setItem(REMEMBERED, written(scale, here()));
    else localStorage.removeItem(REMEMBERED);
  } catch {
    return; // Storage is closed to this page: the scale holds until it is left.
  }
}

/** Whether the millimetres are true, in words; a click calibrates. */
export function ScaleTag() {
  const [open, setOpen] = useState(false);
  const { calibrated } = screenScale.value;
  return (
    <>
      <button
        type="button"
        class={calibrated ? "scale-tag" : "scale-tag unknown"}
        data-testid="scale-tag"
        data-calibrated={calibrated}
        onClick={() => setOpen(true)}
      >
        {calibrated ? "✓" : "△"} {sayTrace(calibrated ? "scale_known" : "scale_unknown")}
      </button>
      {open && <Calibration close={() => setOpen(false)} />}
    </>
  );
}

function Calibration({ close }: { close: () => void }) {
  const dialog = useRef<HTMLDialogElement>(null);
  const card = useRef<HTMLDivElement>(null);
  const [width, setWidth] = useState(Math.round(CARD_MM * screenScale.peek().pxPerMm));
  useEffect(() => dialog.current?.showModal(), []);
  useEffect(() => {
    if (card.current === null) return;
    card.current.style.width = `${width}px`;
    card.current.style.height = `${(width * CARD_HEIGHT_MM) / CARD_MM}px`;
  }, [width]);
  const end = (scale: ScreenScale | null) => {
    if (scale !== null) keep(scale);
    dialog.current?.close();
  };
  return (
    <dialog ref={dialog} class="calibration card" onClose={close} data-testid="calibration">
      <h2>{sayTrace("scale_title")}</h2>
      <p>{sayTrace("scale_lead")}</p>
      <div class="calibration-card" ref={card} aria-hidden="true" />
      <div class="row">
        <button type="button" class="button" onClick={() => setWidth(Math.max(NARROWEST_PX, width - STEP_PX))}>
          {sayTrace("scale_narrower")}
        </button>
        <input
          type="range"
          class="calibration-width"
          aria-label={sayTrace("scale_width")}
          data-testid="calibration-width"
          min={NARROWEST_PX}
          max={WIDEST_PX}
          step={STEP_PX}
          value={width}
          onInput={(event) => setWidth(Number(event.currentTarget.value))}
        />
        <button type="button" class="button" onClick={() => setWidth(Math.min(WIDEST_PX, width + STEP_PX))}>
          {sayTrace("scale_wider")}
        </button>
      </div>
      <p class="soft">{sayTrace("scale_more")}</p>
      <div class="row">
        <button type="button" class="button main" data-testid="calibration-save" onClick={() => end(fromCard(width))}>
          {sayTrace("scale_save")}
        </button>
        {screenScale.value.calibrated && (
          <button type="button" class="button" onClick={() => end(UNKNOWN)}>
            {sayTrace("scale_forget")}
          </button>
        )}
        <button type="button" class="button quiet" onClick={() => end(null)}>
          {sayTrace("scale_cancel")}
        </button>
      </div>
    </dialog>
  );
}
