// Keys on the glass: gloves, and no keyboard on board. A hardware keyboard works beside them.
import { say } from "../i18n/kiosk";
import { Icon } from "./icons";

const LETTERS = ["AZERTYUIOP", "QSDFGHJKLM", "WXCVBN-'ÉÈ"];
const DIGITS = ["123", "456", "789"];

interface KeysProps {
  type: (character: string) => void;
  erase: () => void;
}

/** Keeps the caret in the field that is written. */
const keepFocus = (event: Event): void => event.preventDefault();

function Key({ of, type }: { of: string; type: (character: string) => void }) {
  return (
    <button type="button" class="key" data-testid={`key-${of}`} onPointerDown={keepFocus} onMouseDown={keepFocus} onClick={() => type(of)}>
      {of}
    </button>
  );
}

function Erase({ erase }: { erase: () => void }) {
  return (
    <button type="button" class="key erase" data-testid="key-erase" aria-label={say("keyboard_erase")}
      onPointerDown={keepFocus} onMouseDown={keepFocus} onClick={erase}>
      <Icon name="erase" size={32} />
    </button>
  );
}

export function LetterKeys({ type, erase }: KeysProps) {
  return (
    <div class="keys letters card" data-testid="letter-keys">
      {LETTERS.map((row) => (
        <div key={row} class="key-row">
          {[...row].map((letter) => (
            <Key key={letter} of={letter} type={type} />
          ))}
        </div>
      ))}
      <div class="key-row">
        <button type="button" class="key space" data-testid="key-space" onPointerDown={keepFocus} onMouseDown={keepFocus} onClick={() => type(" ")}>
          {say("keyboard_space")}
        </button>
        <Erase erase={erase} />
      </div>
    </div>
  );
}

/** `letters`: the A and B of Corsica's numbers. */
export function DigitKeys({ type, erase, letters = false }: KeysProps & { letters?: boolean }) {
  return (
    <div class="keys digits card" data-testid="digit-keys">
      {DIGITS.map((row) => (
        <div key={row} class="key-row">
          {[...row].map((digit) => (
            <Key key={digit} of={digit} type={type} />
          ))}
        </div>
      ))}
      <div class="key-row">
        {letters && <Key of="A" type={type} />}
        {letters && <Key of="B" type={type} />}
        <Key of="0" type={type} />
        <Erase erase={erase} />
      </div>
    </div>
  );
}
