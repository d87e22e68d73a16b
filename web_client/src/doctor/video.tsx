// The room's picture and sound, the doctor's own picture in the corner, and every state in words.
import { useEffect, useRef, useState } from "preact/hooks";
import { say } from "../i18n/doctor";
import { codeWords } from "../i18n/doctor_codes";
import { sayExam } from "../i18n/doctor_examination";
import type { Consultation } from "../state/doctor_desk";
import { shownCamera } from "../state/examination";
import { mute, muted, own, prepare, room, sound, statistics } from "./media";
import { Picture } from "./picture";
import { mark } from "./probe";
import { SelfView } from "./self_view";

const STATISTICS_MS = 2000;

interface Words {
  readonly state: string;
  readonly title: string;
  readonly more: string;
  readonly tone: "look" | "stop" | "calm";
}

export function CallVideo({ it }: { it: Consultation }) {
  const [flowing, setFlowing] = useState(false);
  const words = overlay(it, flowing);
  const media = it.record.situation.value?.media ?? null;
  const { call } = it;
  return (
    <section class="video" data-testid="video" data-state={words?.state ?? "live"}>
      <Picture
        track={room.value}
        label={call.vehicle.name}
        testid="remote-video"
        flowing={(now, first) => {
          setFlowing(now);
          if (first) mark(`first_frame.${call.generation}`);
        }}
      />
      <RoomSound />
      {words !== null && (
        <div class={`overlay ${words.tone}`} role="status" data-testid="video-words" data-state={words.state}>
          <p class="overlay-title">{words.title}</p>
          <p>{words.more}</p>
        </div>
      )}
      <div class="video-top">
        <ExaminationCamera it={it} />
        {media !== null && !media.microphone && call.phase.value === "connected" && (
          <p class="say look" data-testid="microphone-missing">
            {say("microphone_missing")}
          </p>
        )}
        <OwnFault live={call.live.value} />
      </div>
      <div class="video-corner">
        {call.live.value && <Quality />}
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
      </div>
      {call.live.value && own.value?.camera != null && (
        <div class="self">
          <SelfView track={own.value.camera} />
          {muted.value && <span class="tag look self-muted">{say("microphone_is_off")}</span>}
        </div>
      )}
    </section>
  );
}

/** Whose picture this is when it is not the room's, and the way back. */
function ExaminationCamera({ it }: { it: Consultation }) {
  const camera = shownCamera(it.record.situation.value);
  const code = it.record.situation.value?.media.camera_code ?? null;
  if (camera === null || !it.call.live.value) return null;
  return (
    <div class="video-camera" data-testid="camera-shown" data-instrument={camera.instrument_id}>
      <span class="tag video-tag">
        {sayExam("camera_live", { number: camera.number, name: camera.name })}
        {code !== null && ` · △ ${codeWords(code)}`}
      </span>
      <button type="button" class="button small" data-testid="camera-room" onClick={() => it.call.show(null)}>
        {sayExam("room")}
      </button>
    </div>
  );
}

/** Without a microphone the patient hears nothing: said, with a way to mend it. */
function OwnFault({ live }: { live: boolean }) {
  const media = own.value;
  if (!live || media === null || media.microphoneFault === null) return null;
  return (
    <div class="video-own say look" role="alert" data-testid="own-fault">
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

function overlay(it: Consultation, flowing: boolean): Words | null {
  const { call } = it;
  const phase = call.phase.value;
  const refusal = call.refusal.value;
  const media = it.record.situation.value?.media ?? null;
  if (phase === "ended") return { state: "ended", title: say("call_ended_title"), more: "", tone: "calm" };
  if (phase === "refused" && refusal !== null) {
    return { state: "refused", title: say("call_refused"), more: `${codeWords(refusal)} ${say("call_refused_more")}`, tone: "stop" };
  }
  if (phase !== "connected" && call.away.value) {
    return { state: "away", title: say("call_away"), more: say("call_away_more"), tone: "look" };
  }
  if (phase === "opening") {
    return { state: "opening", title: say("call_opening"), more: say("call_opening_more"), tone: "calm" };
  }
  if (phase === "interrupted") {
    return { state: "interrupted", title: say("call_interrupted"), more: say("call_interrupted_more"), tone: "look" };
  }
  if (media !== null && !media.camera) {
    return { state: "camera", title: say("camera_missing"), more: say("camera_missing_more"), tone: "look" };
  }
  if (!flowing) {
    return { state: "no_picture", title: say("call_no_picture"), more: say("call_no_picture_more"), tone: "calm" };
  }
  return null;
}

function RoomSound() {
  const element = useRef<HTMLAudioElement>(null);
  const [blocked, setBlocked] = useState(false);
  const track = sound.value;
  useEffect(() => {
    const audio = element.current;
    if (audio === null || track === null) return undefined;
    audio.srcObject = new MediaStream([track]);
    audio.play().then(
      () => setBlocked(false),
      () => setBlocked(true),
    );
    return () => {
      audio.srcObject = null;
    };
  }, [track]);
  const start = () => {
    element.current?.play().then(
      () => setBlocked(false),
      () => setBlocked(true),
    );
  };
  return (
    <>
      <audio ref={element} data-testid="remote-audio" />
      {blocked && (
        <button type="button" class="button main start-sound" data-testid="start-sound" onClick={start}>
          {say("start_sound")}
        </button>
      )}
    </>
  );
}

/** The measured round trip of the path in use; nothing is shown where nothing was measured. */
function Quality() {
  const [roundTrip, setRoundTrip] = useState<number | null>(null);
  const report = statistics.value;
  useEffect(() => {
    setRoundTrip(null);
    if (report === null) return undefined;
    let over = false;
    const look = () => {
      report().then(
        (all) => {
          if (!over) setRoundTrip(currentRoundTrip(all));
        },
        () => undefined,
      );
    };
    const timer = setInterval(look, STATISTICS_MS);
    return () => {
      over = true;
      clearInterval(timer);
    };
  }, [report]);
  if (roundTrip === null) return null;
  const ms = Math.max(1, Math.round(roundTrip * 1000));
  return (
    <span class="tag video-tag figures" data-testid="round-trip">
      {say("link_quality", { ms })}
    </span>
  );
}

function currentRoundTrip(report: RTCStatsReport): number | null {
  let found: number | null = null;
  report.forEach((each: { type: string; nominated?: boolean; currentRoundTripTime?: number }) => {
    if (each.type === "candidate-pair" && each.nominated === true) found = each.currentRoundTripTime ?? found;
  });
  return found;
}
