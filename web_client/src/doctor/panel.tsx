// A panel that is opened from the picture and stands beside it: a small picture must not cut it.
import type { ComponentChildren } from "preact";
import { useEffect, useRef } from "preact/hooks";

/** Between the picture, the panel and the window's edge, in CSS pixels. */
const GAP = 8;

interface PanelProps {
  readonly label: string;
  readonly testid: string;
  readonly name: string;
  readonly close: () => void;
  readonly children: ComponentChildren;
}

export function Panel({ label, testid, name, close, children }: PanelProps) {
  const place = useRef<HTMLElement>(null);
  useEffect(() => {
    const panel = place.current;
    const picture = panel?.closest(".video")?.getBoundingClientRect();
    if (panel === null || picture === undefined) return undefined;
    // The top layer: nothing around the picture clips it.
    panel.showPopover();
    const { width, height } = panel.getBoundingClientRect();
    const within = (wanted: number, room: number) => `${Math.max(GAP, Math.min(wanted, room - GAP))}px`;
    panel.style.left = within(picture.right + GAP, innerWidth - width);
    panel.style.top = within(picture.top, innerHeight - height);
    const key = (event: KeyboardEvent) => {
      if (event.key === "Escape") close();
    };
    addEventListener("keydown", key);
    return () => removeEventListener("keydown", key);
  }, []);
  return (
    <section ref={place} popover="manual" class={`aside card ${name}`} aria-label={label} data-testid={testid}>
      {children}
    </section>
  );
}
