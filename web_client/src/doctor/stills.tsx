// Pictures of examination cameras: thumbnails, and each full size with zoom.
import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import { clock } from "../i18n/format";
import { say } from "../i18n/doctor";
import type { Consultation } from "../state/doctor_desk";
import type { StillView } from "../state/doctor_record";
import { deviceName } from "./device_name";

const ZOOM_STEP = 1.3;
const ZOOM_MAX = 8;

export function Stills({ it }: { it: Consultation }) {
  const stills = it.record.stills.value;
  const [open, setOpen] = useState<string | null>(null);
  const chosen = stills.find((view) => view.still.still_id === open) ?? null;
  return (
    <section class="card block" aria-label={say("stills")} data-testid="stills" data-count={stills.length}>
      <h2>{say("stills")}</h2>
      {stills.length === 0 && <p class="soft">{say("stills_none")}</p>}
      <ul class="thumbs">
        {stills.map((view) => (
          <li key={view.still.still_id}>
            <Thumb
              view={view}
              open={() => {
                setOpen(view.still.still_id);
                it.call.openStill(view.still.still_id);
              }}
            />
          </li>
        ))}
      </ul>
      {chosen !== null && <FullSize it={it} view={chosen} close={() => setOpen(null)} />}
    </section>
  );
}

function Thumb({ view, open }: { view: StillView; open: () => void }) {
  const { still } = view;
  return (
    <button type="button" class="thumb" onClick={open} aria-label={say("still_open")} data-testid="still-thumb">
      {still.thumbnail !== "" && <img src={`data:image/jpeg;base64,${still.thumbnail}`} alt="" />}
      <span class="thumb-words">
        {clock(still.taken_at)} · {say(`still_${still.quality}`)}
      </span>
    </button>
  );
}

interface FullSizeProps {
  readonly it: Consultation;
  readonly view: StillView;
  readonly close: () => void;
}

function FullSize({ it, view, close }: FullSizeProps) {
  const { still, picture } = view;
  const dialog = useRef<HTMLDialogElement>(null);
  const url = useMemo(
    () => (picture === null ? null : URL.createObjectURL(new Blob([picture], { type: "image/jpeg" }))),
    [picture],
  );
  useEffect(() => () => (url === null ? undefined : URL.revokeObjectURL(url)), [url]);
  useEffect(() => dialog.current?.showModal(), []);
  const device = deviceName(still.device.maker, still.device.model) || still.device.device_id;
  return (
    <dialog ref={dialog} class="full" onClose={close} data-testid="still-full" data-state={view.state}>
      <header class="full-head">
        <h2>
          {say("still_title", { device, time: clock(still.taken_at) })}{" "}
          {still.device.simulated && <span class="tag look">{say("simulated")}</span>}{" "}
          <span class={`tag ${still.quality === "sharp" ? "done" : "look"}`}>{say(`still_${still.quality}`)}</span>
        </h2>
        <button type="button" class="button" onClick={() => dialog.current?.close()} data-testid="still-close">
          {say("still_close")}
        </button>
      </header>
      {url !== null ? <Zoomed url={url} alt={device} /> : <Coming it={it} view={view} />}
    </dialog>
  );
}

function Coming({ it, view }: { it: Consultation; view: StillView }) {
  const { still } = view;
  const percent = Math.floor((100 * view.have) / still.size);
  if (view.state === "damaged") {
    return (
      <div class="full-wait">
        <p class="say stop" role="alert">
          {say("still_damaged")}
        </p>
        <button type="button" class="button main" onClick={() => it.call.openStill(still.still_id)}>
          {say("still_again")}
        </button>
      </div>
    );
  }
  const connected = it.call.phase.value === "connected";
  return (
    <div class="full-wait">
      <p role="status">{connected ? say("still_coming", { percent }) : say("still_waits")}</p>
      <progress max={still.size} value={view.have} aria-label={say("still_coming", { percent })} />
    </div>
  );
}

function Zoomed({ url, alt }: { url: string; alt: string }) {
  const [view, setView] = useState({ zoom: 1, x: 0, y: 0 });
  const drag = useRef<{ x: number; y: number } | null>(null);
  const zoom = (factor: number) =>
    setView((old) => {
      const next = Math.min(ZOOM_MAX, Math.max(1, old.zoom * factor));
      return next === 1 ? { zoom: 1, x: 0, y: 0 } : { zoom: next, x: (old.x * next) / old.zoom, y: (old.y * next) / old.zoom };
    });
  return (
    <>
      <div
        class="zoomed"
        onWheel={(event) => {
          event.preventDefault();
          zoom(event.deltaY < 0 ? ZOOM_STEP : 1 / ZOOM_STEP);
        }}
        onPointerDown={(event) => {
          event.currentTarget.setPointerCapture(event.pointerId);
          drag.current = { x: event.clientX - view.x, y: event.clientY - view.y };
        }}
        onPointerMove={(event) => {
          const from = drag.current;
          if (from !== null) setView((old) => ({ ...old, x: event.clientX - from.x, y: event.clientY - from.y }));
        }}
        onPointerUp={() => {
          drag.current = null;
        }}
      >
        <img
          src={url}
          alt={alt}
          draggable={false}
          data-testid="still-image"
          ref={(element) => {
            if (element !== null) element.style.transform = `translate(${view.x}px, ${view.y}px) scale(${view.zoom})`;
          }}
        />
      </div>
      <footer class="full-foot">
        <p class="soft">{say("still_hint")}</p>
        <button type="button" class="button small" onClick={() => zoom(1 / ZOOM_STEP)} data-testid="zoom-out">
          {say("still_zoom_out")}
        </button>
        <span class="figures">{Math.round(view.zoom * 100)} %</span>
        <button type="button" class="button small" onClick={() => zoom(ZOOM_STEP)} data-testid="zoom-in">
          {say("still_zoom_in")}
        </button>
        <button type="button" class="button small" onClick={() => setView({ zoom: 1, x: 0, y: 0 })}>
          {say("still_fit")}
        </button>
      </footer>
    </>
  );
}
