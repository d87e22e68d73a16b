// Asks the browser once a second how the bus is heard and seen.
import { useEffect, useState } from "preact/hooks";
import { QualityWatch, type Counted, type GuestQuality } from "../state/guest_quality";
import { statistics } from "./media";

const LOOK_MS = 1000;

interface Inbound {
  readonly type: string;
  readonly kind?: string;
  readonly framesDecoded?: number;
  readonly packetsReceived?: number;
  readonly totalSamplesReceived?: number;
  readonly concealedSamples?: number;
}

export function useQuality(): GuestQuality | null {
  const [quality, setQuality] = useState<GuestQuality | null>(null);
  const report = statistics.value;
  useEffect(() => {
    setQuality(null);
    if (report === null) return undefined;
    const watch = new QualityWatch();
    let over = false;
    const look = () => {
      report().then(
        (all) => {
          if (!over) setQuality(watch.look(counted(all, performance.now())));
        },
        () => undefined,
      );
    };
    const timer = setInterval(look, LOOK_MS);
    return () => {
      over = true;
      clearInterval(timer);
    };
  }, [report]);
  return quality;
}

function counted(report: RTCStatsReport, at: number): Counted {
  let found: Counted = { at, framesDecoded: 0, audioPackets: 0, audioSamples: 0, audioConcealed: 0 };
  report.forEach((each: Inbound) => {
    if (each.type !== "inbound-rtp") return;
    if (each.kind === "video") found = { ...found, framesDecoded: each.framesDecoded ?? 0 };
    else {
      found = {
        ...found,
        audioPackets: each.packetsReceived ?? 0,
        audioSamples: each.totalSamplesReceived ?? 0,
        audioConcealed: each.concealedSamples ?? 0,
      };
    }
  });
  return found;
}
