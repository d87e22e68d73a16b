// The time of day as a signal that ticks, for ages and waiting times on the screen.
import { signal, type ReadonlySignal } from "@preact/signals";
import type { Scope } from "./scope";

/** Milliseconds since the epoch, renewed each second until the scope ends. */
export function ticking(scope: Scope, clock: () => number = Date.now): ReadonlySignal<number> {
  const now = signal(clock());
  scope.every(1000, () => {
    now.value = clock();
  });
  return now;
}
