// What every part of the page reads: the desk, and the time of day.
import { createContext } from "preact";
import { useContext } from "preact/hooks";
import type { ReadonlySignal } from "@preact/signals";
import type { DoctorDesk } from "../state/doctor_desk";
import type { Vigil } from "../state/vigil";

export interface Page {
  readonly desk: DoctorDesk;
  /** Milliseconds since the epoch, ticking each second. */
  readonly now: ReadonlySignal<number>;
  /** What this machine's network does. */
  readonly vigil: Vigil;
}

export const PageContext = createContext<Page | null>(null);

export function usePage(): Page {
  const page = useContext(PageContext);
  if (page === null) throw new Error("no page around this part");
  return page;
}
