// A live picture from a track, and words as long as there is none.
import { useSignal } from "@preact/signals";
import type { ComponentChildren } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { say } from "../i18n/kiosk";
import { run, Scope } from "../state/scope";
import { useKiosk } from "./context";
import { Icon, type IconName } from "./icons";
import { Press } from "./parts";

const ignore = (): void => undefined;

/** `live` once frames come. The picture is never mirrored: the nurse points at what the doctor sees. */
export function Picture({ id, track, waits, icon, children }: {
  id: string;
  track: MediaStreamTrack | null;
  waits: string;
  icon: IconName;
  children?: ComponentChildren;
}) {
  const place = useRef<HTMLVideoElement>(null);
  const live = useSignal(false);
  useEffect(() => {
    const video = place.current;
    live.value = false;
    if (video === null || track === null) return undefined;
    const scope = new Scope();
    video.srcObject = new MediaStream([track]);
    const look = (): void => {
      live.value = video.videoWidth > 0 && !track.muted;
    };
    for (const type of ["loadeddata", "resize", "playing"]) scope.listen(video, type, look);
    scope.listen(track, "mute", look);
    scope.listen(track, "unmute", look);
    // A muted video is always allowed to play; what fails here is only that a newer track replaced this one.
    run(video.play(), ignore);
    return () => {
      scope.end();
      video.srcObject = null;
    };
  }, [track]);
  return (
    <div class={`picture ${live.value ? "live" : ""}`} data-testid={id} data-live={live.value}>
      <video ref={place} muted playsInline autoPlay data-testid={`${id}-video`} />
      {!live.value && (
        <div class="picture-waits">
          <Icon name={icon} size={56} />
          <span>{waits}</span>
        </div>
      )}
      {children}
    </div>
  );
}

/** The doctor's voice. A browser that refuses to play asks for one touch. */
export function Sound() {
  const { media } = useKiosk();
  const place = useRef<HTMLAudioElement>(null);
  const track = media.sound.value;
  const play = (): void => {
    const audio = place.current;
    if (audio === null) return;
    run(
      audio.play().then(() => {
        media.soundBlocked.value = false;
      }),
      (reason) => {
        if (reason instanceof Error && reason.name === "NotAllowedError") media.soundBlocked.value = true;
      },
    );
  };
  useEffect(() => {
    const audio = place.current;
    if (audio === null || track === null) return undefined;
    audio.srcObject = new MediaStream([track]);
    play();
    return () => {
      audio.srcObject = null;
      media.soundBlocked.value = false;
    };
  }, [track]);
  const blocked = media.soundBlocked.value;
  useEffect(() => {
    if (!blocked) return undefined;
    // Any touch is the one that the browser waits for.
    addEventListener("pointerup", play);
    return () => removeEventListener("pointerup", play);
  }, [blocked]);
  return (
    <>
      <audio ref={place} data-testid="doctor-sound" />
      {blocked && (
        <div class="sound-blocked">
          <Press id="sound-on" look="main" size="big" icon="sound" press={play}>
            {say("sound_on")}
          </Press>
          <p>{say("sound_note")}</p>
        </div>
      )}
    </>
  );
}
