// Two points on the paper, by finger, mouse or arrow keys, read in milliseconds and millivolts.
import { useEffect, useRef, useState } from "preact/hooks";
import { decimal } from "../i18n/format";
import { sayTrace } from "../i18n/doctor_traces";
import { firstSpan, nudged, readCalipers, type Span } from "../state/calipers";
import type { Paper } from "../state/ecg_paper";

export function Calipers({ paper }: { paper: Paper }) {
  const [span, setSpan] = useState<Span | null>(null);
  const [end, setEnd] = useState<0 | 1>(1);
  const place = useRef<HTMLDivElement>(null);
  const dragging = useRef(false);
  useEffect(() => place.current?.focus(), []);
  const point = (event: PointerEvent): { x: number; y: number } => {
    const box = (event.currentTarget as Element).getBoundingClientRect();
    return { x: event.clientX - box.left, y: event.clientY - box.top };
  };
  return (
    <div
      class="calipers"
      ref={place}
      tabIndex={0}
      role="application"
      aria-label={sayTrace("calipers")}
      aria-describedby="caliper-reading"
      data-testid="calipers"
      onPointerDown={(event) => {
        event.currentTarget.setPointerCapture(event.pointerId);
        const { x, y } = point(event);
        dragging.current = true;
        setSpan({ x0: x, y0: y, x1: x, y1: y });
        setEnd(1);
      }}
      onPointerMove={(event) => {
        if (!dragging.current) return;
        const { x, y } = point(event);
        setSpan((old) => (old === null ? old : { ...old, x1: x, y1: y }));
      }}
      onPointerUp={() => {
        dragging.current = false;
      }}
      onKeyDown={(event) => {
        if (event.key === " ") {
          event.preventDefault();
          setEnd(end === 0 ? 1 : 0);
          setSpan((old) => old ?? firstSpan(paper));
          return;
        }
        const moved = nudged(span ?? firstSpan(paper), end, event.key, event.shiftKey, paper);
        if (moved === null) return;
        event.preventDefault();
        setSpan(moved);
      }}
    >
      {span !== null && (
        <svg class="caliper-lines" aria-hidden="true">
          <line x1={span.x0} x2={span.x0} y1="0" y2="100%" />
          <line x1={span.x1} x2={span.x1} y1="0" y2="100%" />
          <line x1={span.x0} x2={span.x1} y1={span.y0} y2={span.y0} />
          <line x1={span.x0} x2={span.x1} y1={span.y1} y2={span.y1} />
          <circle cx={end === 0 ? span.x0 : span.x1} cy={end === 0 ? span.y0 : span.y1} r="5" />
        </svg>
      )}
      <p id="caliper-reading" class="caliper-reading figures" aria-live="polite" data-testid="caliper-reading">
        {span === null ? sayTrace("calipers_hint") : words(paper, span)}
      </p>
    </div>
  );
}

function words(paper: Paper, span: Span): string {
  const { ms, mv, bpm } = readCalipers(paper, span);
  const read = sayTrace("calipers_read", { ms: Math.round(ms), mv: decimal(mv.toFixed(2)) });
  return bpm === null ? read : `${read} · ${sayTrace("calipers_rate", { bpm: Math.round(bpm) })}`;
}
