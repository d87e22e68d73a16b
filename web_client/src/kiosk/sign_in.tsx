// Who is there: touch a name, type a code. Works without a network.
import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { say } from "../i18n/kiosk";
import type { Nurse } from "../protocol/types";
import { useGateway, useKiosk } from "./context";
import { Icon } from "./icons";
import { CodeText, Say, useBusy } from "./parts";

/** Longest PIN of the wire. */
const PIN_MAXIMUM = 12;
/** When `pin.wait` does not say how long. */
const LOCK_SECONDS = 60;

const DIGITS = ["1", "2", "3", "4", "5", "6", "7", "8", "9"];

export function SignIn() {
  const { nurses } = useGateway();
  const chosen = useSignal<string | null>(nurses.length === 1 ? (nurses[0]?.nurse_id ?? null) : null);
  const nurse = nurses.find((each) => each.nurse_id === chosen.value);
  return (
    <main class="screen sign-in" data-testid="screen-sign-in">
      <section class="names">
        <h1>{say("sign_in_title")}</h1>
        <p class="soft">{say("sign_in_pick")}</p>
        {nurses.length === 0 && <Say tone="look">{say("sign_in_nobody")}</Say>}
        <div class="name-list">
          {nurses.map((each) => (
            <button
              key={each.nurse_id}
              type="button"
              class={`name ${each.nurse_id === chosen.value ? "chosen" : ""}`}
              aria-pressed={each.nurse_id === chosen.value}
              data-testid={`nurse-${each.nurse_id}`}
              onClick={() => { chosen.value = each.nurse_id; }}
            >
              <Icon name="user" size={32} />
              {each.name}
            </button>
          ))}
        </div>
      </section>
      <PinPad key={chosen.value} nurse={nurse ?? null} />
    </main>
  );
}

function PinPad({ nurse }: { nurse: Nurse | null }) {
  const { desk } = useKiosk();
  const pin = useSignal("");
  const code = useSignal<string | null>(null);
  const lockedUntil = useSignal(0);
  const busy = useBusy("sign_in");
  const left = Math.max(0, Math.ceil((lockedUntil.value - desk.now.value) / 1000));
  const open = nurse !== null && left === 0 && !busy;

  const type = (digit: string): void => {
    if (!open || pin.value.length >= PIN_MAXIMUM) return;
    code.value = null;
    pin.value += digit;
  };
  const erase = (): void => {
    pin.value = pin.value.slice(0, -1);
  };
  const enter = async (): Promise<void> => {
    if (!open || nurse === null || pin.value === "") return;
    const outcome = await desk.send({ type: "sign_in", nurse_id: nurse.nurse_id, pin: pin.value }, true);
    pin.value = "";
    code.value = outcome.code;
    if (outcome.code === "pin.wait") {
      lockedUntil.value = desk.now.peek() + 1000 * Number(outcome.facts["seconds"] ?? LOCK_SECONDS);
    }
  };

  useEffect(() => {
    const key = (event: KeyboardEvent): void => {
      if (/^\d$/.test(event.key)) type(event.key);
      else if (event.key === "Backspace") erase();
      else if (event.key === "Enter" && pin.peek() !== "") {
        event.preventDefault();
        void enter();
      }
    };
    addEventListener("keydown", key);
    return () => removeEventListener("keydown", key);
  });

  return (
    <section class={`pin card ${nurse === null ? "waits" : ""}`}>
      <h2>{nurse === null ? say("sign_in_pin") : say("sign_in_pin_for", { name: nurse.name })}</h2>
      <div class="dots" data-testid="pin-dots" aria-label={String(pin.value.length)}>
        {pin.value === "" ? <span class="soft">{nurse === null ? say("sign_in_pick") : "· · · ·"}</span> : "●".repeat(pin.value.length)}
      </div>
      <div class="pad">
        {DIGITS.map((digit) => (
          <button key={digit} type="button" class="key" data-testid={`pin-${digit}`} disabled={!open} onClick={() => type(digit)}>
            {digit}
          </button>
        ))}
        <button type="button" class="key words" data-testid="pin-erase" disabled={!open} onClick={erase} aria-label={say("sign_in_erase")}>
          <Icon name="erase" size={34} />
        </button>
        <button type="button" class="key" data-testid="pin-0" disabled={!open} onClick={() => type("0")}>
          0
        </button>
        <button type="button" class="key go" data-testid="pin-enter" disabled={!open || pin.value === ""} onClick={() => void enter()}>
          {say("sign_in_go")}
        </button>
      </div>
      <div class="pin-words" aria-live="assertive">
        {left > 0 ? (
          <Say tone="look" id="pin-locked">{say("sign_in_wait", { n: left })}</Say>
        ) : (
          code.value !== null && <Say tone="look" id="pin-error"><CodeText code={code.value} /></Say>
        )}
      </div>
    </section>
  );
}
