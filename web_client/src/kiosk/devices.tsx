// The instruments of the vehicle: how each is, and for the wireless ones replacing, forgetting, adding.
import { useSignal } from "@preact/signals";
import { say } from "../i18n/kiosk";
import { sayPairing } from "../i18n/kiosk_pairing";
import type { Instrument } from "../protocol/types";
import { byRadio, pairedHere } from "../state/kiosk_instruments";
import { useGateway, useKiosk } from "./context";
import { InstrumentLine, instrumentName } from "./instrument_line";
import { PairingWizard } from "./pairing";
import { Ask, Press, useBusy } from "./parts";

export function Devices() {
  const { desk } = useKiosk();
  const { instruments, pairing, encounter } = useGateway();
  const forgetting = useSignal<Instrument | null>(null);
  const asked = forgetting.value;
  const busy = useBusy("start_pairing", "forget_instrument");
  return (
    <main class="screen devices" data-testid="screen-devices">
      <header class="screen-head">
        <Press id="devices-back" icon="back" press={() => { desk.place.value = encounter === null ? "home" : "stage"; }}>
          {say("back")}
        </Press>
        <div>
          <h1>{sayPairing("devices")}</h1>
          <p class="soft">{sayPairing("devices_explain")}</p>
        </div>
        <span class="grow" />
        <Press id="pairing-start" look="main" icon="plus" size="wide" disabled={busy} press={() => desk.send({ type: "start_pairing", instrument_id: null })}>
          {sayPairing("add")}
        </Press>
      </header>
      <div class="device-list">
        {instruments.map((instrument) => (
          <article key={instrument.instrument_id} class="card device" data-testid={`device-${instrument.instrument_id}`}>
            <InstrumentLine instrument={instrument} />
            {byRadio(instrument) && (
              <div class="device-buttons">
                <Press id={`replace-${instrument.instrument_id}`} disabled={busy}
                  press={() => desk.send({ type: "start_pairing", instrument_id: instrument.instrument_id })}>
                  {sayPairing("replace")}
                </Press>
                {pairedHere(instrument) && (
                  <Press id={`forget-${instrument.instrument_id}`} look="stop" disabled={busy} press={() => { forgetting.value = instrument; }}>
                    {sayPairing("forget")}
                  </Press>
                )}
              </div>
            )}
          </article>
        ))}
      </div>
      {asked !== null && (
        <Ask id="forget-ask" title={sayPairing("forget_title", { name: instrumentName(asked), n: asked.number })} yes={sayPairing("forget")} look="stop main"
          confirm={() => {
            forgetting.value = null;
            return desk.send({ type: "forget_instrument", instrument_id: asked.instrument_id });
          }}
          cancel={() => { forgetting.value = null; }}>
          <p>{sayPairing("forget_explain")}</p>
        </Ask>
      )}
      {pairing !== null && <PairingWizard pairing={pairing} />}
    </main>
  );
}
