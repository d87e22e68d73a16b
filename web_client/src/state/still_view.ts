// Geometry of a still on the screen: fit, zoom, pan, and lengths measured on it. Pure.

/** A still of `width` x `height` pixels in a box of CSS pixels. */
export interface StillFrame {
  readonly width: number;
  readonly height: number;
  readonly boxWidth: number;
  readonly boxHeight: number;
  /** Enlarges against the fit, so that two stills have one scale; 1 where that is not known. */
  readonly extra: number;
}

/** `zoom` 1 shows all of it; `x` and `y` shift its middle, in CSS pixels. */
export interface StillView {
  readonly zoom: number;
  readonly x: number;
  readonly y: number;
}

export interface Point {
  readonly x: number;
  readonly y: number;
}

export const WHOLE: StillView = { zoom: 1, x: 0, y: 0 };
export const ZOOM_STEP = 1.3;
/** At most so many CSS pixels for one of the picture: more shows nothing new. */
const PIXEL_MOST = 4;
const ZOOM_LEAST_MOST = 8;

/** CSS pixels for one of the picture at zoom 1. */
export const fitScale = (frame: StillFrame): number =>
  frame.extra * Math.min(frame.boxWidth / frame.width, frame.boxHeight / frame.height);

const zoomMost = (frame: StillFrame): number => Math.max(ZOOM_LEAST_MOST, PIXEL_MOST / fitScale(frame));

/** Where a point of the picture stands in the box. */
export function toScreen(frame: StillFrame, view: StillView, point: Point): Point {
  const scale = fitScale(frame) * view.zoom;
  return {
    x: frame.boxWidth / 2 + view.x + (point.x - frame.width / 2) * scale,
    y: frame.boxHeight / 2 + view.y + (point.y - frame.height / 2) * scale,
  };
}

/** The point of the picture under one of the box, held to the picture's edges. */
export function toImage(frame: StillFrame, view: StillView, point: Point): Point {
  const scale = fitScale(frame) * view.zoom;
  return {
    x: within((point.x - frame.boxWidth / 2 - view.x) / scale + frame.width / 2, 0, frame.width),
    y: within((point.y - frame.boxHeight / 2 - view.y) / scale + frame.height / 2, 0, frame.height),
  };
}

/** Zooms by a factor; what stands under `at` stays there. */
export function zoomedAt(frame: StillFrame, view: StillView, factor: number, at: Point): StillView {
  const zoom = within(view.zoom * factor, 1, zoomMost(frame));
  if (zoom === 1) return WHOLE;
  const ratio = zoom / view.zoom;
  const middle = { x: at.x - frame.boxWidth / 2, y: at.y - frame.boxHeight / 2 };
  return held(frame, {
    zoom,
    x: middle.x - (middle.x - view.x) * ratio,
    y: middle.y - (middle.y - view.y) * ratio,
  });
}

export const shifted = (frame: StillFrame, view: StillView, dx: number, dy: number): StillView =>
  held(frame, { ...view, x: view.x + dx, y: view.y + dy });

/** No shift takes the picture's edge past the middle of the box. */
function held(frame: StillFrame, view: StillView): StillView {
  const scale = fitScale(frame) * view.zoom;
  const [mostX, mostY] = [(frame.width * scale) / 2, (frame.height * scale) / 2];
  return { zoom: view.zoom, x: within(view.x, -mostX, mostX), y: within(view.y, -mostY, mostY) };
}

/** A length on the picture, both ends in its pixels. */
export interface Length {
  readonly from: Point;
  readonly to: Point;
}

/** Its length in pixels, and in millimetres where a scale marker was seen. */
export function lengthOf({ from, to }: Length, pixelMm: string | null): { readonly px: number; readonly mm: number | null } {
  const px = Math.hypot(to.x - from.x, to.y - from.y);
  const mm = pixelMm === null ? Number.NaN : Number(pixelMm);
  return { px, mm: mm > 0 ? px * mm : null };
}

/** How much the second of two stills is enlarged to have the first one's millimetres; null where one has none. */
export function sameScale(
  first: { readonly fit: number; readonly pixelMm: string | null },
  second: { readonly fit: number; readonly pixelMm: string | null },
): number | null {
  const [a, b] = [Number(first.pixelMm ?? "0"), Number(second.pixelMm ?? "0")];
  if (!(a > 0 && b > 0 && first.fit > 0 && second.fit > 0)) return null;
  return (first.fit / a) * (b / second.fit);
}

const within = (value: number, least: number, most: number): number => Math.min(most, Math.max(least, value));
