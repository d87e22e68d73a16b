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

/** A picture of the thinnest rung has one frame a second; three without any is no picture. */
const FROZEN_MS = 3000;
const LOOK_EVERY_MS = 500;

/** `live` once frames come. The picture is never mirrored: the nurse points at what the doctor sees.
 * `paused` covers it with words, `frozen` does once it stands still; `onlyLive` hides what does not move. */
export function Picture({ id, track, waits, icon, paused = null, frozen = null, onlyLive = false, children }: {
  id: string;
  track: MediaStreamTrack | null;
  waits: string;
  icon: IconName;
  paused?: string | null;
  frozen?: string | null;
  onlyLive?: boolean;
  children?: ComponentChildren;
}) {
  const place = useRef<HTMLVideoElement>(null);
  const live = useSignal(false);
  const still = useSignal(false);
  useEffect(() => {
    const video = place.current;
    live.value = still.value = false;
    if (video === null || track === null) return undefined;
    const scope = new Scope();
    video.srcObject = new MediaStream([track]);
    const look = (): void => {
      live.value = video.videoWidth > 0 && !track.muted;
    };
    for (const type of ["loadeddata", "resize", "playing"]) scope.listen(video, type, look);
    scope.listen(track, "mute", look);
    scope.listen(track, "unmute", look);
    let frames = -1;
    let since = performance.now();
    scope.every(LOOK_EVERY_MS, () => {
      const { totalVideoFrames } = video.getVideoPlaybackQuality();
      if (totalVideoFrames !== frames || document.hidden) since = performance.now();
      frames = totalVideoFrames;
      still.value = live.peek() && performance.now() - since > FROZEN_MS;
    });
    // A muted video is always allowed to play; what fails here is only that a newer track replaced this one.
    run(video.play(), ignore);
    return () => {
      scope.end();
      video.srcObject = null;
    };
  }, [track]);
  const words = paused ?? (still.value ? frozen : null) ?? (live.value ? null : waits);
  const hidden = onlyLive && (!live.value || still.value);
  return (
    <div class={`picture ${live.value ? "live" : ""} ${hidden ? "unseen" : ""}`} data-testid={id} data-live={live.value} data-still={still.value} data-paused={paused !== null}>
      <video ref={place} muted playsInline autoPlay data-testid={`${id}-video`} />
      {words !== null && words !== "" && (
        <div class={`picture-waits ${live.value ? "covering" : ""}`}>
          <Icon name={icon} size={56} />
          <span>{words}</span>
        </div>
      )}
      {children}
    </div>
  );
}

/** The doctor's voice, and the guests'. A browser that refuses to play asks for one touch. */
export function Sound() {
  const { media } = useKiosk();
  const blocked = media.soundBlocked.value;
  const touched = useSignal(0);
  useEffect(() => {
    if (!blocked) return undefined;
    const touch = (): void => {
      touched.value += 1;
    };
    // Any touch is the one that the browser waits for.
    addEventListener("pointerup", touch);
    return () => removeEventListener("pointerup", touch);
  }, [blocked]);
  return (
    <>
      <Voice id="doctor-sound" track={media.sound.value} touched={touched.value} />
      {media.guestSounds.map(({ line, track }, index) => (
        <Voice key={line} id={index === 0 ? "guest-sound" : `guest-sound-${index + 1}`} track={track.value} touched={touched.value} />
      ))}
      {blocked && (
        <div class="sound-blocked">
          <Press id="sound-on" look="main" size="big" icon="sound" press={ignore}>
            {say("sound_on")}
          </Press>
          <p>{say("sound_note")}</p>
        </div>
      )}
    </>
  );
}

/** `touched` counts the touches: each tries again. */
function Voice({ id, track, touched }: { id: string; track: MediaStreamTrack | null; touched: number }) {
  const { media } = useKiosk();
  const place = useRef<HTMLAudioElement>(null);
  const play = (): void => {
    const audio = place.current;
    if (audio === null || track === null) return;
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
  useEffect(() => {
    if (touched > 0) play();
  }, [touched]);
  return <audio ref={place} data-testid={id} />;
}
