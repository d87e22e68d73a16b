// The paper of an electrocardiogram: its two canvases, the names of the leads, what its scale is, the calipers.
import type { Signal } from "@preact/signals";
import type { ComponentChildren } from "preact";
import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import { decimal } from "../i18n/format";
import { sayTrace } from "../i18n/doctor_traces";
import { bandOf, type DisplayFilter } from "../state/display_filter";
import type { Consultation } from "../state/doctor_desk";
import { layout, pageSeconds, type Cell } from "../state/ecg_layout";
import { sweepSeconds, type Paper } from "../state/ecg_paper";
import { foreignUnits, missingSeconds } from "../state/traces";
import type { StreamSamples } from "../state/waveform";
import { theme } from "../theme";
import { Calipers } from "./calipers";
import { deviceName } from "./device_name";
import type { EcgSettings, Pen } from "./ecg";
import { EcgDrawing } from "./ecg_drawing";
import { ecgFrames } from "./probe";
import { ScaleTag, screenScale } from "./screen_scale";

interface PaperProps {
  readonly it: Consultation;
  readonly stream: StreamSamples;
  readonly settings: Signal<EcgSettings>;
  readonly pen: Pen;
  readonly children: ComponentChildren;
}

export interface Size {
  readonly width: number;
  readonly height: number;
}

export function EcgPaper({ it, stream, settings, pen, children }: PaperProps) {
  const frame = useRef<HTMLDivElement>(null);
  const grid = useRef<HTMLCanvasElement>(null);
  const trace = useRef<HTMLCanvasElement>(null);
  const [size, setSize] = useState<Size>({ width: 0, height: 0 });
  const { speed, gain, filter, arrangement, from, calipers } = settings.value;
  const colours = theme.value;
  const { pxPerMm } = screenScale.value;
  const paper = useMemo<Paper>(() => ({ speed, gain, pxPerMm, ...size }), [speed, gain, pxPerMm, size]);
  const cells = useMemo(() => layout(paper, stream.leads, arrangement), [paper, stream, arrangement]);
  const page = pageSeconds(paper, cells);
  useEffect(() => {
    pen.page.value = page;
  }, [page]);

  useEffect(() => {
    const box = frame.current;
    if (box === null || grid.current === null || trace.current === null) return undefined;
    const made = new EcgDrawing(stream, grid.current, trace.current, ecgFrames);
    pen.drawing = made;
    const resized = new ResizeObserver(() => setSize({ width: box.clientWidth, height: box.clientHeight }));
    resized.observe(box);
    let asked = requestAnimationFrame(function next(now) {
      made.frame(now);
      asked = requestAnimationFrame(next);
    });
    return () => {
      resized.disconnect();
      cancelAnimationFrame(asked);
    };
  }, [stream]);

  useEffect(() => {
    if (size.width > 0) pen.drawing?.show({ paper, cells, filter, from });
  }, [stream, paper, cells, filter, from, colours]);

  const foreign = foreignUnits(stream);
  const { device } = stream.waveform;
  return (
    <>
      <div
        class={cells.length > 3 ? "ecg-paper many" : "ecg-paper"}
        ref={frame}
        data-testid="ecg-paper"
        data-speed={speed}
        data-gain={gain}
        data-cells={cells.length}
        data-sweep-seconds={size.width > 0 ? sweepSeconds(paper, cells[0]?.width ?? 0).toFixed(2) : ""}
        data-page-seconds={page.toFixed(2)}
      >
        <canvas ref={grid} class="ecg-layer" aria-hidden="true" />
        <canvas ref={trace} class="ecg-layer" role="img" aria-label={sayTrace("ecg")} />
        {foreign.length > 0 && cells.length === 0 && (
          <p class="say look ecg-unit">{sayTrace("unit_unknown", { unit: foreign.join(", ") })}</p>
        )}
        {cells.map((cell, place) => (
          <Name key={place} cell={cell} />
        ))}
        <Missing it={it} stream={stream} />
        {calipers && size.width > 0 && <Calipers paper={paper} />}
      </div>
      <footer class="ecg-foot figures">
        {children}
        <span class="ecg-device" data-testid="ecg-device">
          {deviceName(device.maker, device.model)}
        </span>
        <ScaleTag />
        <span>{sayTrace("scale", { speed, gain })}</span>
        <span data-testid="ecg-band">{bandWords(filter, stream.leads[cells[0]?.lead ?? 0]?.rate ?? 0)}</span>
      </footer>
    </>
  );
}

function Name({ cell }: { cell: Cell }) {
  return (
    <span
      class="lead-name"
      ref={(element) => {
        if (element === null) return;
        element.style.left = `${cell.x + 3}px`;
        element.style.top = `${cell.y + 2}px`;
      }}
    >
      {cell.name}
    </span>
  );
}

/** How much is missing, once it is more than chunks under way. */
export function Missing({ it, stream }: { it: Consultation; stream: StreamSamples }) {
  void it.record.chunks.value;
  const seconds = missingSeconds(stream);
  if (seconds === 0) return null;
  return (
    <span class="tag look ecg-gap" role="status" data-testid="ecg-gap">
      △ {sayTrace("missing", { n: decimal(seconds.toFixed(1)) })}
    </span>
  );
}

function bandWords(filter: DisplayFilter, rate: number): string {
  const band = bandOf(filter, rate);
  if (band === null) return sayTrace("band_none");
  const [low, high] = band;
  const facts = { low: decimal(String(low)), high: decimal(String(high)) };
  return filter === "monitor" ? sayTrace("band_monitor", facts) : sayTrace("band", facts);
}
