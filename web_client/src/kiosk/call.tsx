// With the doctor: the doctor large, the own picture small, how the call goes and who is in it, a microphone button and a way to end.
import { useSignal } from "@preact/signals";
import { duration } from "../i18n/format";
import { say } from "../i18n/kiosk";
import { sayCall } from "../i18n/kiosk_call";
import { codeWords } from "../i18n/kiosk_codes";
import type { Encounter } from "../protocol/types";
import { doctorPaused } from "../state/kiosk_quality";
import { useGateway, useKiosk } from "./context";
import { WithRail } from "./encounter";
import { GuestNames, GuestPicture, Guests } from "./guests";
import { Icon } from "./icons";
import { Ask, Press, useBusy } from "./parts";
import { Picture } from "./picture";
import { QualityLine } from "./quality";
import { MuteButton } from "./voice";

export function Call({ encounter }: { encounter: Encounter }) {
  const small = (
    <div class="doctor-small">
      <DoctorPicture encounter={encounter} />
      <MuteButton />
      <GuestNames encounter={encounter} />
      <QualityLine encounter={encounter} quiet />
    </div>
  );
  return (
    <WithRail id="screen-call" encounter={encounter} small={small}>
      <div class="call">
        <div class="call-picture">
          <DoctorPicture encounter={encounter} />
          <GuestPicture encounter={encounter} />
          <OwnPicture />
        </div>
        <div class="call-line">
          <QualityLine encounter={encounter} />
          <Guests encounter={encounter} />
        </div>
        <Controls encounter={encounter} />
      </div>
    </WithRail>
  );
}

function DoctorPicture({ encounter }: { encounter: Encounter }) {
  const { desk, media } = useKiosk();
  const outage = desk.quality.value?.kind === "outage";
  // An interrupted call says so over the whole picture.
  const running = encounter.stage === "in_call";
  return (
    <Picture id="doctor-picture" track={media.doctor.value} waits={say("call_doctor_waits")} icon="doctor"
      paused={running && !outage && doctorPaused(encounter) ? sayCall("doctor_paused") : null}
      frozen={running ? sayCall(outage ? "doctor_outage" : "doctor_frozen") : null}>
      <Interrupted encounter={encounter} />
    </Picture>
  );
}

function OwnPicture() {
  const { desk, media } = useKiosk();
  const { camera } = useGateway();
  return (
    <div class="own-small">
      <Picture id="own-picture" track={media.own.value} waits={camera?.present === true ? say("own_picture_waits") : say("status_camera")} icon="lens">
        {desk.muted.value && (
          <span class="own-muted">
            <Icon name="muted" size={20} /> {sayCall("muted_tag")}
          </span>
        )}
      </Picture>
    </div>
  );
}

function Interrupted({ encounter }: { encounter: Encounter }) {
  if (encounter.stage !== "interrupted") return null;
  const code = encounter.call_code;
  const words = code === null || code === "call.interrupted" ? null : codeWords(code);
  return (
    <div class={`interrupted ${words?.tone === "stop" ? "refused" : ""}`} data-testid="interrupted" data-code={code} role="alert">
      <Icon name={words?.tone === "stop" ? "stop" : "connecting"} size={64} />
      <b>{words?.what ?? say("call_interrupted")}</b>
      <span>{words?.todo ?? say("call_interrupted_kept")}</span>
      {words !== null && <span>{say("call_interrupted_kept")}</span>}
      {words !== null && words.code !== null && <small>{say("code_small", { code: words.code })}</small>}
    </div>
  );
}

function Controls({ encounter }: { encounter: Encounter }) {
  const { desk } = useKiosk();
  const asking = useSignal(false);
  const busy = useBusy("hang_up");
  return (
    <div class="controls">
      <div class="doctor-name">
        <Icon name="doctor" size={32} />
        <span>
          <b data-testid="doctor-name">{encounter.doctor}</b>
          <small>
            {[encounter.doctor_speciality, encounter.call_since === null ? "" : say("call_since", { time: duration(desk.now.value - Date.parse(encounter.call_since)) })]
              .filter((part) => part !== "")
              .join(" · ")}
          </small>
        </span>
      </div>
      <span class="grow" />
      <MuteButton />
      <Press id="hang-up" look="stop main" icon="hangup" size="wide" disabled={busy} press={() => { asking.value = true; }}>
        {say("hang_up")}
      </Press>
      {asking.value && (
        <Ask id="hang-up-ask" title={say("hang_up_title")} yes={say("hang_up_go")} look="stop main" icon="hangup"
          confirm={() => {
            asking.value = false;
            return desk.send({ type: "hang_up" });
          }}
          cancel={() => { asking.value = false; }}>
          <p>{say("hang_up_explain")}</p>
        </Ask>
      )}
    </div>
  );
}
