// Notes and conclusion, kept on this machine as they are typed.
import { useState } from "preact/hooks";
import { say } from "../i18n/doctor";
import type { Consultation } from "../state/doctor_desk";

export function Notes({ it }: { it: Consultation }) {
  const [text, setText] = useState(() => it.paper.notes());
  const [kept, setKept] = useState(true);
  return (
    <section class="card block notes">
      <label class="notes-field">
        <h2>{say("notes")}</h2>
        <textarea
          data-testid="notes"
          value={text}
          placeholder={say("notes_place")}
          onInput={(event) => {
            setText(event.currentTarget.value);
            setKept(it.paper.keepNotes(event.currentTarget.value));
          }}
        />
      </label>
      <p class={kept ? "soft small-words" : "say stop"} data-testid="notes-kept" data-kept={kept}>
        {kept ? (text === "" ? say("notes_wiped") : `✓ ${say("notes_kept")}. ${say("notes_wiped")}`) : say("notes_not_kept")}
      </p>
    </section>
  );
}
