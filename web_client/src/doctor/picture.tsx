// A video element for one track. With `keep` the last picture stays, dimmed, when nothing comes, over a reconnect too.
import { useEffect, useRef, useState } from "preact/hooks";

interface PictureProps {
  readonly track: MediaStreamTrack | null;
  readonly label: string;
  readonly testid: string;
  readonly mirrored?: boolean;
  readonly keep?: boolean;
  /** Milliseconds without a frame after which the picture is not live. */
  readonly patience?: number;
  /** Called with each first frame of a track, and whenever frames stop or come again. */
  readonly flowing?: (flowing: boolean, first: boolean) => void;
}

/** A camera of 5 images a second on a thin link still shows one within this. */
export const STALLED_MS = 2500;

export function Picture({ track, label, testid, mirrored = false, keep = false, patience, flowing }: PictureProps) {
  const element = useRef<HTMLVideoElement>(null);
  const still = useRef<HTMLCanvasElement>(null);
  const limit = useRef(STALLED_MS);
  limit.current = patience ?? STALLED_MS;
  const [frames, setFrames] = useState(0);
  const [held, setHeld] = useState(false);
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
      if (first || !moving) {
        setHeld(false);
        flowing?.(true, first);
      }
      first = false;
      moving = true;
      asked = video.requestVideoFrameCallback(frame);
    };
    asked = video.requestVideoFrameCallback(frame);
    const watch = setInterval(() => {
      setFrames(count);
      // A hidden tab draws nothing: that says nothing of the line.
      if (document.visibilityState === "hidden") last = performance.now();
      if (moving && performance.now() - last > limit.current) {
        moving = false;
        flowing?.(false, false);
      }
    }, 250);
    return () => {
      clearInterval(watch);
      video.cancelVideoFrameCallback(asked);
      if (keep && draw(video, still.current)) setHeld(true);
      video.srcObject = null;
      if (moving) flowing?.(false, false);
    };
  }, [track]);
  return (
    <>
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
      {keep && <canvas ref={still} class="picture" hidden={!held} aria-hidden="true" data-testid={`${testid}-still`} />}
    </>
  );
}

/** Keeps what stands in the video element; false: there was nothing. */
function draw(video: HTMLVideoElement, canvas: HTMLCanvasElement | null): boolean {
  const { videoWidth: width, videoHeight: height } = video;
  const pen = canvas?.getContext("2d", { alpha: false }) ?? null;
  if (width === 0 || pen === null) return false;
  [pen.canvas.width, pen.canvas.height] = [width, height];
  pen.drawImage(video, 0, 0);
  return true;
}
