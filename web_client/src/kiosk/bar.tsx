// The bar that is always there: network, power, instruments, what is still to send, who is signed in, the time.
import { useSignal } from "@preact/signals";
import type { ComponentChildren } from "preact";
import { useEffect } from "preact/hooks";
import { clock } from "../i18n/format";
import { language, speak } from "../i18n/core";
import { count, say } from "../i18n/kiosk";
import { codeWords } from "../i18n/kiosk_codes";
import type { Instrument, KioskState, Link, Power } from "../protocol/types";
import { inCall } from "../state/kiosk_instruments";
import { uplinkTroubled } from "../state/kiosk_quality";
import { toSend, usable } from "../state/kiosk_view";
import { light, theme } from "../theme";
import { type Kiosk, useGateway, useKiosk } from "./context";
import { Icon, type IconName } from "./icons";
import { InCallLine } from "./in_call";
import { instrumentName } from "./instrument_line";
import { CodeText, Press } from "./parts";
import { StatusSheet } from "./status";
import { UplinkSigns } from "./uplinks";
import { unheard, VoiceStrip } from "./voice";

export function linkWords(link: Link): string {
  const trip = link.relay === "online" && link.round_trip_ms !== null ? ` · ${say("stay_ms", { n: link.round_trip_ms })}` : "";
  return say(link.relay) + trip;
}

export function powerWords(power: Power): string {
  if (power.source === "unknown") return say("power_unknown");
  if (power.percent === null) return say(power.source);
  if (power.source === "mains" && power.percent === 100) return say("mains");
  return say(power.source === "mains" ? "mains_percent" : "battery_percent", { n: power.percent });
}

/** A pair of words with its icon; a touch opens the state of the unit. */
function Chip(props: {
  id: string;
  icon: IconName;
  name: string;
  words: string;
  tone: "plain" | "look" | "done";
  open: () => void;
  signs?: ComponentChildren;
  /** The signs say it all: the words are for a screen reader. */
  quiet?: boolean;
}) {
  return (
    <button type="button" class={`chip ${props.tone}`} data-testid={props.id} onClick={props.open}>
      <Icon name={props.icon} size={26} />
      <span class={`chip-words ${props.quiet === true ? "unseen" : ""}`}>
        <small>{props.name}</small>
        <b>{props.words}</b>
      </span>
      {props.signs}
    </button>
  );
}


export function Bar() {
  const { desk } = useKiosk();
  const state = useGateway();
  const sheet = useSignal(false);
  const open = (): void => {
    sheet.value = true;
  };
  // A doctor who appears is not to be hidden by what was being read.
  const screen = desk.screen.value;
  useEffect(() => {
    sheet.value = false;
  }, [screen]);
  const { link, power } = state;
  const ready = state.instruments.filter(usable).length;
  const waiting = toSend(state);
  return (
    <>
      <header class="bar" data-testid="bar">
        {state.nurse !== null && (
          <button type="button" class="bar-button" data-testid="go-home" onClick={() => { desk.place.value = "home"; }}>
            <Icon name="home" size={28} />
            <span>{say("home")}</span>
          </button>
        )}
        <div class="bar-vehicle">
          <b data-testid="vehicle">{state.vehicle.name}</b>
          {state.demo || state.vehicle.simulated ? (
            <span class="tag action" data-testid="demo">{state.demo ? say("demo") : say("simulated")}</span>
          ) : (
            <small>{state.vehicle.territory}</small>
          )}
        </div>
        <LinkChip link={link} open={open} />
        <Chip id="power" icon={power.source === "battery" ? "battery" : "plug"} name={say("power")} words={powerWords(power)}
          tone={power.source === "battery" ? "look" : "plain"} open={open} />
        {state.nurse !== null && (
          <>
            <Chip id="instruments" icon="gauge" name={say("instruments")}
              words={say("instruments_ready", { n: ready, all: state.instruments.length })}
              tone={ready < state.instruments.length ? "look" : "plain"} open={open} />
            <Chip id="to-send" icon="upload" name={say("to_send")}
              words={waiting === 0 ? say("nothing_to_send") : say("to_send_count", { n: waiting })}
              tone={waiting === 0 ? "plain" : "look"} open={open} />
          </>
        )}
        <span class="bar-space" />
        {state.nurse !== null && <Chip id="who" icon="user" name={say("signed_in")} words={state.nurse.name} tone="plain" open={open} />}
        {state.nurse === null && (
          <>
            <LanguageSwitch />
            <ThemeSwitch />
          </>
        )}
        <time class="bar-clock figures" data-testid="clock">{clock(desk.now.value)}</time>
      </header>
      <InCallLine />
      <div class="strips">
        <VoiceStrip />
        <Problems open={open} />
      </div>
      {sheet.value && <StatusSheet close={() => { sheet.value = false; }} />}
    </>
  );
}

function LinkChip({ link, open }: { link: Link; open: () => void }) {
  const { encounter } = useGateway();
  const online = link.relay === "online";
  const tone = online && !uplinkTroubled(link.uplinks) ? "done" : "look";
  // A call goes on without the server, by the ways there are.
  if (link.uplinks.length > 1 && (online || (encounter !== null && inCall(encounter)))) {
    return <Chip id="link" icon={link.relay} name={say("link")} words={say(link.relay)} tone={tone} open={open} signs={<UplinkSigns />} quiet={online} />;
  }
  return <Chip id="link" icon={link.relay} name={link.operator === "" ? say("link") : link.operator} words={linkWords(link)} tone={tone} open={open} />;
}

export function LanguageSwitch() {
  return (
    <Press id="language" press={() => speak(language.value === "fr" ? "en" : "fr")} label={say("other_language_long")}>
      {say("other_language_long")}
    </Press>
  );
}

export function ThemeSwitch() {
  const night = theme.value === "night";
  return (
    <Press id="theme" press={() => light(night ? "day" : "night")} icon={night ? "sun" : "moon"}>
      {night ? say("day_theme") : say("night_theme")}
    </Press>
  );
}

/** The first problem in words; the rest behind one touch. */
function Problems({ open }: { open: () => void }) {
  const kiosk = useKiosk();
  const state = useGateway();
  const { encounter } = state;
  // In a call the strip of the voice says what is wrong with it.
  const spoken = encounter !== null && inCall(encounter);
  const problems = problemsOf(state, kiosk).filter(({ code }) => !(spoken && code.startsWith("microphone.")));
  const first = problems[0];
  if (first === undefined) return null;
  const { tone } = codeWords(first.code);
  return (
    <button type="button" class={`problems ${tone}`} data-testid="problems" onClick={open}>
      <Icon name={tone === "stop" ? "stop" : "warning"} size={28} />
      <ProblemText problem={first} />
      {problems.length > 1 && <b class="problems-more">{count("problem_more", problems.length - 1)}</b>}
    </button>
  );
}

/** A problem and the instrument it is about, if it is about one. */
export interface NamedProblem {
  readonly code: string;
  readonly instrument: Instrument | null;
}

/** Every problem once, what stops first: the gateway's, and those of sound and picture, which only this page knows. */
export function problemsOf(state: KioskState, kiosk: Kiosk): readonly NamedProblem[] {
  const { media } = kiosk;
  const found = new Map<string, NamedProblem>();
  for (const { code, subject } of state.problems) {
    const instrument = state.instruments.find((each) => each.instrument_id === subject) ?? null;
    found.set(`${code} ${instrument?.instrument_id ?? ""}`, { code, instrument });
  }
  for (const code of [unheard(state, kiosk) ?? media.microphoneProblem.value, media.problem.value]) {
    if (code !== null) found.set(`${code} `, { code, instrument: null });
  }
  const rank = ({ code }: NamedProblem): number => (codeWords(code).tone === "stop" ? 0 : 1);
  return [...found.values()].sort((a, b) => rank(a) - rank(b));
}

export function ProblemText({ problem }: { problem: NamedProblem }) {
  const { code, instrument } = problem;
  return (
    <span class="problem-text">
      {instrument !== null && <b>{`${instrument.number} · ${instrumentName(instrument)} — `}</b>}
      <CodeText code={code} />
    </span>
  );
}
