// The composer of one encounter's prescription and the life of those that were signed.
import { computed, signal, type ReadonlySignal } from "@preact/signals";
import { PRESCRIPTION_LINES } from "../protocol/constants";
import type {
  Mention,
  Patient,
  PrescriptionDraft,
  PrescriptionLine,
  PrescriptionPrepared,
  PrescriptionProgress,
  PrescriptionView,
} from "../protocol/types";
import { fromBase64, toBase64 } from "./base64";
import { ApiRefused, codeOf, type DoctorApi } from "./doctor_api";
import type { DoctorIdentity } from "./doctor_call";
import type { EncounterPaper } from "./doctor_notes";
import { run, type Scope } from "./scope";
import { checkToBeSigned, SigningRefused } from "./signed_attributes";

/** A pause in typing before the relay is asked. */
const CHECK_MS = 350;

export type ComposerPhase = "writing" | "preparing" | "preview" | "signing";

/** What is ready to sign, checked: these bytes are those under the signature. */
export interface Preview {
  readonly prepared: PrescriptionPrepared;
  readonly pdf: Uint8Array<ArrayBuffer>;
}

export const EMPTY_LINE: PrescriptionLine = {
  drug: "",
  strength: "",
  form: "",
  posology: "",
  days: 0,
  units: 0,
  renewals: 0,
  not_substitutable: null,
};

export interface Verdict {
  readonly code: string;
  readonly mentions: readonly Mention[];
}

export class Composer {
  readonly lines = signal<readonly PrescriptionLine[]>([EMPTY_LINE]);
  readonly note = signal("");
  readonly weight = signal("");
  readonly verdict = signal<Verdict | null>(null);
  readonly phase = signal<ComposerPhase>("writing");
  readonly preview = signal<Preview | null>(null);
  readonly problem = signal<string | null>(null);
  readonly signed = signal<readonly PrescriptionView[]>([]);
  readonly complete: ReadonlySignal<boolean> = computed(() => this.verdict.value?.code === "prescription.complete");
  #checking: (() => void) | null = null;
  #asked = 0;

  constructor(
    readonly scope: Scope,
    readonly api: DoctorApi,
    readonly identity: DoctorIdentity,
    readonly encounterId: string,
    readonly callId: string,
    readonly patient: () => Patient | null,
    readonly paper: EncounterPaper,
  ) {
    const kept = paper.draft();
    if (kept !== null) {
      this.lines.value = kept.lines;
      this.note.value = kept.note;
      this.weight.value = kept.weight;
    }
    this.refresh();
  }

  change(index: number, change: Partial<PrescriptionLine>): void {
    this.lines.value = this.lines.value.map((line, at) => (at === index ? { ...line, ...change } : line));
    this.edited();
  }

  add(): void {
    if (this.lines.value.length < PRESCRIPTION_LINES) this.lines.value = [...this.lines.value, EMPTY_LINE];
    this.edited();
  }

  remove(index: number): void {
    const left = this.lines.value.filter((_, at) => at !== index);
    this.lines.value = left.length > 0 ? left : [EMPTY_LINE];
    this.edited();
  }

  /** Something was typed: kept at once, checked after a pause; a page laid out before is not this one any more. */
  edited(): void {
    this.paper.keepDraft({ lines: this.lines.value, note: this.note.value, weight: this.weight.value });
    this.preview.value = null;
    if (this.phase.value === "preview") this.phase.value = "writing";
    this.problem.value = null;
    this.recheck();
  }

  /** Asks for the mentions again after a pause. */
  recheck(): void {
    this.#checking?.();
    this.#checking = this.scope.after(CHECK_MS, () => run(this.check(), () => undefined));
  }

  /** Asks the relay which mentions are there; lines without a drug are missing one by themselves. */
  async check(): Promise<void> {
    this.#asked += 1;
    const asked = this.#asked;
    const numbers = this.lines.value.flatMap((line, at) => (line.drug.trim() === "" ? [] : [at]));
    const bare: Mention[] = this.lines.value.flatMap((line, at) =>
      line.drug.trim() === "" ? [{ code: "mention.line.drug", present: false, line: at }] : [],
    );
    const draft = this.#draft(numbers.map((at) => this.lines.value[at] ?? EMPTY_LINE));
    if (draft === null || numbers.length === 0) {
      this.verdict.value = { code: "prescription.mentions_missing", mentions: bare };
      return;
    }
    try {
      const { code, mentions } = await this.api.check(draft);
      if (asked !== this.#asked || this.scope.ended) return;
      const placed = mentions.map((each) => ({
        ...each,
        line: each.line === null ? null : (numbers[each.line] ?? each.line),
      }));
      const missing = bare.length > 0 && code === "prescription.complete";
      this.verdict.value = {
        code: missing ? "prescription.mentions_missing" : code,
        mentions: [...placed, ...bare],
      };
    } catch (error) {
      if (asked === this.#asked) this.problem.value = codeOf(error);
    }
  }

  /** Has the page laid out, and checks that what is to be signed is that page. */
  async prepare(): Promise<void> {
    const draft = this.#draft(this.lines.value);
    if (draft === null || this.phase.value !== "writing") return;
    this.phase.value = "preparing";
    this.problem.value = null;
    try {
      const prepared = await this.api.prepare(draft);
      const pdf = fromBase64(prepared.pdf);
      await checkToBeSigned(pdf, prepared.byte_range, fromBase64(prepared.to_be_signed), this.identity.certificate);
      this.preview.value = { prepared, pdf };
      this.phase.value = "preview";
    } catch (error) {
      this.phase.value = "writing";
      this.#refused(error);
    }
  }

  back(): void {
    this.preview.value = null;
    this.phase.value = "writing";
  }

  /** Signs what is on the screen with the key that never leaves this browser. */
  async sign(): Promise<void> {
    const preview = this.preview.value;
    if (preview === null || this.phase.value !== "preview") return;
    this.phase.value = "signing";
    this.problem.value = null;
    try {
      const bytes = fromBase64(preview.prepared.to_be_signed);
      await checkToBeSigned(preview.pdf, preview.prepared.byte_range, bytes, this.identity.certificate);
      const algorithm = { name: "ECDSA", hash: "SHA-256" };
      const signature = new Uint8Array(await crypto.subtle.sign(algorithm, this.identity.key, bytes));
      const view = await this.api.sign(preview.prepared.prescription_id, toBase64(signature));
      this.#took([view]);
      this.lines.value = [EMPTY_LINE];
      this.note.value = "";
      this.verdict.value = null;
      this.preview.value = null;
      this.phase.value = "writing";
      this.paper.keepDraft(null);
    } catch (error) {
      this.phase.value = "preview";
      this.#refused(error);
    }
  }

  /** A step in the life of a prescription, told by the relay; one not known here is fetched. */
  progressed(progress: PrescriptionProgress): void {
    if (progress.encounter_id !== this.encounterId) return;
    const known = this.signed.value.find((view) => view.prescription_id === progress.prescription_id);
    if (known === undefined) {
      this.refresh();
      return;
    }
    const { state, at, code } = progress;
    if (known.steps.some((step) => step.state === state && step.at === at)) return;
    this.#took([{ ...known, state, steps: [...known.steps, { state, at, code }] }]);
  }

  /** Fetches what the relay knows: after a reload, after a break. */
  refresh(): void {
    const fetched = this.api.prescriptions(this.encounterId).then((views) => {
      if (!this.scope.ended) this.#took(views);
    });
    // What cannot be fetched now comes with the next step or the next reconnect.
    run(fetched, () => undefined);
  }

  #draft(lines: readonly PrescriptionLine[]): PrescriptionDraft | null {
    const patient = this.patient();
    if (patient === null) return null;
    return {
      encounter_id: this.encounterId,
      call_id: this.callId,
      patient,
      lines: [...lines],
      note: this.note.value,
      weight_kg: this.weight.value,
    };
  }

  #took(views: readonly PrescriptionView[]): void {
    const merged = new Map(this.signed.value.map((view) => [view.prescription_id, view]));
    for (const view of views) {
      // An answer that was asked for before a step came is older than what is here.
      const newer = (merged.get(view.prescription_id)?.steps.length ?? 0) > view.steps.length;
      if (view.state !== "draft" && !newer) merged.set(view.prescription_id, view);
    }
    this.signed.value = [...merged.values()];
  }

  #refused(error: unknown): void {
    this.problem.value = error instanceof SigningRefused ? error.code : codeOf(error);
    const body = error instanceof ApiRefused ? (error.body as { mentions?: readonly Mention[] } | null) : null;
    if (body?.mentions !== undefined) this.verdict.value = { code: codeOf(error), mentions: body.mentions };
  }
}
