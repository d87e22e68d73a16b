// What can be done with an instrument: start a trace, open a picture, show it, let the doctor listen.
import { say } from "../i18n/kiosk";
import { sayCall } from "../i18n/kiosk_call";
import { sayInstrument } from "../i18n/kiosk_instruments";
import type { Encounter, Instrument } from "../protocol/types";
import { inCall, isCamera } from "../state/kiosk_instruments";
import { useGateway, useKiosk } from "./context";
import { Press, useBusy } from "./parts";

export function InstrumentActions({ instrument, encounter, running, asked }: { instrument: Instrument; encounter: Encounter; running: boolean; asked: boolean }) {
  if (instrument.state === "absent") return null;
  if (instrument.streams) return <StreamAction instrument={instrument} running={running} />;
  if (isCamera(instrument)) return <CameraActions instrument={instrument} encounter={encounter} asked={asked} />;
  if (instrument.kind === "stethoscope") return <ListenAction instrument={instrument} encounter={encounter} />;
  return null;
}

function StreamAction({ instrument, running }: { instrument: Instrument; running: boolean }) {
  const { desk } = useKiosk();
  const busy = useBusy("start_waveform", "stop_waveform");
  const { instrument_id } = instrument;
  return (
    <div class="card-actions">
      {running ? (
        <Press id={`waveform-stop-${instrument_id}`} icon="halt" press={() => desk.send({ type: "stop_waveform", instrument_id })} disabled={busy}>
          {sayInstrument("stream_stop")}
        </Press>
      ) : (
        <Press id={`waveform-start-${instrument_id}`} look="main" icon={instrument.kind === "ctg" ? "fetal" : "ecg"}
          press={() => desk.send({ type: "start_waveform", instrument_id })} disabled={busy}>
          {sayInstrument("stream_start")}
        </Press>
      )}
    </div>
  );
}

/** What the doctor asks for is the blue button. */
function CameraActions({ instrument, encounter, asked }: { instrument: Instrument; encounter: Encounter; asked: boolean }) {
  const { desk } = useKiosk();
  const { shown } = useGateway();
  const { instrument_id, kind } = instrument;
  const isOpen = desk.camera.value === instrument_id;
  const open = (): void => {
    if (!isOpen) desk.forgetPhoto();
    desk.camera.value = instrument_id;
  };
  return (
    <div class="card-actions">
      {!isOpen && (
        <Press id={kind === "skin_camera" ? "skin-open" : `camera-open-${instrument_id}`} look={asked && inCall(encounter) ? "plain" : "main"} icon="lens" press={open}>
          {kind === "skin_camera" ? say("skin_open") : sayInstrument("camera_open")}
        </Press>
      )}
      {inCall(encounter) && <ShowCamera instrumentId={instrument_id} shown={shown === instrument_id} asked={asked} />}
    </div>
  );
}

/** Gives the doctor this camera instead of the room's, or the room again. */
export function ShowCamera({ instrumentId, shown, asked = false }: { instrumentId: string; shown: boolean; asked?: boolean }) {
  const { desk } = useKiosk();
  const { beside } = useGateway();
  const busy = useBusy("show_camera");
  return shown ? (
    <>
      <Press id="camera-beside" icon={beside ? "check" : "plus"} pressed={beside} disabled={busy} press={() => desk.send({ type: "show_camera", instrument_id: instrumentId, beside: !beside })}>
        {sayCall("beside")}
      </Press>
      <Press id="camera-room" icon="back" disabled={busy} press={() => desk.send({ type: "show_camera", instrument_id: null, beside: false })}>
        {sayInstrument("camera_room")}
      </Press>
    </>
  ) : (
    <Press id={`camera-show-${instrumentId}`} look={asked ? "main" : "plain"} icon="doctor" disabled={busy} press={() => desk.send({ type: "show_camera", instrument_id: instrumentId, beside: false })}>
      {sayInstrument("camera_show")}
    </Press>
  );
}

function ListenAction({ instrument, encounter }: { instrument: Instrument; encounter: Encounter }) {
  const { desk } = useKiosk();
  const { listening } = useGateway();
  const busy = useBusy("listen");
  const { instrument_id } = instrument;
  if (!inCall(encounter)) return <p class="card-note soft">{sayInstrument("listen_in_call")}</p>;
  return (
    <div class="card-actions">
      {listening === instrument_id ? (
        <Press id="listen-stop" look="stop" icon="halt" disabled={busy} press={() => desk.send({ type: "listen", instrument_id: null })}>
          {sayInstrument("listen_stop")}
        </Press>
      ) : (
        <Press id={`listen-${instrument_id}`} look="main" icon="sound" disabled={busy} press={() => desk.send({ type: "listen", instrument_id })}>
          {sayInstrument("listen_start")}
        </Press>
      )}
    </div>
  );
}
