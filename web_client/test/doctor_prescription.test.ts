import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import type { Patient, PrescriptionDraft, PrescriptionView } from "../src/protocol/types";
import { ApiRefused, type DoctorApi } from "../src/state/doctor_api";
import type { DoctorIdentity } from "../src/state/doctor_call";
import { EncounterPaper, type Shelf } from "../src/state/doctor_notes";
import { Composer } from "../src/state/doctor_prescription";
import { Scope } from "../src/state/scope";

const PATIENT: Patient = {
  anonymous: false, family_name: "DURAND", given_name: "Jeanne", birth_date: "1951-03-14", sex: "female", birth_place: "", ins: "",
  ins_oid: "", qualified: false,
};
const view = (state: PrescriptionView["state"]): PrescriptionView => ({
  prescription_id: "p", encounter_id: "enc", state, sha256: null, steps: [{ state: "signed", at: "t0", code: null }], doctor: "",
  drugs: [],
});

function shelf(): Shelf & { readonly kept: Map<string, string> } {
  const kept = new Map<string, string>();
  return {
    kept,
    getItem: (key) => kept.get(key) ?? null,
    setItem: (key, value) => void kept.set(key, value),
    removeItem: (key) => void kept.delete(key),
  };
}

describe("the composer", () => {
  let scope: Scope;
  let store: ReturnType<typeof shelf>;
  let checked: PrescriptionDraft[];
  let verdict: string;
  let known: PrescriptionView[];
  let prepare: () => Promise<never>;

  beforeEach(() => {
    vi.useFakeTimers();
    scope = new Scope();
    store = shelf();
    checked = [];
    known = [];
    verdict = "prescription.complete";
    prepare = () => Promise.reject(new ApiRefused("relay.unreachable"));
  });
  afterEach(() => {
    scope.end();
    vi.useRealTimers();
  });

  const composer = () => {
    const api = {
      check: (draft: PrescriptionDraft) => {
        checked.push(draft);
        return Promise.resolve({
          code: verdict,
          mentions: draft.lines.map((_, line) => ({ code: "mention.line.drug", present: true, line })),
        });
      },
      prepare: () => prepare(),
      prescriptions: () => Promise.resolve(known),
    };
    const paper = new EncounterPaper(store, "enc");
    return new Composer(scope, api as unknown as DoctorApi, {} as DoctorIdentity, "enc", "call", () => PATIENT, paper);
  };

  test("asks for the mentions once typing pauses", async () => {
    const made = composer();
    for (const drug of ["a", "am", "amo"]) {
      made.change(0, { drug });
      await vi.advanceTimersByTimeAsync(100);
    }
    expect(checked).toEqual([]);
    await vi.advanceTimersByTimeAsync(350);
    expect(checked).toHaveLength(1);
    expect(made.complete.value).toBe(true);
  });

  test("a line without a drug is missing one by itself, and the others keep their numbers", async () => {
    const made = composer();
    made.add();
    made.change(1, { drug: "amlodipine" });
    await vi.advanceTimersByTimeAsync(400);
    expect(checked[0]?.lines).toHaveLength(1);
    expect(made.verdict.value).toEqual({
      code: "prescription.mentions_missing",
      mentions: [
        { code: "mention.line.drug", present: true, line: 1 },
        { code: "mention.line.drug", present: false, line: 0 },
      ],
    });
  });

  test("a draft is kept as typed and comes back after a reload; wiping leaves nothing", async () => {
    composer().change(0, { drug: "amlodipine", days: 30 });
    expect(composer().lines.value[0]).toMatchObject({ drug: "amlodipine", days: 30 });
    const paper = new EncounterPaper(store, "enc");
    paper.keepNotes("toux");
    expect(new EncounterPaper(store, "enc").notes()).toBe("toux");
    expect(new EncounterPaper(store, "other").notes()).toBe("");
    paper.wipe();
    expect(store.kept.size).toBe(0);
  });

  test("a relay that is away is said, and what was written stays", async () => {
    const made = composer();
    made.change(0, { drug: "amlodipine" });
    await made.prepare();
    expect([made.problem.value, made.phase.value]).toEqual(["relay.unreachable", "writing"]);
    expect(made.lines.value[0]?.drug).toBe("amlodipine");
  });

  test("steps are shown once each; a prescription not known here is fetched", async () => {
    const made = composer();
    const step = { type: "prescription", prescription_id: "p", encounter_id: "enc", state: "arrived", at: "t1", code: null } as const;
    known = [view("signed")];
    made.progressed(step);
    await vi.advanceTimersByTimeAsync(0);
    expect(made.signed.value.map((each) => each.state)).toEqual(["signed"]);
    made.progressed(step);
    made.progressed(step);
    expect(made.signed.value[0]).toMatchObject({ state: "arrived", steps: [{ state: "signed" }, { state: "arrived" }] });
    made.progressed({ ...step, encounter_id: "another", state: "printed" });
    expect(made.signed.value[0]?.state).toBe("arrived");
  });
});
