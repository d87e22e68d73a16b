// In the call: the bus large, the doctor and oneself small, and every state in words.
import { useState } from "preact/hooks";
import { say } from "../i18n/guest";
import { guestWords } from "../i18n/guest_codes";
import { Picture } from "../doctor/picture";
import type { PairPhase } from "../state/guest_pair";
import type { GuestQuality } from "../state/guest_quality";
import type { LinkState } from "../state/signalling";
import { run } from "../state/scope";
import { usePage } from "./context";
import {
  camera, cameraState, closeCamera, doctor, microphoneFault, mute, muted, openCamera, openMicrophone, soundBlocked,
  soundTries, vehicle,
} from "./media";
import { useQuality } from "./quality";
import { Sound } from "./sound";

interface Words {
  readonly state: string;
  readonly title: string;
  readonly more: string;
  readonly tone: "calm" | "look" | "stop";
  /** The last picture stays to be seen, dimmed; else the words cover it. */
  readonly still?: boolean;
}

export function Call() {
  const { visit } = usePage();
  const company = visit.company.value;
  const pairs = visit.pairs.value;
  if (company === null || pairs === null) return null;
  return (
    <main class="call" data-testid="call" data-vehicle={pairs.vehicle.phase.value} data-doctor={pairs.doctor.phase.value}>
      <Stage />
      <div class="tiles">
        <DoctorTile />
        <OwnTile />
      </div>
      <Faults />
      <Controls />
      <Sound track={vehicle.value.voice} testid="bus-sound" />
      <Sound track={doctor.value.voice} testid="doctor-sound" />
    </main>
  );
}

function Stage() {
  const { visit } = usePage();
  const [flowing, setFlowing] = useState(false);
  const [seen, setSeen] = useState(false);
  const quality = useQuality();
  const pair = visit.pairs.value?.vehicle;
  if (pair === undefined) return null;
  const phase = pair.phase.value;
  const connected = phase === "connected" && quality !== "nothing";
  const words = stageWords(phase, connected, pair.refusal.value, visit.link.value, flowing, seen);
  return (
    <section class="stage" data-testid="stage" data-state={words?.state ?? "live"}>
      <Picture
        track={vehicle.value.picture}
        label={say("bus", { vehicle: visit.company.value?.vehicle.name ?? "" })}
        testid="bus-video"
        keep
        flowing={(now) => {
          setFlowing(now);
          if (now) setSeen(true);
        }}
      />
      {words !== null && (
        <div
          class={`overlay ${words.tone} ${words.still === true ? "still" : ""}`}
          role="status"
          data-testid="stage-words"
          data-state={words.state}
        >
          <p class="overlay-title">{words.title}</p>
          <p>{words.more}</p>
        </div>
      )}
      <div class="stage-top">
        <span class="tag video-tag">{say("bus", { vehicle: visit.company.value?.vehicle.name ?? "" })}</span>
        {words === null && quality !== null && <Quality quality={quality} />}
      </div>
      {soundBlocked.value && (
        <button
          type="button"
          class="button main start-sound"
          data-testid="start-sound"
          onClick={() => {
            soundTries.value += 1;
          }}
        >
          {say("start_sound")}
        </button>
      )}
    </section>
  );
}

/** What stands over the picture; null: it is live. */
function stageWords(
  phase: PairPhase,
  connected: boolean,
  refusal: string | null,
  link: LinkState,
  flowing: boolean,
  seen: boolean,
): Words | null {
  if (phase === "refused") {
    return { state: "refused", title: say("refused"), more: guestWords(refusal ?? ""), tone: "stop" };
  }
  if (!connected && link === "offline") {
    return { state: "network", title: say("network_gone"), more: say("network_gone_more"), tone: "look" };
  }
  if (phase === "interrupted" || (phase === "connected" && !connected)) {
    return { state: "interrupted", title: say("interrupted"), more: say("interrupted_more"), tone: "look" };
  }
  if (!connected) {
    return { state: "opening", title: say("opening"), more: say("opening_more"), tone: "calm" };
  }
  if (!flowing && seen) {
    return { state: "paused", title: say("paused"), more: say("paused_more"), tone: "look", still: true };
  }
  if (!flowing) {
    return { state: "no_picture", title: say("no_picture_yet"), more: say("no_picture_yet_more"), tone: "calm" };
  }
  return null;
}

function Quality({ quality }: { quality: GuestQuality }) {
  const words = {
    good: say("quality_good"),
    picture_reduced: say("quality_picture_reduced"),
    picture_paused: say("quality_picture_paused"),
    voice_poor: say("quality_voice_poor"),
    nothing: say("quality_nothing"),
  }[quality];
  return (
    <span class={`tag ${quality === "good" ? "done" : "look"}`} role="status" data-testid="quality" data-state={quality}>
      <span aria-hidden="true">{quality === "good" ? "●" : "△"}</span> {words}
    </span>
  );
}

function DoctorTile() {
  const { visit } = usePage();
  const pair = visit.pairs.value?.doctor;
  const card = visit.company.value?.doctor;
  if (pair === undefined || card === undefined) return null;
  const phase = pair.phase.value;
  const words = phase === "refused"
    ? say("doctor_refused")
    : phase === "interrupted"
      ? say("doctor_interrupted")
      : phase !== "connected"
        ? say("doctor_coming")
        : doctor.value.picture === null
          ? say("no_picture")
          : null;
  return (
    <figure class="tile" data-testid="doctor-tile" data-phase={phase}>
      <Picture track={doctor.value.picture} label={say("doctor_picture")} testid="doctor-video" />
      {words !== null && <p class="tile-words">{words}</p>}
      <figcaption>{[card.title, card.name].filter(Boolean).join(" ")}</figcaption>
    </figure>
  );
}

function OwnTile() {
  return (
    <figure class="tile" data-testid="own-tile">
      {camera.value !== null && (
        <Picture track={camera.value} label={say("own_picture")} mirrored testid="own-video" />
      )}
      {camera.value === null && <p class="tile-words">{say("no_picture")}</p>}
      <figcaption>{say("you")}</figcaption>
    </figure>
  );
}

/** What keeps this person from being heard or seen. */
function Faults() {
  const fault = microphoneFault.value;
  return (
    <div class="faults">
      {fault !== null && (
        <div class="say look fault" role="alert" data-testid="own-fault" data-code={fault}>
          <p>{guestWords(fault)}</p>
          <button type="button" class="button" onClick={() => run(openMicrophone(), () => undefined)}>
            {say("try_again")}
          </button>
        </div>
      )}
      {fault === null && muted.value && (
        <p class="say look" role="status" data-testid="muted">
          {say("muted")}
        </p>
      )}
      {cameraState.value === "failed" && (
        <p class="say look" role="status">
          {say("camera_fault")}
        </p>
      )}
    </div>
  );
}

function Controls() {
  const { visit } = usePage();
  const [asking, setAsking] = useState(false);
  const shows = cameraState.value === "on" || cameraState.value === "opening";
  if (asking) {
    return (
      <div class="controls asking" role="alertdialog" aria-label={say("leave_ask")}>
        <p>{say("leave_ask")}</p>
        <button type="button" class="button" data-testid="leave-no" onClick={() => setAsking(false)}>
          {say("leave_no")}
        </button>
        <button type="button" class="button stop" data-testid="leave-yes" onClick={() => visit.leave()}>
          {say("leave_yes")}
        </button>
      </div>
    );
  }
  return (
    <div class="controls">
      <button
        type="button"
        class={muted.value ? "button main" : "button"}
        data-testid="mute"
        aria-pressed={muted.value}
        onClick={() => mute(!muted.value)}
      >
        {say(muted.value ? "unmute" : "mute")}
      </button>
      <button
        type="button"
        class="button"
        data-testid="camera"
        aria-pressed={shows}
        onClick={() => (shows ? closeCamera() : run(openCamera(), () => closeCamera("failed")))}
      >
        {say(shows ? "camera_hide" : "camera_show")}
      </button>
      <button type="button" class="button stop" data-testid="leave" onClick={() => setAsking(true)}>
        {say("leave")}
      </button>
    </div>
  );
}
