// Pictures of examination cameras: thumbnails at once, each full size in the viewer.
import { useState } from "preact/hooks";
import { clock } from "../i18n/format";
import { sayStill, siteWords } from "../i18n/doctor_stills";
import type { Consultation } from "../state/doctor_desk";
import type { StillView } from "../state/doctor_record";
import { seriesOf } from "../state/still_series";
import { StillViewer } from "./still_viewer";

export function Stills({ it }: { it: Consultation }) {
  const stills = it.record.stills.value;
  const [open, setOpen] = useState<string | null>(null);
  const chosen = stills.find((view) => view.still.still_id === open) ?? null;
  const show = (id: string) => {
    setOpen(id);
    it.call.openStill(id);
  };
  if (stills.length === 0) return null;
  return (
    <section class="card block" aria-label={sayStill("stills")} data-testid="stills" data-count={stills.length}>
      <h2>{sayStill("stills")}</h2>
      <ul class="thumbs">
        {stills.map((view) => (
          <li key={view.still.still_id}>
            <Thumb view={view} stills={stills} open={() => show(view.still.still_id)} />
          </li>
        ))}
      </ul>
      {chosen !== null && <StillViewer it={it} view={chosen} show={show} close={() => setOpen(null)} />}
    </section>
  );
}

interface ThumbProps {
  readonly view: StillView;
  readonly stills: readonly StillView[];
  readonly open: () => void;
}

function Thumb({ view, stills, open }: ThumbProps) {
  const { still } = view;
  const facts = { time: clock(still.taken_at), site: siteWords(still.body_site) };
  const series = seriesOf(still, stills.map((each) => each.still));
  const place = series.findIndex((each) => each.still_id === still.still_id) + 1;
  return (
    <button
      type="button"
      class="thumb"
      onClick={open}
      aria-label={sayStill("open", facts)}
      data-testid="still-thumb"
      data-still={still.still_id}
    >
      {still.thumbnail !== "" && <img src={`data:image/jpeg;base64,${still.thumbnail}`} alt="" />}
      <span class="thumb-words">
        {still.body_site !== "" && <strong>{facts.site}</strong>}
        <span>
          {facts.time} · <QualityWords quality={still.quality} />
        </span>
        {series.length > 1 && <span class="soft">{sayStill("series", { n: place, all: series.length })}</span>}
      </span>
    </button>
  );
}

export function QualityWords({ quality }: { quality: StillView["still"]["quality"] }) {
  return (
    <span class={quality === "sharp" ? "quality done" : "quality look"}>
      {quality === "sharp" ? "✓" : "△"} {sayStill(quality)}
    </span>
  );
}
