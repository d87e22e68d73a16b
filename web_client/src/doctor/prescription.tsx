// The prescription: composed, checked, read, signed; and the life of those that were signed.
import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import { clock } from "../i18n/format";
import { say } from "../i18n/doctor";
import { codeWords } from "../i18n/doctor_codes";
import { PRESCRIPTION_LINES } from "../protocol/constants";
import type { Mention, PrescriptionLine, PrescriptionState, PrescriptionView } from "../protocol/types";
import type { Consultation } from "../state/doctor_desk";
import type { Composer, Preview } from "../state/doctor_prescription";
import { run } from "../state/scope";

const REASONS = ["mte", "efg", "cif"] as const;
const ignore = () => undefined;

export function PrescriptionDrawer({ it, close }: { it: Consultation; close: () => void }) {
  const { composer } = it;
  const dialog = useRef<HTMLDialogElement>(null);
  const phase = composer.phase.value;
  const { preview } = composer;
  useEffect(() => {
    dialog.current?.show();
    dialog.current?.scrollIntoView({ block: "nearest" });
    composer.recheck();
  }, []);
  const reading = preview.value !== null && (phase === "preview" || phase === "signing");
  return (
    <dialog ref={dialog} class="drawer" data-testid="prescription" data-phase={phase} aria-label={say("prescription")}>
      <header class="drawer-head">
        <h2>{say(reading ? "preview" : "prescription_new")}</h2>
        <button type="button" class="button small" onClick={close} data-testid="prescription-close">
          {say("prescription_close")}
        </button>
      </header>
      {reading && preview.value !== null ? (
        <Reading composer={composer} preview={preview.value} done={close} />
      ) : (
        <Writing composer={composer} />
      )}
    </dialog>
  );
}

function Writing({ composer }: { composer: Composer }) {
  const lines = composer.lines.value;
  const busy = composer.phase.value === "preparing";
  return (
    <>
      <div class="drawer-body">
        <div class="lines">
          {lines.map((line, index) => (
            <Line key={index} composer={composer} line={line} index={index} alone={lines.length === 1} />
          ))}
          {lines.length < PRESCRIPTION_LINES && (
            <button type="button" class="button" data-testid="add-line" onClick={() => composer.add()}>
              + {say("add_line")}
            </button>
          )}
          <div class="pairs">
            <label class="field wide-field">
              <span>{say("advice")}</span>
              <textarea
                rows={2}
                maxLength={4000}
                data-testid="advice"
                value={composer.note.value}
                onInput={(event) => {
                  composer.note.value = event.currentTarget.value;
                  composer.edited();
                }}
              />
            </label>
            <label class="field">
              <span>{say("weight")}</span>
              <input
                inputMode="decimal"
                maxLength={6}
                data-testid="weight"
                value={composer.weight.value}
                onInput={(event) => {
                  composer.weight.value = event.currentTarget.value;
                  composer.edited();
                }}
              />
            </label>
          </div>
        </div>
        <Mentions composer={composer} />
      </div>
      <footer class="drawer-foot">
        <Problem composer={composer} />
        <button
          type="button"
          class="button main big"
          data-testid="prepare"
          disabled={busy || !composer.complete.value}
          onClick={() => run(composer.prepare(), ignore)}
        >
          {say(busy ? "preparing" : "prepare")}
        </button>
      </footer>
    </>
  );
}

interface LineProps {
  readonly composer: Composer;
  readonly line: PrescriptionLine;
  readonly index: number;
  readonly alone: boolean;
}

function Line({ composer, line, index, alone }: LineProps) {
  const text = (name: "drug" | "strength" | "form" | "posology", most: number) => (
    <label class={`field field-${name}`}>
      <span>{say(name)}</span>
      <input
        maxLength={most}
        value={line[name]}
        data-testid={`line-${index}-${name}`}
        onInput={(event) => composer.change(index, { [name]: event.currentTarget.value })}
      />
    </label>
  );
  const number = (name: "days" | "units" | "renewals", most: number) => (
    <label class={`field field-${name}`}>
      <span>{say(name)}</span>
      <input
        type="number"
        inputMode="numeric"
        min={0}
        max={most}
        value={line[name] === 0 ? "" : line[name]}
        data-testid={`line-${index}-${name}`}
        onInput={(event) => composer.change(index, { [name]: whole(event.currentTarget.value, most) })}
      />
    </label>
  );
  return (
    <fieldset class="card line" data-testid={`line-${index}`}>
      <legend>
        {say("line_n", { n: index + 1 })}{" "}
        {!alone && (
          <button type="button" class="button quiet small" onClick={() => composer.remove(index)}>
            {say("remove_line")}
          </button>
        )}
      </legend>
      {text("drug", 200)}
      {text("strength", 200)}
      {text("form", 200)}
      {text("posology", 400)}
      {number("days", 366)}
      {number("units", 999)}
      {number("renewals", 12)}
      <label class="field field-substitution">
        <span>{say("substitution")}</span>
        <select
          data-testid={`line-${index}-substitution`}
          value={line.not_substitutable ?? ""}
          onChange={(event) => {
            const code = event.currentTarget.value;
            composer.change(index, { not_substitutable: code === "" ? null : code });
          }}
        >
          <option value="">{say("substitutable")}</option>
          {REASONS.map((reason) => (
            <option key={reason} value={reason}>
              {say(`reason_${reason}`)}
            </option>
          ))}
        </select>
      </label>
    </fieldset>
  );
}

/** A whole number in [0, most]; what is none is 0. */
function whole(text: string, most: number): number {
  const value = Math.trunc(Number(text));
  return Number.isFinite(value) ? Math.min(most, Math.max(0, value)) : 0;
}

function Mentions({ composer }: { composer: Composer }) {
  const verdict = composer.verdict.value;
  return (
    <aside class="mentions" data-testid="mentions" data-verdict={verdict?.code ?? ""}>
      <h3>{say("mentions")}</h3>
      {verdict === null ? (
        <p role="status">{say("mentions_wait")}</p>
      ) : (
        <>
          <p class={`say ${verdict.code === "prescription.complete" ? "done" : "look"}`} role="status">
            {codeWords(verdict.code)}
          </p>
          <ul>
            {verdict.mentions.map((mention) => (
              <MentionRow key={`${mention.code}.${mention.line ?? ""}`} mention={mention} />
            ))}
          </ul>
        </>
      )}
    </aside>
  );
}

function MentionRow({ mention }: { mention: Mention }) {
  const where = mention.line === null ? "" : `${say("line_n", { n: mention.line + 1 })} · `;
  return (
    <li class={mention.present ? "mention there" : "mention missing"} data-present={mention.present} data-code={mention.code}>
      <span aria-hidden="true">{mention.present ? "✓" : "△"}</span>
      <span>
        {where}
        {codeWords(mention.code)}
        <span class="unseen"> : {say(mention.present ? "mention_present" : "mention_missing")}</span>
      </span>
    </li>
  );
}

function Reading({ composer, preview, done }: { composer: Composer; preview: Preview; done: () => void }) {
  const signing = composer.phase.value === "signing";
  const url = useMemo(
    () => URL.createObjectURL(new Blob([preview.pdf], { type: "application/pdf" })),
    [preview.pdf],
  );
  useEffect(() => () => URL.revokeObjectURL(url), [url]);
  const sign = async () => {
    await composer.sign();
    if (composer.preview.value === null) done();
  };
  return (
    <>
      <div class="drawer-body reading">
        <p class="say done" data-testid="preview-checked">
          ✓ {say("preview_checked")}{" "}
          <a href={url} target="_blank" rel="noopener">
            {say("preview_open")}
          </a>
        </p>
        <Pages pdf={preview.pdf} />
      </div>
      <footer class="drawer-foot">
        <Problem composer={composer} />
        <button type="button" class="button big" disabled={signing} onClick={() => composer.back()} data-testid="back">
          {say("back_to_text")}
        </button>
        <button
          type="button"
          class="button main big"
          disabled={signing}
          data-testid="sign"
          onClick={() => run(sign(), ignore)}
        >
          {say(signing ? "signing" : "sign")}
        </button>
      </footer>
    </>
  );
}

const PAGE_WIDTH = 620;

function Pages({ pdf }: { pdf: Uint8Array<ArrayBuffer> }) {
  const place = useRef<HTMLDivElement>(null);
  const [state, setState] = useState<"drawing" | "shown" | "failed">("drawing");
  useEffect(() => {
    let over = false;
    const draw = async () => {
      const { drawPages } = await import("./preview");
      const pages = await drawPages(pdf, PAGE_WIDTH);
      if (over) return;
      pages.forEach((page, at) => {
        page.setAttribute("role", "img");
        page.setAttribute("aria-label", say("preview_page", { n: at + 1, all: pages.length }));
      });
      place.current?.replaceChildren(...pages);
      setState("shown");
    };
    run(draw(), () => setState("failed"));
    return () => {
      over = true;
    };
  }, [pdf]);
  return (
    <>
      {state === "drawing" && <p role="status">{say("preparing")}</p>}
      {state === "failed" && <p class="say look">{say("preview_failed")}</p>}
      <div class="pages" ref={place} data-testid="preview" data-state={state} />
    </>
  );
}

function Problem({ composer }: { composer: Composer }) {
  const problem = composer.problem.value;
  if (problem === null) return <span class="spring" />;
  return (
    <p class="say stop spring" role="alert" data-testid="prescription-problem" data-code={problem}>
      {codeWords(problem)}
    </p>
  );
}

/** The steps on the straight road; the others are said when they happen. */
const ROAD: readonly PrescriptionState[] = ["signed", "arrived", "printed", "handed_over"];

export function Life({ it }: { it: Consultation }) {
  const signed = it.composer.signed.value;
  if (signed.length === 0) return null;
  return (
    <section class="card block" aria-label={say("life")} data-testid="prescriptions">
      <h2>{say("life")}</h2>
      {signed.map((view) => (
        <One key={view.prescription_id} view={view} />
      ))}
    </section>
  );
}

function One({ view }: { view: PrescriptionView }) {
  const at = (state: PrescriptionState) => view.steps.find((step) => step.state === state)?.at ?? null;
  const trouble = {
    refused: say("life_refused"),
    print_ambiguous: say("life_ambiguous"),
    print_failed: say("life_failed"),
  }[view.state as string];
  const code = view.steps.at(-1)?.code ?? null;
  return (
    <div class="life" data-testid="prescription-life" data-prescription={view.prescription_id} data-state={view.state}>
      {view.drugs.length > 0 && <p class="drugs">{view.drugs.join(", ")}</p>}
      <ol class="road">
        {ROAD.map((state) => {
          const when = at(state);
          return (
            <li key={state} class={when === null ? "ahead" : "made"} data-testid={`step-${state}`} data-made={when !== null}>
              <span aria-hidden="true">{when === null ? "○" : "✓"}</span> {say(`step_${state}`)}
              {when !== null && <span class="soft figures"> {say("step_at", { time: clock(when, true) })}</span>}
            </li>
          );
        })}
      </ol>
      {view.state === "printing" && <p class="tag action">{say("step_printing")}…</p>}
      {trouble !== undefined && (
        <p class={`say ${view.state === "refused" ? "stop" : "look"}`} role="alert" data-testid="prescription-trouble">
          {trouble} {code !== null && codeWords(code)}
        </p>
      )}
    </div>
  );
}
