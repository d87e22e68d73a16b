// The page's own state beside the gateway's: where the nurse stands, what is half written, what was said.
import { computed, effect, signal, type ReadonlySignal, type Signal } from "@preact/signals";
import type { KioskState, LocalOffer, Orientation, Reading } from "../protocol/types";
import type { InsTraits } from "./kiosk_datamatrix";
import { draftFromScan, EMPTY_DRAFT, fieldOfCode, type FieldNote, type PatientDraft, patientOf } from "./kiosk_patient";
import { type CommandBody, KioskSocket, type OpenSocket, type Outcome } from "./kiosk_socket";
import { turned } from "./kiosk_instruments";
import { isUnheard, LastingSilence, SteadyVerdict, type Verdict, verdictOf } from "./kiosk_quality";
import { arrived, type Place, placeAfter, type Screen, screenOf } from "./kiosk_view";
import type { Scope } from "./scope";

/** What survives a reload of the page, not the end of the browser: `sessionStorage`. */
export interface Memory {
  getItem(key: string): string | null;
  setItem(key: string, value: string): void;
  removeItem(key: string): void;
}

/** Long enough to read three numbers aloud to the patient. */
export const FRESH_READING_MS = 8000;

/** A notice that nobody closes; errors at a field stay until the field changes. */
export const NOTICE_MS = 12_000;

export interface Closing {
  readonly orientation: Orientation;
  readonly satisfaction: number | null;
  readonly minutes: number | null;
  readonly familyDoctor: boolean | null;
}

export const NOT_CLOSING: Closing = { orientation: "none", satisfaction: null, minutes: null, familyDoctor: null };

/** `site` is a SNOMED CT concept, empty when not said; `like` an earlier still of this file. */
export interface Photo {
  readonly site: string;
  readonly like: string | null;
}

export const NO_PHOTO: Photo = { site: "", like: null };

export interface Notice {
  readonly code: string;
  readonly facts: Readonly<Record<string, string>>;
}

export interface DeskEvents {
  offer(offer: LocalOffer): void;
  chunk(bytes: ArrayBuffer): void;
  opened(): void;
}

/** What one touchscreen knows. */
export class Desk {
  readonly state = signal<KioskState | null>(null);
  readonly away: ReadonlySignal<boolean>;
  readonly place: Signal<Place>;
  readonly step: Signal<"identity" | "reason">;
  readonly draft: Signal<PatientDraft>;
  readonly closing: Signal<Closing>;
  /** The microphone is muted: as the gateway says, whatever was pressed here. */
  readonly muted: ReadonlySignal<boolean>;
  /** How the call goes, in words that do not flicker; null without a call. */
  readonly quality = signal<Verdict | null>(null);
  /** The doctor has not heard the bus for long enough to say so, and nobody muted it. */
  readonly unheard = signal(false);
  /** The instrument whose picture fills the stage. */
  readonly camera: Signal<string | null>;
  /** The instrument that a hand or its own news brought forward on the rail. */
  readonly focus = signal<string | null>(null);
  /** Where the next photo is of, and which earlier one it is framed like. */
  readonly photo: Signal<Photo>;
  readonly notice = signal<Notice | null>(null);
  /** Errors that the gateway gave to fields of the form. */
  readonly fieldNotes = signal<readonly FieldNote[]>([]);
  readonly fresh = signal<Reading | null>(null);
  /** Commands on their way, by their type: their buttons wait. */
  readonly busy = signal<ReadonlySet<string>>(new Set());
  /** Gateway's time of day, renewed each second. */
  readonly now: Signal<number>;
  readonly screen: ReadonlySignal<Screen>;

  readonly #scope: Scope;
  readonly #socket: KioskSocket;
  readonly #memory: Memory;
  readonly #monotonic: () => number;
  readonly #steady = new SteadyVerdict();
  readonly #silence = new LastingSilence();
  #clockOffset: number;
  #endFresh: () => void = () => undefined;
  #endNotice: () => void = () => undefined;

  constructor(scope: Scope, open: OpenSocket, memory: Memory, events: DeskEvents, clocks = { wall: Date.now, monotonic: () => performance.now() }) {
    this.#scope = scope;
    this.#memory = memory;
    this.#monotonic = clocks.monotonic;
    this.#clockOffset = clocks.wall() - clocks.monotonic();
    this.now = signal(clocks.wall());
    this.place = this.#kept<Place>("place", "stage");
    this.step = this.#kept<"identity" | "reason">("step", "identity");
    this.draft = this.#kept<PatientDraft>("draft", EMPTY_DRAFT);
    this.closing = this.#kept<Closing>("closing", NOT_CLOSING);
    this.muted = computed(() => this.state.value?.microphone_muted === true);
    this.camera = this.#kept<string | null>("camera", null);
    this.photo = this.#kept<Photo>("photo", NO_PHOTO);
    this.screen = computed(() => screenOf(this.state.value, this.place.value));
    this.#socket = new KioskSocket(scope, open, {
      state: (state) => this.#take(state),
      offer: (offer) => events.offer(offer),
      chunk: (bytes) => events.chunk(bytes),
      opened: () => events.opened(),
    });
    this.away = this.#socket.away;
    scope.every(1000, () => this.#tick());
  }

  /** Sends a command; what goes wrong becomes a notice, unless `quiet`. */
  async send(body: CommandBody, quiet = false): Promise<Outcome> {
    const { type } = body;
    this.busy.value = new Set([...this.busy.value, type]);
    const outcome = await this.#socket.send(body);
    const left = new Set(this.busy.value);
    left.delete(type);
    this.busy.value = left;
    if (outcome.code !== null && !quiet) this.tell(outcome.code, outcome.facts);
    return outcome;
  }

  /** Opens the encounter of the draft; refusals go to their fields. */
  async open(): Promise<void> {
    const { reason, consent, urgency, reasonWords } = this.draft.value;
    if (reason === null) return;
    const outcome = await this.send(
      { type: "open_encounter", patient: patientOf(this.draft.value), consent, reason, urgency, reason_words: reasonWords.trim() },
      true,
    );
    if (outcome.code === null) {
      this.forgetDraft();
      this.place.value = "stage";
      return;
    }
    const field = fieldOfCode(outcome.code);
    if (field === null) {
      this.tell(outcome.code, outcome.facts);
      return;
    }
    this.fieldNotes.value = [{ field, code: outcome.code, warning: false }];
    this.step.value = field === "consent" || field === "reason" ? "reason" : "identity";
  }

  /** A new patient: nothing of the one before stays. */
  begin(): void {
    this.forgetDraft();
    this.place.value = "patient";
  }

  /** A scan opens the patient's form from anywhere that has none open. */
  scanned(traits: InsTraits): void {
    if (this.state.value?.encounter !== null) return;
    if (this.screen.value !== "patient") this.begin();
    this.draft.value = draftFromScan(this.draft.value, traits);
    this.fieldNotes.value = [];
    this.step.value = "identity";
  }

  change(part: Partial<PatientDraft>): void {
    this.draft.value = { ...this.draft.value, ...part };
    this.fieldNotes.value = [];
  }

  forgetDraft(): void {
    this.draft.value = EMPTY_DRAFT;
    this.step.value = "identity";
    this.fieldNotes.value = [];
  }

  tell(code: string, facts: Readonly<Record<string, string>> = {}): void {
    this.#endNotice();
    this.notice.value = { code, facts };
    this.#endNotice = this.#soon(NOTICE_MS, () => this.hush());
  }

  hush(): void {
    this.#endNotice();
    this.notice.value = null;
  }

  /** The next photo is of another place. */
  forgetPhoto(): void {
    this.photo.value = NO_PHOTO;
  }

  dismissFresh(): void {
    this.#endFresh();
    this.fresh.value = null;
  }

  #take(state: KioskState): void {
    const before = this.state.value;
    if (before?.encounter?.encounter_id !== state.encounter?.encounter_id && before !== null) this.#otherEncounter();
    // A person who signs out leaves nothing half written for the next one.
    const nurse = before?.nurse ?? null;
    if (nurse !== null && state.nurse?.nurse_id !== nurse.nurse_id) this.forgetDraft();
    const news = arrived(before, state).at(-1);
    this.#clockOffset = Date.parse(state.now) - this.#monotonic();
    this.place.value = placeAfter(this.place.value, before, state);
    this.focus.value = turned(before, state) ?? this.focus.value;
    this.state.value = state;
    this.#tick();
    if (news !== undefined) {
      this.#endFresh();
      this.fresh.value = news;
      this.#endFresh = this.#soon(FRESH_READING_MS, () => this.dismissFresh());
    }
  }

  #otherEncounter(): void {
    this.closing.value = NOT_CLOSING;
    this.camera.value = null;
    this.focus.value = null;
    this.forgetPhoto();
    this.dismissFresh();
  }

  #tick(): void {
    const now = this.#monotonic();
    this.now.value = now + this.#clockOffset;
    const state = this.state.peek();
    const unheard = this.#silence.take(state !== null && isUnheard(state), now);
    this.unheard.value = unheard;
    this.quality.value = this.#steady.take(state === null ? null : verdictOf(state, unheard), now);
  }

  #soon(milliseconds: number, then: () => void): () => void {
    const timer = setTimeout(then, milliseconds);
    return () => clearTimeout(timer);
  }

  #kept<T>(name: string, initial: T): Signal<T> {
    const key = `passerelle.kiosk.${name}`;
    const text = this.#memory.getItem(key);
    const kept = signal<T>(text === null ? initial : restored(text, initial));
    this.#scope.add(
      effect(() => {
        if (kept.value === initial) this.#memory.removeItem(key);
        else this.#memory.setItem(key, JSON.stringify(kept.value));
      }),
    );
    return kept;
  }
}

/** A value that an earlier release wrote may lack parts: they come from the initial one. */
function restored<T>(text: string, initial: T): T {
  try {
    const value = JSON.parse(text) as T;
    return typeof initial === "object" && initial !== null ? { ...initial, ...value } : value;
  } catch {
    return initial;
  }
}
