// One picture that can be zoomed and moved by wheel, fingers, mouse and keys; what is drawn over it moves with it.
import type { ComponentChildren } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import {
  fitScale,
  shifted,
  WHOLE,
  ZOOM_STEP,
  zoomedAt,
  type Point,
  type StillFrame,
  type StillView,
} from "../state/still_view";

const ARROW_PX = 40;

interface PaneProps {
  readonly url: string;
  readonly alt: string;
  readonly width: number;
  readonly height: number;
  readonly extra?: number;
  readonly view: StillView;
  readonly move: (view: StillView) => void;
  /** Takes a press and what follows; the pane does not move then. */
  readonly draw?: (at: Point, phase: "down" | "move", frame: StillFrame) => void;
  /** Takes keys first; true: it was one of its own. */
  readonly keys?: (event: KeyboardEvent, frame: StillFrame) => boolean;
  /** What stands over the picture. */
  readonly over?: (frame: StillFrame) => ComponentChildren;
  readonly testid: string;
  readonly fits?: (frame: StillFrame) => void;
}

export function ZoomPane(props: PaneProps) {
  const { url, alt, width, height, extra = 1, view, move, draw, keys, over, testid, fits } = props;
  const box = useRef<HTMLDivElement>(null);
  const fingers = useRef(new Map<number, Point>());
  const [size, setSize] = useState({ width: 0, height: 0 });
  const frame: StillFrame = { width, height, boxWidth: size.width, boxHeight: size.height, extra };
  useEffect(() => {
    const element = box.current;
    if (element === null) return undefined;
    const resized = new ResizeObserver(() => setSize({ width: element.clientWidth, height: element.clientHeight }));
    resized.observe(element);
    return () => resized.disconnect();
  }, []);
  useEffect(() => {
    if (size.width > 0) fits?.(frame);
  }, [size.width, size.height, width, height]);
  const point = (event: MouseEvent): Point => {
    const edge = box.current?.getBoundingClientRect();
    return { x: event.clientX - (edge?.left ?? 0), y: event.clientY - (edge?.top ?? 0) };
  };
  const middle = { x: size.width / 2, y: size.height / 2 };
  return (
    <div
      class={draw === undefined ? "zoomed" : "zoomed measuring"}
      ref={box}
      tabIndex={0}
      role="group"
      aria-label={alt}
      onWheel={(event) => {
        event.preventDefault();
        move(zoomedAt(frame, view, event.deltaY < 0 ? ZOOM_STEP : 1 / ZOOM_STEP, point(event)));
      }}
      onPointerDown={(event) => {
        event.currentTarget.setPointerCapture(event.pointerId);
        fingers.current.set(event.pointerId, point(event));
        if (fingers.current.size === 1) draw?.(point(event), "down", frame);
      }}
      onPointerMove={(event) => {
        const before = fingers.current.get(event.pointerId);
        if (before === undefined) return;
        const now = point(event);
        const other = [...fingers.current].find(([id]) => id !== event.pointerId)?.[1];
        fingers.current.set(event.pointerId, now);
        if (other !== undefined) {
          const ratio = distance(now, other) / Math.max(1, distance(before, other));
          move(zoomedAt(frame, view, ratio, { x: (now.x + other.x) / 2, y: (now.y + other.y) / 2 }));
        } else if (draw !== undefined) draw(now, "move", frame);
        else move(shifted(frame, view, now.x - before.x, now.y - before.y));
      }}
      onPointerUp={(event) => fingers.current.delete(event.pointerId)}
      onPointerCancel={(event) => fingers.current.delete(event.pointerId)}
      onKeyDown={(event) => {
        const next = keys?.(event, frame) === true ? view : keyed(event.key, frame, view, middle);
        if (next === null) return;
        event.preventDefault();
        if (next !== view) move(next);
      }}
    >
      <img
        src={url}
        alt={alt}
        draggable={false}
        data-testid={testid}
        ref={(element) => {
          if (element === null) return;
          const scale = fitScale(frame);
          element.style.width = `${width * scale}px`;
          element.style.height = `${height * scale}px`;
          element.style.transform = `translate(-50%, -50%) translate(${view.x}px, ${view.y}px) scale(${view.zoom})`;
        }}
      />
      {size.width > 0 && over?.(frame)}
    </div>
  );
}

function keyed(key: string, frame: StillFrame, view: StillView, middle: Point): StillView | null {
  switch (key) {
    case "+":
    case "=":
      return zoomedAt(frame, view, ZOOM_STEP, middle);
    case "-":
    case "_":
      return zoomedAt(frame, view, 1 / ZOOM_STEP, middle);
    case "0":
      return WHOLE;
    case "ArrowLeft":
      return shifted(frame, view, ARROW_PX, 0);
    case "ArrowRight":
      return shifted(frame, view, -ARROW_PX, 0);
    case "ArrowUp":
      return shifted(frame, view, 0, ARROW_PX);
    case "ArrowDown":
      return shifted(frame, view, 0, -ARROW_PX);
    default:
      return null;
  }
}

const distance = (a: Point, b: Point): number => Math.hypot(a.x - b.x, a.y - b.y);
