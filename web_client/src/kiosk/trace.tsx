// The small live ECG: shows that the electrodes hold. Nothing is measured on it.
import { useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { sayInstrument } from "../i18n/kiosk_instruments";
import type { LiveTrace } from "../state/kiosk_trace";

/** Blank before the sweep's bar, of the ring. */
const BAR = 0.03;
/** A trace without a beat is drawn flat, not blown up to noise: 0.4 mV; 40 beats a minute of a fetal heart. */
const SMALLEST_SPANS: Readonly<Record<string, number>> = { uV: 400, mV: 0.4, V: 4e-4 };
const SMALLEST_SPAN = 40;

function draw(canvas: HTMLCanvasElement, trace: LiveTrace): void {
  const ratio = devicePixelRatio;
  const [width, height] = [canvas.clientWidth * ratio, canvas.clientHeight * ratio];
  if (canvas.width !== width) canvas.width = width;
  if (canvas.height !== height) canvas.height = height;
  const context = canvas.getContext("2d");
  if (context === null || width === 0) return;
  const style = getComputedStyle(canvas);
  context.fillStyle = style.getPropertyValue("--ecg-paper");
  context.fillRect(0, 0, width, height);
  const range = trace.range();
  if (range === null) return;
  const span = Math.max(range[1] - range[0], SMALLEST_SPANS[trace.lead.unit] ?? SMALLEST_SPAN) * 1.15;
  const middle = (range[0] + range[1]) / 2;
  const { samples, head } = trace;
  const blank = Math.round(samples.length * BAR);
  context.strokeStyle = style.getPropertyValue("--ecg-trace");
  context.lineWidth = 1.6 * ratio;
  context.lineJoin = "round";
  context.beginPath();
  let down = false;
  for (let i = 0; i < samples.length; i += 1) {
    const sample = samples[i] ?? Number.NaN;
    const ahead = (i - head + samples.length) % samples.length;
    if (Number.isNaN(sample) || ahead < blank) {
      down = false;
      continue;
    }
    const x = (i / samples.length) * width;
    const y = height / 2 - ((sample - middle) / span) * height;
    if (down) context.lineTo(x, y);
    else context.moveTo(x, y);
    down = true;
  }
  context.stroke();
}

export function Trace({ id, trace }: { id: string; trace: LiveTrace | undefined }) {
  const place = useRef<HTMLCanvasElement>(null);
  const any = useSignal(false);
  useEffect(() => {
    if (trace === undefined) return undefined;
    let frame = 0;
    const next = (): void => {
      if (place.current !== null) draw(place.current, trace);
      any.value = trace.any;
      frame = requestAnimationFrame(next);
    };
    next();
    return () => cancelAnimationFrame(frame);
  }, [trace]);
  return (
    <div class="trace" data-testid={`trace-${id}`} data-live={any.value}>
      <canvas ref={place} />
      {!any.value && <span>{sayInstrument("trace_wait")}</span>}
    </div>
  );
}
