// One consultation on the screen: picture, patient, notes, measurements, electrocardiogram.
import { useSignal } from "@preact/signals";
import { useEffect, useState } from "preact/hooks";
import { say } from "../i18n/doctor";
import { sayCall } from "../i18n/doctor_call";
import { codeWords } from "../i18n/doctor_codes";
import type { ChannelNotice } from "../state/call_report";
import type { Consultation } from "../state/doctor_desk";
import { usePage } from "./context";
import { Guests, InviteGuest } from "./guests";
import { Instruments } from "./instruments";
import { Notes } from "./notes";
import { PatientHead } from "./patient";
import { Life, PrescriptionDrawer } from "./prescription";
import { StethoscopePanel } from "./stethoscope";
import { Stills } from "./stills";
import { Traces } from "./traces";
import { CallVideo } from "./video";
import { Vitals } from "./vitals";

export function ConsultationView({ it }: { it: Consultation }) {
  const [writing, setWriting] = useState(false);
  const chosen = useSignal<number | null>(null);
  const large = useSignal(false);
  const layout = writing ? "writing" : large.value && it.record.streams.value.length > 0 ? "tracing" : "";
  const patient = it.record.situation.value?.encounter.patient ?? null;
  useEffect(() => {
    // The mentions of the patient are known once the vehicle told who it is.
    if (patient !== null) it.composer.recheck();
  }, [patient?.family_name, patient?.ins]);
  return (
    <main
      class={`consultation ${layout}`}
      data-testid="consultation"
      data-encounter={it.record.encounterId}
      data-call={it.call.callId}
      data-generation={it.call.generation}
      data-phase={it.call.phase.value}
    >
      <div class="column picture-column">
        <PatientHead it={it} />
        <CallVideo it={it} />
        <Guests it={it} />
        <NotDone it={it} />
        <CallControls it={it} />
      </div>
      <div class="column notes-column">
        <Notes it={it} />
        <Life it={it} />
        <button
          type="button"
          class="button main wide"
          data-testid="prescription-open"
          onClick={() => setWriting(true)}
        >
          {say("prescription_write")}
        </button>
      </div>
      <div class="column measures-column">
        <Vitals it={it} chosen={chosen} />
        <Stills it={it} />
        <Instruments it={it} />
      </div>
      <StethoscopePanel it={it} />
      <Traces it={it} chosen={chosen} large={large} />
      {writing && <PrescriptionDrawer it={it} close={() => setWriting(false)} />}
    </main>
  );
}

/** A sentence for a while: what it speaks of has been asked for again, or mended itself. */
const NOTICE_MS = 20_000;

/** What the bus could not do with what was asked of it. */
function NotDone({ it }: { it: Consultation }) {
  const { problem } = it.call.report;
  const notice = problem.value;
  const close = () => {
    problem.value = null;
  };
  useEffect(() => {
    if (notice === null) return undefined;
    const timer = setTimeout(close, NOTICE_MS);
    return () => clearTimeout(timer);
  }, [notice]);
  if (notice === null || !it.call.live.value) return null;
  return (
    <div class="say look notice-line" role="status" data-testid="not-done" data-code={notice.code} data-about={notice.about}>
      <p>{notDone(notice)}</p>
      <button type="button" class="button small" data-testid="not-done-close" onClick={close}>
        {sayCall("understood")}
      </button>
    </div>
  );
}

function notDone({ code, about }: ChannelNotice): string {
  const words = codeWords(code);
  switch (about) {
    case "camera_wanted":
      return sayCall("not_done_camera", { words });
    case "listen_wanted":
      return sayCall("not_done_listen", { words });
    case "request":
      return sayCall("not_done_request", { words });
    case "still_wanted":
      return sayCall("not_done_still", { words });
    default:
      return sayCall("not_done", { words });
  }
}

function CallControls({ it }: { it: Consultation }) {
  const { desk } = usePage();
  const [asking, setAsking] = useState<"finish" | "put_back" | null>(null);
  if (!it.call.live.value) return <Ended it={it} />;
  if (asking !== null) {
    const finish = asking === "finish";
    return (
      <div class="controls asking" role="alertdialog" aria-label={say(finish ? "finish_ask" : "put_back_ask")}>
        <p>{say(finish ? "finish_ask" : "put_back_ask")}</p>
        <button type="button" class="button" data-testid="cancel" onClick={() => setAsking(null)}>
          {say("cancel")}
        </button>
        <button
          type="button"
          class={finish ? "button stop" : "button main"}
          data-testid={finish ? "confirm-finish" : "confirm-put-back"}
          onClick={() => {
            setAsking(null);
            if (finish) desk.finish();
            else desk.putBack();
          }}
        >
          {say(finish ? "confirm_finish" : "confirm_put_back")}
        </button>
      </div>
    );
  }
  return (
    <div class="controls">
      <InviteGuest it={it} />
      <button type="button" class="button" data-testid="put-back" onClick={() => setAsking("put_back")}>
        {say("put_back")}
      </button>
      <button type="button" class="button stop" data-testid="finish" onClick={() => setAsking("finish")}>
        {say("finish")}
      </button>
    </div>
  );
}

function Ended({ it }: { it: Consultation }) {
  const { desk } = usePage();
  const end = it.call.end.value;
  const finished = end?.finished ?? false;
  const by = end?.by ?? "";
  const words = finished
    ? by === "" ? say("call_ended") : say("call_ended_by", { name: by })
    : by === "" ? say("call_left") : say("call_left_by", { name: by });
  return (
    <div class="controls ended" data-testid="call-ended" data-finished={finished}>
      <p>
        <strong>{say("call_ended_title")}.</strong> {words} {say("call_ended_more")}{" "}
        {finished && say("notes_wiped")}
      </p>
      <button type="button" class="button main" data-testid="close-file" onClick={() => desk.closeFile(finished)}>
        {say("close_file")}
      </button>
    </div>
  );
}
