// Stills of one place on the body, taken one after the other: which belong together. Pure.
import type { Still } from "../protocol/types";

/** The first still of a series; a still that is like none is its own. A circle ends where it began. */
function rootOf(still: Still, stills: readonly Still[]): string {
  const seen = new Set([still.still_id]);
  let at = still;
  for (;;) {
    const before = stills.find((each) => each.still_id === at.like);
    if (before === undefined || seen.has(before.still_id)) return at.still_id;
    seen.add(before.still_id);
    at = before;
  }
}

/** All stills of the series that a still belongs to, in the order they were taken; itself alone when there is none. */
export function seriesOf(still: Still, stills: readonly Still[]): readonly Still[] {
  const root = rootOf(still, stills);
  return stills.filter((each) => rootOf(each, stills) === root);
}

/** What a still can be compared with: its series first, then the others of the same camera, then the rest. */
export function comparable(still: Still, stills: readonly Still[]): readonly Still[] {
  const series = new Set(seriesOf(still, stills).map((each) => each.still_id));
  const rank = (each: Still) => (series.has(each.still_id) ? 0 : each.device.kind === still.device.kind ? 1 : 2);
  return stills
    .filter((each) => each.still_id !== still.still_id)
    .map((each, place) => ({ each, place }))
    .sort((a, b) => rank(a.each) - rank(b.each) || a.place - b.place)
    .map(({ each }) => each);
}
