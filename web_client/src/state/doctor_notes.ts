// What the doctor types for one encounter, kept on this machine as it is typed and wiped when the file is closed.
import type { PrescriptionLine } from "../protocol/types";

const NOTES = "passerelle.notes.";
const DRAFT = "passerelle.draft.";

/** What we use of `localStorage`. */
export interface Shelf {
  getItem(key: string): string | null;
  setItem(key: string, value: string): void;
  removeItem(key: string): void;
}

export interface KeptDraft {
  readonly lines: readonly PrescriptionLine[];
  readonly note: string;
  readonly weight: string;
}

export class EncounterPaper {
  constructor(
    readonly shelf: Shelf,
    readonly encounterId: string,
  ) {}

  notes(): string {
    return this.shelf.getItem(NOTES + this.encounterId) ?? "";
  }

  /** False when the browser has no room: the doctor is told that the notes are on the screen only. */
  keepNotes(text: string): boolean {
    return this.#keep(NOTES + this.encounterId, text === "" ? null : text);
  }

  draft(): KeptDraft | null {
    try {
      return JSON.parse(this.shelf.getItem(DRAFT + this.encounterId) ?? "null") as KeptDraft | null;
    } catch {
      return null;
    }
  }

  keepDraft(draft: KeptDraft | null): boolean {
    return this.#keep(DRAFT + this.encounterId, draft === null ? null : JSON.stringify(draft));
  }

  wipe(): void {
    this.shelf.removeItem(NOTES + this.encounterId);
    this.shelf.removeItem(DRAFT + this.encounterId);
  }

  #keep(key: string, text: string | null): boolean {
    try {
      if (text === null) this.shelf.removeItem(key);
      else this.shelf.setItem(key, text);
      return true;
    } catch {
      return false;
    }
  }
}
