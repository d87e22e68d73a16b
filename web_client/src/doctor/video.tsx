// The room's picture and sound, the doctor's own picture in the corner, and every state in words.
import { useState } from "preact/hooks";
import { say } from "../i18n/doctor";
import { lasting, sayCall } from "../i18n/doctor_call";
import { codeWords } from "../i18n/doctor_codes";
import { sayExam } from "../i18n/doctor_examination";
import type { Consultation } from "../state/doctor_desk";
import { shownCamera } from "../state/examination";
import { microphoneWord } from "../state/line_words";
import { pictureState, type PictureState } from "../state/picture_words";
import { usePage, type Page } from "./context";
import { DeviceMenu, DeviceNotice } from "./device_menu";
import { Line } from "./line";
import { devices, mute, muted, own, prepare, room } from "./media";
import { Picture, STALLED_MS } from "./picture";
import { mark } from "./probe";
import { RoomSound } from "./room_sound";
import { SelfView } from "./self_view";

/** The vehicle says that it pauses: the next frame is not waited for. */
const PAUSED_MS = 600;

interface Words {
  readonly title: string;
  readonly more: string;
  readonly tone: "look" | "stop" | "calm";
  /** The last picture stays to be seen, dimmed; else the words cover it. */
  readonly still?: boolean;
}

export function CallVideo({ it }: { it: Consultation }) {
  const page = usePage();
  const [flowing, setFlowing] = useState(false);
  const [stopped, setStopped] = useState<number | null>(null);
  const [seen, setSeen] = useState(false);
  const { call } = it;
  const state = stateOf(it, page, flowing, seen);
  const words = wordsOf(state, it, page, stopped);
  const patience = call.report.pausedSince.value === null ? STALLED_MS : PAUSED_MS;
  return (
    <section class="video" data-testid="video" data-state={state}>
      <Picture
        track={room.value}
        label={call.vehicle.name}
        testid="remote-video"
        keep
        patience={patience}
        flowing={(now, first) => {
          setFlowing(now);
          // It is told once the patience is over.
          setStopped(now ? null : Date.now() - patience);
          if (now) setSeen(true);
          if (first) mark(`first_frame.${call.generation}`);
        }}
      />
      <RoomSound />
      {words !== null && (
        <div
          class={`overlay ${words.tone} ${words.still === true ? "still" : ""}`}
          role="status"
          data-testid="video-words"
          data-state={state}
        >
          <p class="overlay-title">{words.title}</p>
          <p>{words.more}</p>
        </div>
      )}
      <div class="video-top">
        <ExaminationCamera it={it} />
        <Microphones it={it} />
        {call.live.value && <DeviceNotice />}
        <OwnFault live={call.live.value} />
      </div>
      <div class="video-corner">
        {call.live.value && <Line it={it} standing={state !== "live"} />}
        {call.live.value && own.value?.microphone != null && (
          <button
            type="button"
            class="button small"
            data-testid="mute"
            aria-pressed={muted.value}
            onClick={() => mute(!muted.value)}
          >
            {say(muted.value ? "microphone_on" : "microphone_off")}
          </button>
        )}
        {call.live.value && <DeviceMenu />}
      </div>
      {call.live.value && own.value?.camera != null && (
        <div class={call.report.ownPicture.value === "sent" ? "self" : "self resting"}>
          <SelfView track={own.value.camera} />
          {muted.value && <span class="tag look self-muted">{say("microphone_is_off")}</span>}
        </div>
      )}
    </section>
  );
}

/** Whose picture this is when it is not the room's, the room beside it or not, and the way back. */
function ExaminationCamera({ it }: { it: Consultation }) {
  const media = it.record.situation.value?.media ?? null;
  const camera = shownCamera(it.record.situation.value);
  const code = media?.camera_code ?? null;
  if (camera === null || media === null || !it.call.live.value) return null;
  return (
    <div class="video-camera" data-testid="camera-shown" data-instrument={camera.instrument_id}>
      <span class="tag video-tag">
        {sayExam("camera_live", { number: camera.number, name: camera.name })}
        {code !== null && ` · △ ${codeWords(code)}`}
      </span>
      <button
        type="button"
        class="button small"
        title={sayCall("beside_title")}
        aria-pressed={media.beside}
        data-testid="camera-beside"
        onClick={() => it.call.show(camera.instrument_id, !media.beside)}
      >
        {sayCall(media.beside ? "beside_off" : "beside_on")}
      </button>
      <button type="button" class="button small" data-testid="camera-room" onClick={() => it.call.show(null)}>
        {sayExam("room")}
      </button>
    </div>
  );
}

/** Who is not heard, on either side, and what is held back for the voice's sake. */
function Microphones({ it }: { it: Consultation }) {
  const { call } = it;
  if (call.phase.value !== "connected") return null;
  const media = it.record.situation.value?.media ?? null;
  const word = microphoneWord(media);
  return (
    <>
      {word !== null && (
        <p class="say look" role="status" data-testid="microphone-missing" data-code={media?.microphone_code ?? ""}>
          {sayCall(word)}
        </p>
      )}
      {devices.hushed.value && own.value?.microphone != null && (
        <p class="say look" role="alert" data-testid="own-hushed">
          {sayCall("hushed")}
        </p>
      )}
      {call.report.ownPicture.value === "thin" && own.value?.camera != null && (
        <p class="say look" role="status" data-testid="own-paused">
          {sayCall("own_paused")}
        </p>
      )}
    </>
  );
}

/** Without a microphone the patient hears nothing: said, with a way to mend it. */
function OwnFault({ live }: { live: boolean }) {
  const media = own.value;
  if (!live || media === null || media.microphoneFault === null) return null;
  return (
    <div class="video-own say look" role="alert" data-testid="own-fault" data-code={media.microphoneFault}>
      <p>
        {say("device_microphone")}
        {say("colon")}
        {codeWords(media.microphoneFault)}
      </p>
      <button type="button" class="button small" onClick={prepare}>
        {say("try_again")}
      </button>
    </div>
  );
}

function stateOf(it: Consultation, { desk, vigil }: Page, flowing: boolean, seen: boolean): PictureState {
  const { call } = it;
  const relay = desk.signalling.value?.state.value ?? "connecting";
  return pictureState({
    phase: call.phase.value,
    away: call.away.value,
    ownNetwork: vigil.offlineSince.value !== null || relay === "offline" || relay === "connecting",
    camera: it.record.situation.value?.media.camera ?? null,
    paused: call.report.pausedSince.value !== null,
    flowing,
    seen,
  });
}

function wordsOf(state: PictureState, it: Consultation, { now }: Page, stopped: number | null): Words | null {
  const { call } = it;
  const time = (since: number | null) => lasting(since === null ? 0 : now.value - since);
  const { silentSince, pausedSince } = call.report;
  switch (state) {
    case "live":
      return null;
    case "ended":
      return { title: say("call_ended_title"), more: "", tone: "calm" };
    case "refused":
      return {
        title: say("call_refused"),
        more: `${codeWords(call.refusal.value ?? "")} ${say("call_refused_more")}`,
        tone: "stop",
      };
    case "opening":
      return { title: say("call_opening"), more: say("call_opening_more"), tone: "calm" };
    case "own_network":
      return {
        title: sayCall("own_network", { time: time(silentSince.value) }), more: sayCall("own_network_more"), tone: "look",
      };
    case "away":
    case "interrupted":
      return { title: sayCall("outage", { time: time(silentSince.value) }), more: sayCall("outage_more"), tone: "look" };
    case "camera":
      return { title: say("camera_missing"), more: say("camera_missing_more"), tone: "look" };
    case "paused":
      return {
        title: sayCall("paused", { time: time(pausedSince.value) }), more: sayCall("paused_more"), tone: "look", still: true,
      };
    case "stalled":
      return { title: sayCall("stalled", { time: time(stopped) }), more: sayCall("stalled_more"), tone: "look", still: true };
    case "no_picture":
      return { title: say("call_no_picture"), more: say("call_no_picture_more"), tone: "calm" };
  }
}
