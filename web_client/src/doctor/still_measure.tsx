// A length on a still, in millimetres where a scale marker was seen, in pixels where none was.
import { useRef, useState } from "preact/hooks";
import { decimal } from "../i18n/format";
import { sayStill, siteWords } from "../i18n/doctor_stills";
import type { Still } from "../protocol/types";
import { lengthOf, toImage, toScreen, type Length, type Point, type StillFrame, type StillView } from "../state/still_view";
import { ZoomPane } from "./zoom_pane";

/** Steps of the arrow keys, in CSS pixels. */
const STEP_PX = 1;
const STRIDE_PX = 10;

interface MeasureProps {
  readonly still: Still;
  readonly url: string;
  readonly at: StillView;
  readonly move: (view: StillView) => void;
  readonly fits: (frame: StillFrame) => void;
}

export function StillMeasure({ still, url, at, move, fits }: MeasureProps) {
  const [length, setLength] = useState<Length | null>(null);
  const end = useRef<"from" | "to">("to");
  const keys = (event: KeyboardEvent, frame: StillFrame): boolean => {
    const step = event.shiftKey ? STRIDE_PX : STEP_PX;
    const by = ARROWS[event.key];
    const first = length ?? firstLength(frame, at);
    if (event.key === " ") {
      end.current = end.current === "to" ? "from" : "to";
      setLength({ ...first });
      return true;
    }
    if (by === undefined) return false;
    const on = toScreen(frame, at, first[end.current]);
    setLength({ ...first, [end.current]: toImage(frame, at, { x: on.x + by.x * step, y: on.y + by.y * step }) });
    return true;
  };
  const um = still.pixel_mm === null ? null : Number(still.pixel_mm) * 1000;
  return (
    <>
      <ZoomPane
        url={url}
        alt={siteWords(still.body_site)}
        width={still.width}
        height={still.height}
        view={at}
        move={move}
        testid="still-image"
        fits={fits}
        keys={keys}
        draw={(point, phase, frame) => {
          const on = toImage(frame, at, point);
          end.current = "to";
          setLength((old) => (phase === "down" || old === null ? { from: on, to: on } : { ...old, to: on }));
        }}
        over={(frame) => length !== null && <Line length={length} frame={frame} view={at} />}
      />
      <p class={um === null ? "still-length say look" : "still-length say"} aria-live="polite" data-testid="still-length">
        {length !== null && <strong class="figures">{lengthWords(length, still.pixel_mm)}</strong>}{" "}
        {um === null ? sayStill("no_scale") : sayStill("scale", { um: decimal(um.toFixed(1)) })}
      </p>
    </>
  );
}

const ARROWS: Readonly<Record<string, Point>> = {
  ArrowLeft: { x: -1, y: 0 },
  ArrowRight: { x: 1, y: 0 },
  ArrowUp: { x: 0, y: -1 },
  ArrowDown: { x: 0, y: 1 },
};

/** A third of the box, in its middle: where keys begin. */
function firstLength(frame: StillFrame, view: StillView): Length {
  const y = frame.boxHeight / 2;
  return {
    from: toImage(frame, view, { x: frame.boxWidth / 3, y }),
    to: toImage(frame, view, { x: (2 * frame.boxWidth) / 3, y }),
  };
}

function lengthWords(length: Length, pixelMm: string | null): string {
  const { px, mm } = lengthOf(length, pixelMm);
  return mm === null ? sayStill("px", { px: Math.round(px) }) : sayStill("mm", { mm: decimal(mm.toFixed(1)) });
}

function Line({ length, frame, view }: { length: Length; frame: StillFrame; view: StillView }) {
  const [a, b] = [toScreen(frame, view, length.from), toScreen(frame, view, length.to)];
  return (
    <svg class="still-line" aria-hidden="true">
      <line class="under" x1={a.x} y1={a.y} x2={b.x} y2={b.y} />
      <line x1={a.x} y1={a.y} x2={b.x} y2={b.y} />
      <circle cx={a.x} cy={a.y} r="6" />
      <circle cx={b.x} cy={b.y} r="6" />
    </svg>
  );
}
