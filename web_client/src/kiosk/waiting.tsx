// Waiting: the place in the queue, who is on line, and that measuring can start now.
import { useSignal } from "@preact/signals";
import { duration } from "../i18n/format";
import { language } from "../i18n/core";
import { count, say } from "../i18n/kiosk";
import type { Encounter } from "../protocol/types";
import { useGateway, useKiosk } from "./context";
import { WithRail } from "./encounter";
import { Icon } from "./icons";
import { Ask, CodeText, Press, Say, useBusy } from "./parts";
import { Picture } from "./picture";

/** 1re, 2e; 1st, 2nd. */
function ordinal(place: number): string {
  if (language.value === "fr") return place === 1 ? "1re" : `${place}e`;
  const rule = new Intl.PluralRules("en", { type: "ordinal" }).select(place);
  return `${place}${({ one: "st", two: "nd", few: "rd" } as Record<string, string>)[rule] ?? "th"}`;
}

function doctorsWords(doctors: number | null): string {
  if (doctors === null) return say("waiting_doctors_unknown");
  if (doctors === 0) return say("waiting_no_doctor");
  return count("waiting_doctors", doctors);
}

export function Waiting({ encounter }: { encounter: Encounter }) {
  const { desk, media } = useKiosk();
  const { link } = useGateway();
  const leaving = useSignal(false);
  const busy = useBusy("leave_waiting");
  const { place, doctors } = encounter;
  return (
    <WithRail id="screen-waiting" encounter={encounter}>
      <div class="waiting">
        <div class="stage-title">
          <h1>{say("waiting_title")}</h1>
          <p class="soft">{say("waiting_by_itself")}</p>
        </div>
        <div class="waiting-body">
          <div class="queue card">
            <small>{say("waiting_place")}</small>
            {place === null ? (
              <b class="queue-unknown">{say("waiting_place_unknown")}</b>
            ) : (
              <b class="queue-place figures" data-testid="place">{ordinal(place)}</b>
            )}
            {place === 1 && <span class="queue-next">{say("waiting_next")}</span>}
            <p class={`queue-doctors ${doctors === 0 ? "look" : ""}`} data-testid="doctors">
              <Icon name="people" size={28} /> {doctorsWords(doctors)}
            </p>
            <p class="soft figures">{say("waiting_since", { time: duration(desk.now.value - Date.parse(encounter.opened_at)) })}</p>
          </div>
          <div class="waiting-side">
            <Picture id="own-picture" track={media.own.value} waits={say("own_picture_waits")} icon="lens" />
            <Say tone="done" icon="arrow">
              <strong>{say("waiting_measure")}</strong>
              <br />
              {say("waiting_measure_note")}
            </Say>
          </div>
        </div>
        {encounter.call_code !== null && (
          <Say tone="look" id="call-code">
            <CodeText code={encounter.call_code} />
          </Say>
        )}
        {link.relay !== "online" && encounter.call_code === null && <Say tone="look">{say("ready_go_offline")}</Say>}
        <div class="stage-foot">
          <Press id="leave-waiting" press={() => { leaving.value = true; }} disabled={busy} icon="back">
            {say("waiting_leave")}
          </Press>
        </div>
      </div>
      {leaving.value && (
        <Ask id="leave-ask" title={say("waiting_leave_title")} yes={say("waiting_leave")} look="stop main"
          confirm={() => {
            leaving.value = false;
            return desk.send({ type: "leave_waiting" });
          }}
          cancel={() => { leaving.value = false; }}>
          <p>{say("waiting_leave_explain")}</p>
        </Ask>
      )}
    </WithRail>
  );
}
