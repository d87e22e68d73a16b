// How the call goes, in one sentence; its figures for whoever asks.
import { useState } from "preact/hooks";
import { say } from "../i18n/doctor";
import { sayCall } from "../i18n/doctor_call";
import { decimal } from "../i18n/format";
import type { CallQuality } from "../protocol/types";
import type { CallFigures } from "../state/call_statistics";
import type { Consultation } from "../state/doctor_desk";
import { lineWords, type LineWords } from "../state/line_words";
import { Panel } from "./panel";

/** Past it two people talk over each other. */
const SLOW_MS = 800;
const SIGNS = { done: "●", look: "△", stop: "■" } as const;

/** `standing`: the room's picture does not move now, and words over it say why. */
export function Line({ it, standing }: { it: Consultation; standing: boolean }) {
  const [open, setOpen] = useState(false);
  const { report } = it.call;
  const quality = report.quality.value;
  const figures = report.figures.value;
  if (it.call.phase.value !== "connected" || (quality === null && figures === null)) return null;
  const words = lineWords(quality, it.record.situation.value?.media ?? null, standing);
  const tone = words?.tone ?? ((figures?.roundTripMs ?? Infinity) > SLOW_MS ? "look" : "done");
  return (
    <div class="call-line">
      {open && (
        <Panel label={sayCall("figures")} testid="line-figures" name="line-figures" close={() => setOpen(false)}>
          <h2>{sayCall("figures")}</h2>
          <dl>
            {rows(quality, figures, report.ownPicture.value === "thin").map(([name, value]) => (
              <div key={name}>
                <dt>{name}</dt>
                <dd class="figures">{value}</dd>
              </div>
            ))}
          </dl>
          <button type="button" class="button small" onClick={() => setOpen(false)}>
            {sayCall("figures_close")}
          </button>
        </Panel>
      )}
      <button
        type="button"
        class={`line-words ${tone}`}
        aria-expanded={open}
        title={sayCall("figures")}
        data-testid="line"
        data-voice={quality?.voice ?? ""}
        data-picture={quality?.picture ?? ""}
        data-code={quality?.code ?? ""}
        onClick={() => setOpen(!open)}
      >
        <span aria-hidden="true">{SIGNS[tone]}</span>{" "}
        {words === null ? bare(figures) : sentence(words)}
      </button>
    </div>
  );
}

function sentence({ voice, picture, cause, tone }: LineWords): string {
  if (tone === "done") return sayCall("all_good");
  if (cause === "cause_slow" && voice === "voice_good" && picture === "picture_good") return sayCall("all_late");
  if (picture === null) return sayCall(voice);
  const facts = { voice: sayCall(voice), picture: sayCall(picture) };
  return cause === null ? sayCall("sentence", facts) : sayCall("sentence_cause", { ...facts, cause: sayCall(cause) });
}

/** A vehicle that says nothing of the line: the round trip alone was measured here. */
function bare(figures: CallFigures | null): string {
  const ms = figures?.roundTripMs ?? null;
  return ms === null ? sayCall("measuring") : say("link_quality", { ms: Math.max(1, ms) });
}

function rows(quality: CallQuality | null, figures: CallFigures | null, paused: boolean): [string, string][] {
  const none = sayCall("figure_none");
  const percent = (n: number) => sayCall("percent", { n: decimal(String(Math.round(n * 10) / 10)) });
  const ms = (n: number | null) => (n === null ? none : sayCall("milliseconds", { n }));
  const one = (n: number) => decimal(n.toFixed(n < 10 ? 1 : 0));
  const made: [string, string][] = [];
  if (figures !== null) {
    const { lines, pictureKbps: kbps } = figures;
    made.push([sayCall("figure_room"), sayCall("figure_room_value", { lines, fps: one(figures.framesPerSecond), kbps })]);
  }
  if (quality !== null) {
    const { target_kbps: target, sent_kbps: sent } = quality;
    made.push([sayCall("figure_carried"), sayCall("figure_carried_value", { target, sent })]);
    made.push([sayCall("figure_lost"), percent(quality.loss_percent)]);
  }
  made.push([sayCall("figure_round_trip"), ms(quality?.round_trip_ms ?? figures?.roundTripMs ?? null)]);
  if (quality !== null) made.push([sayCall("figure_queue"), ms(quality.queue_ms)]);
  if (figures !== null) {
    const seconds = one(figures.frozenMs / 1000);
    made.push([sayCall("figure_frozen"), sayCall("figure_frozen_value", { n: figures.freezes, seconds })]);
    made.push([sayCall("figure_concealed"), percent(figures.voiceConcealedPercent)]);
  }
  if (quality !== null) {
    made.push([sayCall("figure_keyframes"), String(quality.keyframes)], [sayCall("figure_outages"), String(quality.outages)]);
    const way = sayCall(quality.relayed || figures?.relayed === true ? "way_relayed" : "way_direct");
    made.push([sayCall("figure_way"), quality.interface === "" ? way : `${quality.interface}, ${way}`]);
  }
  const kbps = figures?.ownKbps ?? 0;
  made.push([sayCall("figure_own"), paused ? sayCall("figure_own_paused") : sayCall("figure_own_value", { kbps })]);
  return made;
}
