// Between two calls: the doctor's own picture and microphone, ready before the click.
import { say } from "../i18n/doctor";
import { codeWords } from "../i18n/doctor_codes";
import type { DeviceFault } from "../state/own_devices";
import { DeviceChoice, DeviceNotice } from "./device_menu";
import { own, prepare } from "./media";
import { Picture } from "./picture";

export function Ready() {
  const media = own.value;
  const faulty = media !== null && (media.cameraFault !== null || media.microphoneFault !== null);
  return (
    <main class="ready">
      <div class="ready-words">
        <h1>{say("ready_title")}</h1>
        <p class="soft">{say("ready_lead")}</p>
      </div>
      <section class="card own" aria-label={say("own_devices")}>
        <div class="own-picture">
          {media === null && <p role="status">{say("own_opening")}</p>}
          {media !== null && media.camera !== null && (
            <Picture track={media.camera} label={say("own_picture")} mirrored testid="self-view" />
          )}
        </div>
        {media !== null && (
          <div class="own-words">
            <Device name="camera" fault={media.cameraFault} />
            <Device name="microphone" fault={media.microphoneFault} />
            <DeviceNotice />
            <DeviceChoice />
            {faulty && (
              <button type="button" class="button" onClick={prepare} data-testid="devices-again">
                {say("try_again")}
              </button>
            )}
          </div>
        )}
      </section>
    </main>
  );
}

function Device({ name, fault }: { name: "camera" | "microphone"; fault: DeviceFault | null }) {
  const names = say(name === "camera" ? "own_camera_ok" : "own_microphone_ok");
  return (
    <p class={`say ${fault === null ? "done" : "look"}`} data-testid={`own-${name}`} data-fault={fault ?? ""}>
      {fault === null ? `✓ ${names}` : `${name === "camera" ? say("device_camera") : say("device_microphone")}${say("colon")}${codeWords(fault)}`}
    </p>
  );
}
