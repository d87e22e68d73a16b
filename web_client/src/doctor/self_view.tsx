// The doctor's own picture in the corner, as a canvas: with two video elements on a page Chromium draws all of it at the
// rate of the videos, and an electrocardiogram that sweeps would jerk.
import { useEffect, useRef } from "preact/hooks";
import { say } from "../i18n/doctor";

/** Enough to see how one looks. */
const FRAME_MS = 80;
/** Twice the corner's width: sharp on every screen. */
const WIDTH = 360;

export function SelfView({ track }: { track: MediaStreamTrack }) {
  const canvas = useRef<HTMLCanvasElement>(null);
  useEffect(() => {
    const context = canvas.current?.getContext("2d", { alpha: false }) ?? null;
    if (context === null) return undefined;
    const video = document.createElement("video");
    video.muted = true;
    video.playsInline = true;
    video.srcObject = new MediaStream([track]);
    // A page that was reloaded has no gesture yet; a muted video may play all the same.
    video.play().catch(() => undefined);
    const timer = setInterval(() => {
      if (video.videoWidth === 0) return;
      const height = Math.round((WIDTH * video.videoHeight) / video.videoWidth);
      const { canvas: place } = context;
      if (place.width !== WIDTH || place.height !== height) [place.width, place.height] = [WIDTH, height];
      context.drawImage(video, 0, 0, WIDTH, height);
    }, FRAME_MS);
    return () => {
      clearInterval(timer);
      video.pause();
      video.srcObject = null;
    };
  }, [track]);
  return <canvas ref={canvas} class="picture mirrored" role="img" aria-label={say("own_picture")} data-testid="self-view" />;
}
