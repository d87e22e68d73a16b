// The page as a whole: the bar, and the screen of the moment.
import { language, speak } from "../i18n/core";
import { say } from "../i18n/doctor";
import { codeWords } from "../i18n/doctor_codes";
import { run } from "../state/scope";
import { light, theme } from "../theme";
import { ConsultationView } from "./consultation";
import { usePage } from "./context";
import { QueueView } from "./queue";
import { Ready } from "./ready";
import { SignIn } from "./sign_in";

const ignore = () => undefined;

export function App() {
  const { desk } = usePage();
  const screen = desk.screen.value;
  return (
    <div class="page" data-testid="page" data-screen={screen}>
      <Bar />
      {desk.me.value?.demo === true && (
        <p class="demo" data-testid="demo-banner">
          {say("demo")}
        </p>
      )}
      {screen === "starting" && <Plain title={say("starting")} />}
      {screen === "sign_in" && <SignIn />}
      {screen === "refused" && <Refused />}
      {screen === "elsewhere" && <Elsewhere />}
      {screen === "desk" && <Desk />}
    </div>
  );
}

function Bar() {
  const { desk } = usePage();
  const me = desk.me.value;
  return (
    <header class="bar">
      <span class="brand">{say("brand")}</span>
      {desk.screen.value === "desk" && <Link />}
      <span class="spring" />
      {me !== null && (
        <span class="who" data-testid="doctor-name">
          {[me.doctor?.title, me.doctor?.name ?? me.name].filter(Boolean).join(" ")}
        </span>
      )}
      <button
        type="button"
        class="button quiet small"
        data-testid="language"
        onClick={() => speak(language.value === "fr" ? "en" : "fr")}
      >
        {say("language_switch")}
      </button>
      <button
        type="button"
        class="button quiet small"
        data-testid="theme"
        onClick={() => light(theme.value === "day" ? "night" : "day")}
      >
        {say(theme.value === "day" ? "to_night" : "to_day")}
      </button>
      {me !== null && (
        <button
          type="button"
          class="button quiet small"
          data-testid="sign-out"
          onClick={() => run(desk.signOut(), ignore)}
        >
          {say("sign_out")}
        </button>
      )}
    </header>
  );
}

function Link() {
  const { desk } = usePage();
  const state = desk.signalling.value?.state.value ?? "connecting";
  const words = {
    online: say("link_online"),
    connecting: say("link_connecting"),
    offline: say("link_offline"),
    ended: say("link_ended"),
  }[state];
  return (
    <span
      class={`tag ${state === "online" ? "done" : "look"}`}
      role="status"
      data-testid="relay-link"
      data-state={state}
    >
      <span aria-hidden="true">{state === "online" ? "●" : "○"}</span> {words}
    </span>
  );
}

function Desk() {
  const { desk } = usePage();
  const consultation = desk.consultation.value;
  return (
    <div class={consultation === null ? "desk" : "desk busy"}>
      <QueueView folded={consultation !== null} />
      {consultation === null ? <Ready /> : <ConsultationView key={consultation.call.callId} it={consultation} />}
    </div>
  );
}

function Plain({ title }: { title: string }) {
  return (
    <main class="plain">
      <p role="status">{title}</p>
    </main>
  );
}

function Refused() {
  const { desk } = usePage();
  const problem = desk.problem.value;
  return (
    <main class="plain">
      <div class="card panel">
        <h1>{say("refused_title")}</h1>
        <p class="say stop" role="alert" data-testid="problem" data-code={problem?.code ?? ""}>
          {problem !== null && codeWords(problem.code, problem.facts)}
        </p>
        <div class="row">
          <button type="button" class="button main" data-testid="try-again" onClick={() => desk.start()}>
            {say("try_again")}
          </button>
          <button type="button" class="button" onClick={() => run(desk.signOut(), ignore)}>
            {say("sign_out")}
          </button>
        </div>
      </div>
    </main>
  );
}

function Elsewhere() {
  const { desk } = usePage();
  const problem = desk.problem.value;
  return (
    <main class="plain">
      <div class="card panel">
        <h1>{say("elsewhere_title")}</h1>
        <p class="say look" role="alert" data-testid="problem" data-code={problem?.code ?? ""}>
          {problem !== null && codeWords(problem.code, problem.facts)}
        </p>
        <button type="button" class="button main" data-testid="use-here" onClick={() => desk.start()}>
          {say("use_here")}
        </button>
      </div>
    </main>
  );
}
