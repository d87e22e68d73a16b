// Asks the browser once a second how the bus is heard and seen.
import { useEffect, useState } from "preact/hooks";
import { counted, QualityWatch, type GuestQuality } from "../state/guest_quality";
import { statistics } from "./media";

const LOOK_MS = 1000;

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
          if (!over) setQuality(watch.look(counted(all.values(), performance.now())));
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
