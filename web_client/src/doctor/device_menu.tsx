// Which camera, microphone and loudspeaker; and what happened to them by itself.
import { useState } from "preact/hooks";
import { sayCall } from "../i18n/doctor_call";
import { speakersChosen } from "../rtc/devices";
import type { Device, DeviceNotice as Happened } from "../state/own_devices";
import { devices } from "./media";
import { Panel } from "./panel";

/** The three choices; a kind of which there is only one needs none. */
export function DeviceChoice() {
  const { microphone, camera, speaker } = devices.list.value;
  // Read again whenever a track changes.
  const media = devices.media.value;
  if (media === null) return null;
  return (
    <div class="device-choice" data-testid="device-choice">
      <Select
        name={sayCall("device_microphone")}
        testid="choose-microphone"
        list={microphone}
        value={devices.used("microphone")}
        choose={(id) => devices.choose("microphone", id)}
      />
      <Select
        name={sayCall("device_camera")}
        testid="choose-camera"
        list={camera}
        value={devices.used("camera")}
        choose={(id) => devices.choose("camera", id)}
      />
      {speakersChosen() && (
        <Select
          name={sayCall("device_speaker")}
          testid="choose-speaker"
          list={[{ id: "", label: sayCall("device_default") }, ...speaker.filter((each) => each.id !== "default")]}
          value={devices.speaker.value}
          choose={(id) => devices.chooseSpeaker(id)}
        />
      )}
    </div>
  );
}

interface SelectProps {
  readonly name: string;
  readonly testid: string;
  readonly list: readonly Device[];
  readonly value: string;
  readonly choose: (id: string) => void;
}

function Select({ name, testid, list, value, choose }: SelectProps) {
  if (list.length < 2) return null;
  return (
    <label class="device-select">
      <span>{name}</span>
      <select
        class="input"
        value={value}
        data-testid={testid}
        onChange={(event) => choose(event.currentTarget.value)}
      >
        {list.map((each, n) => (
          <option key={each.id} value={each.id}>
            {each.label === "" ? sayCall("device_n", { n: n + 1 }) : each.label}
          </option>
        ))}
      </select>
    </label>
  );
}

/** In a call: a button that opens the choices over the picture. */
export function DeviceMenu() {
  const [open, setOpen] = useState(false);
  const { microphone, camera, speaker } = devices.list.value;
  if (Math.max(microphone.length, camera.length, speaker.length) < 2) return null;
  return (
    <div class="device-menu">
      {open && (
        <Panel label={sayCall("devices")} testid="device-panel" name="device-panel" close={() => setOpen(false)}>
          <DeviceChoice />
          <button type="button" class="button small" onClick={() => setOpen(false)}>
            {sayCall("devices_close")}
          </button>
        </Panel>
      )}
      <button
        type="button"
        class="button small"
        aria-expanded={open}
        data-testid="devices"
        onClick={() => setOpen(!open)}
      >
        {sayCall("devices")}
      </button>
    </div>
  );
}

/** A device that went or came by itself, until it is read. */
export function DeviceNotice() {
  const notice = devices.notice.value;
  if (notice === null) return null;
  return (
    <div class="say look notice-line" role="status" data-testid="device-notice" data-happened={notice.happened}>
      <p>{words(notice)}</p>
      <button type="button" class="button small" onClick={() => (devices.notice.value = null)}>
        {sayCall("understood")}
      </button>
    </div>
  );
}

function words({ kind, happened, name }: Happened): string {
  if (happened === "lost" && kind !== "speaker") return sayCall(`${kind}_lost`);
  return sayCall(`${kind}_${happened}` as "microphone_replaced", { name });
}
