// The nurse's voice: the button that mutes it, and the strip that says on every screen that nobody hears.
import { sayCall } from "../i18n/kiosk_call";
import type { KioskState } from "../protocol/types";
import { inCall } from "../state/kiosk_instruments";
import { unheardCode } from "../state/kiosk_quality";
import { type Kiosk, useGateway, useKiosk } from "./context";
import { Icon } from "./icons";
import { CodeText, Press, useBusy } from "./parts";

/** Shows what the gateway does, not what was pressed. */
export function MuteButton() {
  const { desk } = useKiosk();
  const busy = useBusy("mute");
  const muted = desk.muted.value;
  return (
    <Press id="mute" look={muted ? "stop" : "plain"} icon={muted ? "muted" : "microphone"} size="wide" disabled={busy}
      press={() => desk.send({ type: "mute", muted: !muted })}>
      {sayCall(muted ? "unmute" : "mute")}
    </Press>
  );
}

/** What keeps the doctor from hearing the bus, muting apart: what only this page knows says more than that nothing comes. */
export function unheard(state: KioskState, { desk, media }: Kiosk): string | null {
  const { encounter, microphone_muted } = state;
  if (encounter === null || !inCall(encounter) || microphone_muted) return null;
  return media.microphoneProblem.value ?? (desk.unheard.value ? unheardCode(state) : null);
}

export function VoiceStrip() {
  const kiosk = useKiosk();
  const { desk } = kiosk;
  const state = useGateway();
  const busy = useBusy("mute");
  if (desk.muted.value) {
    const guests = state.encounter?.guests.some((each) => each.state === "present") === true;
    return (
      <div class="voice-strip muted" role="status" data-testid="muted-words">
        <Icon name="muted" size={32} />
        <b>{sayCall(guests ? "muted_all" : "muted")}</b>
        <Press id="unmute" icon="microphone" disabled={busy} press={() => desk.send({ type: "mute", muted: false })}>
          {sayCall("unmute_short")}
        </Press>
      </div>
    );
  }
  const code = unheard(state, kiosk);
  return code === null ? null : (
    <div class="voice-strip unheard" role="alert" data-testid="microphone-problem" data-code={code}>
      <Icon name="muted" size={32} />
      <span>
        <b>{sayCall("unheard")}</b> <CodeText code={code} />
      </span>
    </div>
  );
}
