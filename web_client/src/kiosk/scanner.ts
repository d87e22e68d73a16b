// The hardware scanner types as a keyboard: its bursts are taken from the page before any field gets them.
import type { Signal } from "@preact/signals";
import { SCAN_END_MS, ScanListener, type ScanResult } from "../state/kiosk_datamatrix";
import type { Desk } from "../state/kiosk_desk";
import type { Scope } from "../state/scope";

export function listenForScans(scope: Scope, desk: Desk, scanCode: Signal<string | null>): void {
  const listener = new ScanListener();
  let timer: ReturnType<typeof setTimeout> | undefined;
  const done = (result: ScanResult | null): void => {
    if (result === null) return;
    if (result.ok) {
      scanCode.value = null;
      desk.scanned(result.traits);
    } else if (desk.screen.value === "patient") {
      scanCode.value = result.code;
      // Where no scanner is awaited, a strange burst is a person's typing.
      if (desk.draft.value.way === "scanned") desk.tell(result.code);
    }
  };
  const key = (event: KeyboardEvent): void => {
    const screen = desk.screen.value;
    if (screen !== "home" && screen !== "patient") return;
    const verdict = listener.key({
      key: event.key, code: event.code, shift: event.shiftKey, control: event.ctrlKey, at: event.timeStamp,
    });
    if (verdict.swallow) {
      event.preventDefault();
      event.stopPropagation();
    }
    clearTimeout(timer);
    timer = setTimeout(() => done(listener.silence()), SCAN_END_MS);
    done(verdict.result);
  };
  addEventListener("keydown", key, true);
  scope.add(() => {
    clearTimeout(timer);
    removeEventListener("keydown", key, true);
  });
}
