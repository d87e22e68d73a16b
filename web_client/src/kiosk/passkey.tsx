// Six digits of a bond, over whatever screen stands: typed here as the device shows them, or shown to be typed on it.
import { useSignal } from "@preact/signals";
import { sayPairing } from "../i18n/kiosk_pairing";
import type { Passkey } from "../protocol/types";
import { digitAdded, PASSKEY_DIGITS, passkeyRead } from "../state/kiosk_pairing";
import { useKiosk } from "./context";
import { Press, Sheet, useBusy } from "./parts";

const DIGITS = ["1", "2", "3", "4", "5", "6", "7", "8", "9"];

export function PasskeyAsk({ passkey }: { passkey: Passkey }) {
  const { desk } = useKiosk();
  const giveUp = (): void => void desk.send({ type: "end_pairing" }, true);
  const name = passkey.name.replace(/[_\s]*\(?simulée?\)?/gi, "").replaceAll("_", " ").trim();
  return (
    <Sheet id="passkey" title={sayPairing(passkey.show === null ? "passkey_type" : "passkey_show", { name })} close={giveUp} plain>
      {passkey.show === null ? <Typed /> : <Shown digits={passkey.show} />}
      <Press id="passkey-give-up" size="wide" press={giveUp}>
        {sayPairing("passkey_give_up")}
      </Press>
    </Sheet>
  );
}

function Shown({ digits }: { digits: string }) {
  return (
    <>
      <p>{sayPairing("passkey_show_note")}</p>
      <output class="passkey-digits figures" data-testid="passkey-show">{passkeyRead(digits)}</output>
    </>
  );
}

function Typed() {
  const { desk } = useKiosk();
  const typed = useSignal("");
  const busy = useBusy("enter_passkey");
  const full = typed.value.length === PASSKEY_DIGITS;
  const add = (digit: string): void => {
    typed.value = digitAdded(typed.peek(), digit);
  };
  const go = async (): Promise<void> => {
    const outcome = await desk.send({ type: "enter_passkey", passkey: typed.peek() });
    if (outcome.code !== null) typed.value = "";
  };
  const key = (digit: string) => (
    <button key={digit} type="button" class="key figures" data-testid={`passkey-${digit}`} onClick={() => add(digit)}>
      {digit}
    </button>
  );
  return (
    <>
      <p>{sayPairing("passkey_type_note")}</p>
      <output class="passkey-digits figures" data-testid="passkey-typed">{passkeyRead(typed.value.padEnd(PASSKEY_DIGITS, "·"))}</output>
      <div class="pad passkey-pad">
        {DIGITS.map(key)}
        <button type="button" class="key small" data-testid="passkey-erase" onClick={() => { typed.value = typed.peek().slice(0, -1); }}>
          {sayPairing("passkey_erase")}
        </button>
        {key("0")}
        <button type="button" class="key go" data-testid="passkey-go" disabled={!full || busy} onClick={() => void go()}>
          {sayPairing("passkey_go")}
        </button>
      </div>
    </>
  );
}
