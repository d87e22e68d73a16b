// A still full size: look, measure, compare. Until its bytes are here its thumbnail stands in, and says so.
import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import { clock } from "../i18n/format";
import { say } from "../i18n/doctor";
import { sayStill, siteWords } from "../i18n/doctor_stills";
import type { Consultation } from "../state/doctor_desk";
import type { StillView as StillState } from "../state/doctor_record";
import { comparable } from "../state/still_series";
import { fitScale, WHOLE, ZOOM_STEP, zoomedAt, type StillFrame, type StillView } from "../state/still_view";
import { Choice } from "./choice";
import { deviceName } from "./device_name";
import { StillCompare } from "./still_compare";
import { StillMeasure } from "./still_measure";
import { QualityWords } from "./stills";
import { ZoomPane } from "./zoom_pane";

type Mode = "look" | "measure" | "compare";

interface ViewerProps {
  readonly it: Consultation;
  readonly view: StillState;
  readonly show: (stillId: string) => void;
  readonly close: () => void;
}

export function StillViewer({ it, view, show, close }: ViewerProps) {
  const { still } = view;
  const dialog = useRef<HTMLDialogElement>(null);
  const [mode, setMode] = useState<Mode>("look");
  const [at, setAt] = useState<StillView>(WHOLE);
  const [frame, setFrame] = useState<StillFrame | null>(null);
  useEffect(() => dialog.current?.showModal(), []);
  useEffect(() => setAt(WHOLE), [still.still_id]);
  const stills = it.record.stills.value.map((each) => each.still);
  const place = stills.findIndex((each) => each.still_id === still.still_id);
  const others = comparable(still, stills);
  const modes: readonly Mode[] = others.length > 0 ? ["look", "measure", "compare"] : ["look", "measure"];
  const url = useUrl(view);
  const device = deviceName(still.device.maker, still.device.model) || still.device.device_id;
  const facts = { site: siteWords(still.body_site), device, time: clock(still.taken_at, true) };
  const step = (by: number) => {
    const next = stills[place + by];
    if (next !== undefined) show(next.still_id);
  };
  const zoom = (factor: number) => {
    if (frame === null) return;
    setAt(zoomedAt(frame, at, factor, { x: frame.boxWidth / 2, y: frame.boxHeight / 2 }));
  };
  const pane = { alt: sayStill("title", facts), width: still.width, height: still.height, view: at, move: setAt };
  return (
    <dialog ref={dialog} class="full" onClose={close} data-testid="still-full" data-state={view.state}>
      <header class="full-head">
        <h2>
          {sayStill("title", facts)} {still.device.simulated && <span class="tag look">{say("simulated")}</span>}{" "}
          <span class={`tag ${still.quality === "sharp" ? "done" : "look"}`}>
            <QualityWords quality={still.quality} />
          </span>
        </h2>
        <Choice
          label={sayStill("mode")}
          testid="still-mode"
          values={modes}
          value={modes.includes(mode) ? mode : "look"}
          choose={setMode}
          words={(each) => sayStill(each)}
        />
        <button type="button" class="button" onClick={() => dialog.current?.close()} data-testid="still-close">
          {sayStill("close")}
        </button>
      </header>
      <Progress it={it} view={view} />
      {mode === "compare" && others.length > 0 ? (
        <StillCompare it={it} view={view} others={others} at={at} move={setAt} frame={frame} fits={setFrame} />
      ) : mode === "measure" ? (
        <StillMeasure still={still} url={url} at={at} move={setAt} fits={setFrame} />
      ) : (
        <ZoomPane {...pane} url={url} testid="still-image" fits={setFrame} />
      )}
      <footer class="full-foot">
        <p class="soft">{mode === "measure" ? sayStill("hint_measure") : sayStill("hint_look")}</p>
        {mode !== "compare" && stills.length > 1 && (
          <>
            <button type="button" class="button small" aria-label={sayStill("before")} disabled={place === 0} onClick={() => step(-1)}>
              ◀
            </button>
            <button
              type="button"
              class="button small"
              aria-label={sayStill("after")}
              disabled={place === stills.length - 1}
              onClick={() => step(1)}
            >
              ▶
            </button>
          </>
        )}
        <button type="button" class="button small" onClick={() => zoom(1 / ZOOM_STEP)} data-testid="zoom-out">
          {sayStill("zoom_out")}
        </button>
        <span class="figures">{frame === null ? "" : sayStill("pixels", { percent: Math.round(100 * fitScale(frame) * at.zoom) })}</span>
        <button type="button" class="button small" onClick={() => zoom(ZOOM_STEP)} data-testid="zoom-in">
          {sayStill("zoom_in")}
        </button>
        <button type="button" class="button small" onClick={() => setAt(WHOLE)}>
          {sayStill("whole")}
        </button>
      </footer>
    </dialog>
  );
}

/** The picture's address: its own bytes once they are here and right, its thumbnail before. */
export function useUrl({ still, picture }: StillState): string {
  const url = useMemo(
    () => (picture === null ? null : URL.createObjectURL(new Blob([picture], { type: "image/jpeg" }))),
    [picture],
  );
  useEffect(() => () => (url === null ? undefined : URL.revokeObjectURL(url)), [url]);
  return url ?? `data:image/jpeg;base64,${still.thumbnail}`;
}

/** How far the bytes are, or what is wrong with them; nothing once the picture is whole. */
export function Progress({ it, view }: { it: Consultation; view: StillState }) {
  const { still, state, have } = view;
  if (state === "whole") return null;
  if (state === "damaged") {
    return (
      <div class="still-progress say stop" role="alert">
        <span>{sayStill("damaged")}</span>
        <button type="button" class="button main small" onClick={() => it.call.openStill(still.still_id)}>
          {sayStill("again")}
        </button>
      </div>
    );
  }
  const percent = Math.floor((100 * have) / still.size);
  const connected = it.call.phase.value === "connected";
  return (
    <div class="still-progress say look" role="status" data-testid="still-progress">
      <span>
        {sayStill("thumbnail")} {connected ? sayStill("coming", { percent }) : sayStill("waits")}
      </span>
      <progress max={still.size} value={have} aria-label={sayStill("coming", { percent })} />
    </div>
  );
}
