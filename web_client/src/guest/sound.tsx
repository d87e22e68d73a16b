// A host's voice. A browser that wants a touch first is given a button for it.
import { useEffect, useRef } from "preact/hooks";
import { soundBlocked, soundTries } from "./media";

export function Sound({ track, testid }: { track: MediaStreamTrack | null; testid: string }) {
  const element = useRef<HTMLAudioElement>(null);
  const tries = soundTries.value;
  useEffect(() => {
    const audio = element.current;
    if (audio === null || track === null) return undefined;
    audio.srcObject = new MediaStream([track]);
    return () => {
      audio.srcObject = null;
    };
  }, [track]);
  useEffect(() => {
    if (track === null) return;
    element.current?.play().then(
      () => {
        soundBlocked.value = false;
      },
      (error: unknown) => {
        // Anything else is a track that was replaced meanwhile.
        if (error instanceof DOMException && error.name === "NotAllowedError") soundBlocked.value = true;
      },
    );
  }, [track, tries]);
  return <audio ref={element} data-testid={testid} />;
}
