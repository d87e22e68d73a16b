// What every part of the guest's page reads.
import { createContext } from "preact";
import { useContext } from "preact/hooks";
import type { GuestVisit } from "../state/guest_visit";

export interface Page {
  readonly visit: GuestVisit;
  /** The whole link, only where this browser cannot use it and another one must. */
  readonly unused: string | null;
}

export const PageContext = createContext<Page | null>(null);

export function usePage(): Page {
  const page = useContext(PageContext);
  if (page === null) throw new Error("no page around this part");
  return page;
}
