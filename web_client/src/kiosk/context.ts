// What every part of the page reaches: the desk, the local media, the newest samples of the ECG.
import type { Signal } from "@preact/signals";
import { createContext } from "preact";
import { useContext } from "preact/hooks";
import type { KioskState } from "../protocol/types";
import type { Desk } from "../state/kiosk_desk";
import type { LiveTrace } from "../state/kiosk_trace";
import type { LocalMedia } from "./local_media";

export interface Kiosk {
  readonly desk: Desk;
  readonly media: LocalMedia;
  readonly traces: ReadonlyMap<number, LiveTrace>;
  /** A scan that could not be used, said where the scanner is awaited. */
  readonly scanCode: Signal<string | null>;
}

export const KioskContext = createContext<Kiosk | null>(null);

export function useKiosk(): Kiosk {
  const kiosk = useContext(KioskContext);
  if (kiosk === null) throw new Error("no kiosk around this part");
  return kiosk;
}

/** The gateway's state; only below a screen that has one. */
export function useGateway(): KioskState {
  const state = useKiosk().desk.state.value;
  if (state === null) throw new Error("no state yet");
  return state;
}
