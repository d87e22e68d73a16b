// The guest's page as a whole: the bar, and the screen of the moment.
import { useState } from "preact/hooks";
import { language, speak } from "../i18n/core";
import { say } from "../i18n/guest";
import { guestWords } from "../i18n/guest_codes";
import { run } from "../state/scope";
import { Call } from "./call";
import { usePage } from "./context";
import { Door } from "./door";

export function App() {
  const { visit, unused } = usePage();
  const screen = visit.screen.value;
  const simulated = visit.company.value?.vehicle.simulated ?? visit.door.value?.simulated ?? false;
  return (
    <div class="page" data-testid="page" data-screen={unused === null ? screen : "browser"}>
      <header class="bar">
        <span class="brand">{say("brand")}</span>
        <span class="spring" />
        <button
          type="button"
          class="button quiet"
          data-testid="language"
          onClick={() => speak(language.value === "fr" ? "en" : "fr")}
        >
          {say("language_switch")}
        </button>
      </header>
      {simulated && (
        <p class="demo" data-testid="demo-banner">
          {say("demo")}
        </p>
      )}
      {unused !== null && <OtherBrowser link={unused} />}
      {unused === null && screen === "starting" && <Starting />}
      {unused === null && (screen === "door" || screen === "entering") && <Door />}
      {unused === null && screen === "inside" && <Call />}
      {unused === null && screen === "over" && <Over />}
    </div>
  );
}

function Starting() {
  const problem = usePage().visit.problem.value;
  return (
    <main class="plain">
      {problem === null ? (
        <p role="status">{say("starting")}</p>
      ) : (
        <p class="say look" role="alert" data-testid="problem" data-code={problem.code}>
          {guestWords(problem.code, problem.facts)}
        </p>
      )}
    </main>
  );
}

/** What is over and why, and what to do about it. */
function Over() {
  const { visit } = usePage();
  const problem = visit.problem.value;
  const code = problem?.code ?? "guest.call_over";
  const title = code.startsWith("guest.link_") || code === "forbidden"
    ? say("over_link_title")
    : code === "session.replaced"
      ? say("over_elsewhere_title")
      : code === "version.unsupported"
        ? say("over_page_title")
        : say("over_title");
  const done = code === "guest.left" || code === "guest.call_over" || code === "guest.removed" || code === "guest.gone";
  return (
    <main class="plain">
      <div class="card panel">
        <h1>{title}</h1>
        <p class={done ? "say" : "say look"} role="alert" data-testid="over" data-code={code}>
          {guestWords(code, problem?.facts)}
        </p>
        {code === "session.replaced" && (
          <button type="button" class="button main" data-testid="use-here" onClick={() => visit.enter()}>
            {say("use_here")}
          </button>
        )}
        {code === "version.unsupported" && (
          <button type="button" class="button main" data-testid="reload" onClick={() => location.reload()}>
            {say("reload")}
          </button>
        )}
      </div>
    </main>
  );
}

/** The fragment is still in the address here: "open in another browser" takes it along, and so does the copy. */
function OtherBrowser({ link }: { link: string }) {
  const [copied, setCopied] = useState(false);
  const copy = () => run(navigator.clipboard.writeText(link).then(() => setCopied(true)), () => undefined);
  return (
    <main class="plain">
      <div class="card panel">
        <h1>{say("over_link_title")}</h1>
        <p class="say look" role="alert" data-testid="over" data-code="guest.browser">
          {guestWords("guest.browser")}
        </p>
        {"clipboard" in navigator && (
          <button type="button" class="button main" data-testid="copy-link" onClick={copy}>
            {say(copied ? "copied" : "copy_link")}
          </button>
        )}
      </div>
    </main>
  );
}
