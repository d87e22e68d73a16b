// Ready: a check that runs by itself while the patient sits down. Nothing here stops a consultation.
import { useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { say } from "../i18n/kiosk";
import type { Encounter } from "../protocol/types";
import { hearing } from "../state/kiosk_view";
import { linkWords } from "./bar";
import { CloseQuestion } from "./closing";
import { useGateway, useKiosk } from "./context";
import { WithRail } from "./encounter";
import { Icon, type IconName } from "./icons";
import { CodeText, Press, Simulated, useBusy } from "./parts";
import { Picture } from "./picture";

/** A voice fills the meter at -20 dBFS; the scale is logarithmic from -60 dBFS. */
function meterShare(level: number): number {
  const decibels = 20 * Math.log10(Math.max(level, 1e-6));
  return Math.min(1, Math.max(0, (decibels + 60) / 40));
}

function Check({ id, icon, name, tone, children }: {
  id: string;
  icon: IconName;
  name: string;
  tone: "done" | "look" | "plain";
  children: preact.ComponentChildren;
}) {
  return (
    <li class={`check ${tone}`} data-testid={id} data-tone={tone}>
      <Icon name={icon} size={30} />
      <b>{name}</b>
      <div>{children}</div>
      <Icon name={tone === "done" ? "check" : tone === "plain" ? "clock" : "warning"} size={30} />
    </li>
  );
}

function SoundCheck() {
  const { media, desk } = useKiosk();
  const bar = useRef<HTMLSpanElement>(null);
  const loudest = useSignal(0);
  const since = useSignal(desk.now.peek());
  const { microphone } = useGateway();
  const problem = media.microphoneProblem.value;
  useEffect(() => {
    let frame = 0;
    const next = (): void => {
      const level = media.level();
      if (level > loudest.peek() * 1.1) loudest.value = level;
      bar.current?.style.setProperty("transform", `scaleX(${meterShare(level)})`);
      frame = requestAnimationFrame(next);
    };
    next();
    return () => cancelAnimationFrame(frame);
  }, []);
  const heard = hearing(loudest.value, desk.now.value - since.value);
  // What this page hears the gateway must get too.
  const lost = problem === null && heard === "heard" && !microphone;
  const tone = problem !== null || heard === "quiet" || lost ? "look" : heard === "heard" ? "done" : "plain";
  return (
    <Check id="check-microphone" icon="microphone" name={say("ready_sound")} tone={tone}>
      {lost && say("microphone_missing")}
      {!lost && problem === null && say(`ready_${({ heard: "heard", quiet: "quiet", listening: "say" } as const)[heard]}`)}
      {problem !== null && <CodeText code={problem} />}
      <span class="meter" aria-hidden="true">
        <span ref={bar} />
      </span>
    </Check>
  );
}

export function Ready({ encounter }: { encounter: Encounter }) {
  const { desk, media } = useKiosk();
  const { camera, link } = useGateway();
  const busy = useBusy("enter_waiting");
  const closing = useSignal(false);
  const problem = camera?.code ?? null;
  const seen = camera?.present === true && problem === null;
  return (
    <WithRail id="screen-ready" encounter={encounter}>
      <div class="ready">
        <div class="stage-title">
          <h1>{say("ready_title")}</h1>
          <p class="soft">{say("ready_note")}</p>
        </div>
        <div class="ready-body">
          <Picture id="own-picture" track={media.own.value} waits={seen ? say("own_picture_waits") : say("camera_absent")} icon="lens" />
          <ul class="checks">
            <Check id="check-camera" icon="lens" name={say("ready_picture")} tone={seen ? "done" : "look"}>
              {seen ? say("ready_picture_ok") : problem === null ? say("camera_absent") : <CodeText code={problem} />}{" "}
              <Simulated on={camera?.simulated === true} />
            </Check>
            <SoundCheck />
            <Check id="check-link" icon={link.relay} name={say("ready_link")} tone={link.relay === "online" ? "done" : "look"}>
              {link.operator !== "" && `${link.operator} · `}
              {linkWords(link)}
              {link.relay !== "online" && <small> {say("ready_go_offline")}</small>}
            </Check>
          </ul>
        </div>
        <div class="stage-foot">
          <Press id="close-early" look="quiet" press={() => { closing.value = true; }}>
            {say("close_no_doctor")}
          </Press>
          <span class="grow" />
          <Press id="enter-waiting" look="main" size="big" icon="arrow" disabled={busy} press={() => desk.send({ type: "enter_waiting" })}>
            {say("ready_go")}
          </Press>
        </div>
      </div>
      {closing.value && <CloseQuestion encounter={encounter} cancel={() => { closing.value = false; }} />}
    </WithRail>
  );
}
