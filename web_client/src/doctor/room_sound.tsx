// The bus's sound: played on the chosen loudspeaker, and a way in words where the browser waits for a click.
import { useEffect, useRef } from "preact/hooks";
import { sayCall } from "../i18n/doctor_call";
import { playOn } from "../rtc/devices";
import { run } from "../state/scope";
import { sound, soundBlocked, soundTries, speaker } from "./media";

export function RoomSound() {
  const element = useRef<HTMLAudioElement>(null);
  const track = sound.value;
  const tries = soundTries.value;
  const place = speaker.value;
  useEffect(() => {
    const audio = element.current;
    if (audio === null || track === null) return undefined;
    audio.srcObject = new MediaStream([track]);
    start(audio);
    return () => {
      audio.srcObject = null;
      soundBlocked.value = false;
    };
  }, [track]);
  useEffect(() => {
    // Any click will do: nobody hunts for a button to hear.
    if (element.current !== null && soundBlocked.peek()) start(element.current);
  }, [tries]);
  useEffect(() => {
    // One that was unplugged meanwhile: the machine's own choice plays on.
    if (element.current !== null) run(playOn(element.current, place), () => undefined);
  }, [place]);
  return (
    <>
      <audio ref={element} data-testid="remote-audio" />
      {soundBlocked.value && (
        <div class="sound-blocked" role="alert" data-testid="sound-blocked">
          <p>{sayCall("sound_blocked")}</p>
          <button
            type="button"
            class="button main big"
            data-testid="start-sound"
            onClick={() => element.current !== null && start(element.current)}
          >
            {sayCall("sound_start")}
          </button>
        </div>
      )}
    </>
  );
}

function start(audio: HTMLAudioElement): void {
  audio.play().then(
    () => {
      soundBlocked.value = false;
    },
    (error: unknown) => {
      // Another track came in between: its own `play` says how it went.
      if (error instanceof DOMException && error.name === "AbortError") return;
      soundBlocked.value = true;
    },
  );
}
