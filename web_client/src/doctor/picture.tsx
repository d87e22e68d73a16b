// A video element for one track.
import { useEffect, useRef, useState } from "preact/hooks";

interface PictureProps {
  readonly track: MediaStreamTrack | null;
  readonly label: string;
  readonly testid: string;
  readonly mirrored?: boolean;
  /** Called with each first frame of a track, and whenever frames stop or come again. */
  readonly flowing?: (flowing: boolean, first: boolean) => void;
}

/** A camera of 5 images a second on a thin link still shows one within this. */
const STALLED_MS = 2500;

export function Picture({ track, label, testid, mirrored = false, flowing }: PictureProps) {
  const element = useRef<HTMLVideoElement>(null);
  const [frames, setFrames] = useState(0);
  useEffect(() => {
    const video = element.current;
    if (video === null || track === null) return undefined;
    video.srcObject = new MediaStream([track]);
    // A page that was reloaded has no gesture yet; a muted video may play all the same.
    video.play().catch(() => undefined);
    let asked = 0;
    let first = true;
    let last = performance.now();
    let count = 0;
    let moving = false;
    const frame = () => {
      last = performance.now();
      count += 1;
      if (first || !moving) flowing?.(true, first);
      first = false;
      moving = true;
      asked = video.requestVideoFrameCallback(frame);
    };
    asked = video.requestVideoFrameCallback(frame);
    const watch = setInterval(() => {
      setFrames(count);
      if (moving && performance.now() - last > STALLED_MS) {
        moving = false;
        flowing?.(false, false);
      }
    }, 500);
    return () => {
      clearInterval(watch);
      video.cancelVideoFrameCallback(asked);
      video.srcObject = null;
    };
  }, [track]);
  return (
    <video
      ref={element}
      class={mirrored ? "picture mirrored" : "picture"}
      muted
      autoplay
      playsInline
      disablePictureInPicture
      aria-label={label}
      data-testid={testid}
      data-frames={frames}
    />
  );
}
