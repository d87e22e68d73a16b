// Two stills, side by side or one over the other with a border that moves; zoomed and moved together.
import { useEffect, useState } from "preact/hooks";
import { clock } from "../i18n/format";
import { sayStill, siteWords } from "../i18n/doctor_stills";
import type { Still } from "../protocol/types";
import type { Consultation } from "../state/doctor_desk";
import type { StillView as StillState } from "../state/doctor_record";
import { seriesOf } from "../state/still_series";
import { fitScale, sameScale, type StillFrame, type StillView } from "../state/still_view";
import { Choice } from "./choice";
import { Progress, useUrl } from "./still_viewer";
import { ZoomPane } from "./zoom_pane";

const ARRANGEMENTS = ["side", "slider"] as const;
type Arrangement = (typeof ARRANGEMENTS)[number];

interface CompareProps {
  readonly it: Consultation;
  readonly view: StillState;
  readonly others: readonly Still[];
  readonly at: StillView;
  readonly move: (view: StillView) => void;
  readonly frame: StillFrame | null;
  readonly fits: (frame: StillFrame) => void;
}

export function StillCompare({ it, view, others, at, move, frame, fits }: CompareProps) {
  const [chosen, setChosen] = useState<string | null>(null);
  const [arrangement, setArrangement] = useState<Arrangement>("side");
  const stills = it.record.stills.value;
  const id = others.find((each) => each.still_id === chosen)?.still_id ?? others[0]?.still_id;
  const other = stills.find((each) => each.still.still_id === id);
  useEffect(() => {
    if (id !== undefined) it.call.openStill(id);
  }, [id]);
  if (other === undefined) return null;
  const series = new Set(seriesOf(view.still, stills.map((each) => each.still)).map((each) => each.still_id));
  // The earlier one stands at the left, whichever was opened.
  const [first, second] = Date.parse(other.still.taken_at) < Date.parse(view.still.taken_at) ? [other, view] : [view, other];
  const extra = frame === null ? null : enlarged(first.still, second.still, frame);
  const pair = { first, second, extra: extra ?? 1, at, move, fits };
  return (
    <>
      <div class="compare-head">
        <label>
          {sayStill("compare_with")}{" "}
          <select
            class="input ecg-select compare-with"
            data-testid="compare-with"
            value={id}
            onChange={(event) => setChosen(event.currentTarget.value)}
          >
            {others.map((each) => (
              <option key={each.still_id} value={each.still_id}>
                {sayStill(series.has(each.still_id) ? "compare_option_series" : "compare_option", {
                  time: clock(each.taken_at, true),
                  site: siteWords(each.body_site),
                })}
              </option>
            ))}
          </select>
        </label>
        <Choice
          label={sayStill("arrangement")}
          testid="compare"
          values={ARRANGEMENTS}
          value={arrangement}
          choose={setArrangement}
          words={(each) => sayStill(each)}
        />
        <span class="soft">{sayStill(extra === null ? "other_scale" : "same_scale")}</span>
      </div>
      <Progress it={it} view={other} />
      {arrangement === "side" ? <SideBySide {...pair} /> : <Overlaid {...pair} />}
    </>
  );
}

/** How much the second is enlarged to have the first one's millimetres; both boxes have one size. */
function enlarged(first: Still, second: Still, box: StillFrame): number | null {
  const fit = ({ width, height }: Still) => fitScale({ ...box, width, height, extra: 1 });
  return sameScale({ fit: fit(first), pixelMm: first.pixel_mm }, { fit: fit(second), pixelMm: second.pixel_mm });
}

interface PairProps {
  readonly first: StillState;
  readonly second: StillState;
  readonly extra: number;
  readonly at: StillView;
  readonly move: (view: StillView) => void;
  readonly fits: (frame: StillFrame) => void;
}

function SideBySide({ first, second, extra, at, move, fits }: PairProps) {
  return (
    <div class="side-by-side" data-testid="compare-sides">
      <Half view={first} at={at} move={move} extra={1} fits={fits} testid="still-image" />
      <Half view={second} at={at} move={move} extra={extra} testid="still-other" />
    </div>
  );
}

interface HalfProps {
  readonly view: StillState;
  readonly at: StillView;
  readonly move: (view: StillView) => void;
  readonly extra: number;
  readonly fits?: (frame: StillFrame) => void;
  readonly testid: string;
}

function Half({ view, at, move, extra, fits, testid }: HalfProps) {
  const { still } = view;
  const words = `${siteWords(still.body_site)}, ${clock(still.taken_at, true)}`;
  return (
    <figure class="half">
      <ZoomPane
        url={useUrl(view)}
        alt={words}
        width={still.width}
        height={still.height}
        extra={extra}
        view={at}
        move={move}
        testid={testid}
        {...(fits === undefined ? {} : { fits })}
      />
      <figcaption class="tag video-tag">{words}</figcaption>
    </figure>
  );
}

function Overlaid({ first, second, extra, at, move, fits }: PairProps) {
  const [share, setShare] = useState(50);
  return (
    <div class="overlaid" data-testid="compare-overlay">
      <Half view={first} at={at} move={move} extra={1} fits={fits} testid="still-image" />
      <div
        class="over"
        ref={(element) => {
          if (element !== null) element.style.clipPath = `inset(0 0 0 ${share}%)`;
        }}
      >
        <Half view={second} at={at} move={move} extra={extra} testid="still-other" />
      </div>
      <div
        class="overlaid-border"
        aria-hidden="true"
        ref={(element) => {
          if (element !== null) element.style.left = `${share}%`;
        }}
      />
      <input
        type="range"
        class="overlaid-range"
        min={0}
        max={100}
        value={share}
        aria-label={sayStill("split")}
        data-testid="compare-split"
        onInput={(event) => setShare(Number(event.currentTarget.value))}
      />
    </div>
  );
}
