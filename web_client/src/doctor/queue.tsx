// The patients who wait, on the left; folded to a rail during a call.
import { useState } from "preact/hooks";
import { duration } from "../i18n/format";
import { say } from "../i18n/doctor";
import { codeWords } from "../i18n/doctor_codes";
import type { QueueEntry, Urgency } from "../protocol/types";
import { usePage } from "./context";
import { mark } from "./probe";

export function QueueView({ folded }: { folded: boolean }) {
  const { desk } = usePage();
  const [open, setOpen] = useState(false);
  const entries = desk.queue.value;
  const waiting = entries?.filter((entry) => entry.taken_by === "").length ?? 0;
  if (folded && !open) {
    return (
      <nav class="rail" aria-label={say("queue")}>
        <button type="button" class="button quiet rail-button" onClick={() => setOpen(true)} data-testid="queue-open">
          <span class="rail-count figures">{waiting}</span>
          <span class="rail-words">{say("queue")}</span>
          <span class="unseen">{say("show_queue")}</span>
        </button>
      </nav>
    );
  }
  return (
    <nav class={folded ? "queue over" : "queue"} aria-label={say("queue")}>
      <div class="queue-head">
        <h2>
          {say("queue")} <span class="count figures">{entries === null ? "" : waiting}</span>
        </h2>
        {folded && (
          <button type="button" class="button quiet small" onClick={() => setOpen(false)}>
            {say("hide_queue")}
          </button>
        )}
      </div>
      <Notice />
      {entries === null && <p role="status">{say("queue_unknown")}</p>}
      {entries?.length === 0 && (
        <div class="queue-empty" data-testid="queue-empty">
          <p>{say("queue_empty")}</p>
          <p class="soft">{say("queue_empty_more")}</p>
        </div>
      )}
      <ol class="entries">
        {entries?.map((entry) => <Entry key={entry.encounter_id} entry={entry} />)}
      </ol>
    </nav>
  );
}

function Notice() {
  const { desk } = usePage();
  const notice = desk.notice.value;
  if (notice === null) return null;
  return (
    <div class="say look" role="alert" data-testid="notice" data-code={notice.code}>
      <p>{codeWords(notice.code, notice.facts)}</p>
      <button
        type="button"
        class="button quiet small"
        onClick={() => {
          desk.notice.value = null;
        }}
      >
        {say("dismiss")}
      </button>
    </div>
  );
}

function Entry({ entry }: { entry: QueueEntry }) {
  const { desk, now } = usePage();
  const taking = desk.taking.value;
  const busy = desk.consultation.value?.call.live.value ?? false;
  const mine = desk.consultation.value?.record.encounterId === entry.encounter_id;
  const free = entry.taken_by === "";
  const waited = duration(now.value - Date.parse(entry.waiting_since));
  return (
    <li class="card entry" data-testid="queue-entry" data-encounter={entry.encounter_id} data-urgency={entry.urgency}>
      <div class="entry-top">
        <strong class="entry-reason">{say(`reason_${entry.reason}`)}</strong>
        <UrgencyTag urgency={entry.urgency} />
      </div>
      <p class="entry-where">
        {entry.vehicle.name}
        {entry.vehicle.territory !== "" && <span class="soft"> · {entry.vehicle.territory}</span>}
        {entry.vehicle.simulated && <span class="tag look">{say("simulated")}</span>}
      </p>
      {free && (
        <p class="soft figures" data-testid="waiting">
          {say("waiting_for", { time: waited })}
        </p>
      )}
      {!free && (
        <p class="tag action" data-testid="taken-by">
          {mine ? say("taken_by_you") : say("taken_by", { name: entry.taken_by })}
        </p>
      )}
      {free && !entry.online && (
        <p class="say look">
          {say("vehicle_offline")}. {say("vehicle_offline_more")}
        </p>
      )}
      {free && entry.online && (
        <button
          type="button"
          class="button main wide"
          data-testid="take"
          disabled={taking !== null || busy}
          onClick={() => {
            mark("tap");
            desk.take(entry.encounter_id);
          }}
        >
          {say(busy ? "in_call_already" : taking === entry.encounter_id ? "taking" : "take")}
        </button>
      )}
    </li>
  );
}

export function UrgencyTag({ urgency }: { urgency: Urgency }) {
  const tone = urgency === "urgent" ? "stop" : urgency === "soon" ? "look" : "";
  const sign = urgency === "urgent" ? "▲ " : urgency === "soon" ? "△ " : "";
  return (
    <span class={`tag ${tone}`} data-testid="urgency">
      {sign}
      {say(`urgency_${urgency}`)}
    </span>
  );
}
