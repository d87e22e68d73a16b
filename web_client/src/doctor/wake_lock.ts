// Keeps the screen on during a call: a laptop that goes to sleep ends it (W3C Screen Wake Lock).
import { run, Scope } from "../state/scope";

/** Until the returned function is called. The browser drops the lock of a hidden tab: it is taken again on return. */
export function keepAwake(): () => void {
  const scope = new Scope();
  let held: WakeLockSentinel | null = null;
  const take = () => {
    if (!("wakeLock" in navigator) || document.visibilityState !== "visible") return;
    // Refused on an empty battery: the call goes on.
    run(
      navigator.wakeLock.request("screen").then((lock) => {
        if (!scope.ended) held = lock;
        else run(lock.release(), () => undefined);
      }),
      () => undefined,
    );
  };
  scope.listen(document, "visibilitychange", take);
  scope.add(() => {
    if (held !== null) run(held.release(), () => undefined);
  });
  take();
  return () => scope.end();
}
