// With the doctor: the doctor large, the own picture small, a microphone button and a way to end.
import { useSignal } from "@preact/signals";
import { duration } from "../i18n/format";
import { say } from "../i18n/kiosk";
import { codeWords } from "../i18n/kiosk_codes";
import type { Encounter } from "../protocol/types";
import { problemsOf } from "./bar";
import { useGateway, useKiosk } from "./context";
import { WithRail } from "./encounter";
import { Icon } from "./icons";
import { Ask, CodeText, Press, useBusy } from "./parts";
import { Picture } from "./picture";

export function Call({ encounter }: { encounter: Encounter }) {
  const { media } = useKiosk();
  const doctor = (
    <Picture id="doctor-picture" track={media.doctor.value} waits={say("call_doctor_waits")} icon="doctor">
      <Interrupted encounter={encounter} />
    </Picture>
  );
  return (
    <WithRail id="screen-call" encounter={encounter} small={<div class="doctor-small">{doctor}</div>}>
      <div class="call">
        <div class="call-picture">
          {doctor}
          <OwnPicture />
          <Muted />
        </div>
        <Controls encounter={encounter} />
      </div>
    </WithRail>
  );
}

function OwnPicture() {
  const { media } = useKiosk();
  const { camera } = useGateway();
  return (
    <div class="own-small">
      <Picture id="own-picture" track={media.own.value} waits={camera?.present === true ? say("own_picture_waits") : say("status_camera")} icon="lens" />
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

function Muted() {
  const { desk, media } = useKiosk();
  const state = useGateway();
  const problem = media.microphoneProblem.value;
  // Said here only when the strip above says something else first.
  if (problem !== null && problemsOf(state, media)[0]?.code !== problem) {
    return (
      <div class="over-picture say look" data-testid="microphone-problem">
        <Icon name="muted" size={26} />
        <CodeText code={problem} />
      </div>
    );
  }
  return desk.muted.value ? (
    <div class="over-picture say look" data-testid="muted-words">
      <Icon name="muted" size={26} />
      {say("muted")}
    </div>
  ) : null;
}

function Controls({ encounter }: { encounter: Encounter }) {
  const { desk } = useKiosk();
  const asking = useSignal(false);
  const busy = useBusy("hang_up");
  const muted = desk.muted.value;
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
      <Press id="mute" icon={muted ? "muted" : "microphone"} pressed={muted} size="wide" press={() => { desk.muted.value = !muted; }}>
        {muted ? say("unmute") : say("mute")}
      </Press>
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
