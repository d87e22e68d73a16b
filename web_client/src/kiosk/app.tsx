// Which screen stands, and what lies over every screen: the gateway away, a notice, the sound.
import { useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { say } from "../i18n/kiosk";
import { After } from "./after";
import { Bar } from "./bar";
import { Call } from "./call";
import { useKiosk } from "./context";
import { Devices } from "./devices";
import { Home } from "./home";
import { Icon } from "./icons";
import { CodeText, Press } from "./parts";
import { PasskeyAsk } from "./passkey";
import { PatientScreen } from "./patient";
import { Sound } from "./picture";
import { Ready } from "./ready";
import { SignIn } from "./sign_in";
import { Tray } from "./tray";
import { Waiting } from "./waiting";

/** A restart of the gateway takes about three seconds; past a minute somebody has to look. */
const AWAY_LONG_SECONDS = 60;
/** A blink of the socket is no news. */
const AWAY_SHOWN_MS = 400;

function CurrentScreen() {
  const { desk } = useKiosk();
  const encounter = desk.state.value?.encounter ?? null;
  switch (desk.screen.value) {
    case "starting":
      return null;
    case "sign_in":
      return <SignIn />;
    case "home":
      return <Home />;
    case "patient":
      return <PatientScreen />;
    case "tray":
      return <Tray />;
    case "devices":
      return <Devices />;
    case "ready":
      return encounter && <Ready key={encounter.encounter_id} encounter={encounter} />;
    case "waiting":
      return encounter && <Waiting key={encounter.encounter_id} encounter={encounter} />;
    case "call":
      return encounter && <Call key={encounter.encounter_id} encounter={encounter} />;
    case "after":
      return encounter && <After key={encounter.encounter_id} encounter={encounter} />;
  }
}

export function App() {
  const { desk } = useKiosk();
  const started = desk.state.value !== null;
  const passkey = desk.state.value?.nurse == null ? null : desk.state.value.passkey;
  return (
    <div class="kiosk" data-testid="kiosk" data-screen={desk.screen.value}>
      {started && <Bar />}
      <CurrentScreen />
      {passkey !== null && <PasskeyAsk key={`${passkey.name} ${passkey.show ?? ""}`} passkey={passkey} />}
      <Notice />
      <Sound />
      <Away started={started} />
    </div>
  );
}

function Notice() {
  const { desk } = useKiosk();
  const notice = desk.notice.value;
  if (notice === null) return null;
  return (
    <div class="notice say look" role="alert" data-testid="notice" data-code={notice.code}>
      <Icon name="warning" size={32} />
      <CodeText code={notice.code} facts={notice.facts} />
      <Press id="notice-close" press={() => desk.hush()}>
        {say("understood")}
      </Press>
    </div>
  );
}

function Away({ started }: { started: boolean }) {
  const { desk } = useKiosk();
  const since = useSignal(desk.now.peek());
  const shown = useSignal(false);
  const away = desk.away.value;
  useEffect(() => {
    if (!away) {
      shown.value = false;
      return undefined;
    }
    since.value = desk.now.peek();
    const timer = setTimeout(() => { shown.value = true; }, AWAY_SHOWN_MS);
    return () => clearTimeout(timer);
  }, [away]);
  const seconds = Math.max(0, Math.round((desk.now.value - since.value) / 1000));
  return away && shown.value ? <AwayDialog started={started} seconds={seconds} /> : null;
}

/** A modal dialog, so that it lies over the sheets and questions that were open. */
function AwayDialog({ started, seconds }: { started: boolean; seconds: number }) {
  const place = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    const dialog = place.current;
    dialog?.showModal();
    return () => dialog?.close();
  }, []);
  return (
    <dialog ref={place} class="away" role="alertdialog" data-testid="away" onCancel={(event) => event.preventDefault()}>
      <div class="away-words">
        <Icon name="connecting" size={72} />
        <h1>{started ? say("away_title") : say("starting")}</h1>
        <p>{started ? say("away_kept") : say("starting_note")}</p>
        <small class="figures">{say("away_since", { n: seconds })}</small>
        {seconds >= AWAY_LONG_SECONDS && <p class="say look">{say("away_long")}</p>}
      </div>
    </dialog>
  );
}
