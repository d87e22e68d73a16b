// What the doctor's page keeps of a call's guests over a reload of its tab: the keys of their links.
import type { GuestCard } from "../protocol/types";

const NAME = "passerelle.guests.";

/** Survives a reload of this tab, and nothing else. */
export type Shelf = Pick<Storage, "getItem" | "setItem" | "removeItem">;

/** What a reload must not lose. The token goes once the link was used. */
export interface Kept {
  readonly guest: GuestCard;
  readonly key: string;
  readonly token: string;
  readonly expiresAt: string;
  readonly removed: boolean;
}

export class GuestShelf {
  readonly #name: string;

  constructor(
    readonly shelf: Shelf,
    callId: string,
  ) {
    this.#name = NAME + callId;
  }

  /** None where the browser keeps nothing. */
  read(): readonly Kept[] {
    try {
      return JSON.parse(this.shelf.getItem(this.#name) ?? "[]") as Kept[];
    } catch {
      return [];
    }
  }

  write(kept: readonly Kept[]): void {
    try {
      this.shelf.setItem(this.#name, JSON.stringify(kept));
    } catch {
      // A browser that keeps nothing: after a reload this page cannot verify its guests, and says so.
    }
  }

  /** The call is over: the keys are of no more use. */
  clear(): void {
    try {
      this.shelf.removeItem(this.#name);
    } catch {
      return;
    }
  }
}
