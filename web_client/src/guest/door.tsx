// Before the call: who invites, as what, who will see and hear; then in.
import { say } from "../i18n/guest";
import { guestWords } from "../i18n/guest_codes";
import { Picture } from "../doctor/picture";
import { run } from "../state/scope";
import { usePage } from "./context";
import { camera, cameraState, closeCamera, openCamera } from "./media";
import { roleWords } from "./role";

export function Door() {
  const { visit } = usePage();
  const door = visit.door.value;
  const problem = visit.problem.value;
  const entering = visit.screen.value === "entering";
  return (
    <main class="door">
      <div class="card door-card">
        {door === null ? (
          <h1>{say("back_title")}</h1>
        ) : (
          <>
            <h1>{say("door_title")}</h1>
            <p data-testid="door-who">{say("door_who", { doctor: door.doctor, vehicle: door.vehicle })}</p>
            <p class="door-as" data-testid="door-as" data-role={door.guest.role}>
              {say("door_as")} <strong>{roleWords(door.guest.role)}</strong>
              <span class="door-name">{door.guest.name}</span>
            </p>
            <ul class="door-facts">
              <li>{say("door_seen")}</li>
              <li>{say("door_not_recorded")}</li>
              <li>{say("door_quiet")}</li>
              <li>{say("door_once")}</li>
            </ul>
          </>
        )}
        <Camera disabled={entering} />
        <div class="door-enter">
          {problem === null ? (
            <p class="soft" role="status">
              {say(entering ? "entering_more" : "microphone_needed")}
            </p>
          ) : (
            <p class="say look" role="alert" data-testid="problem" data-code={problem.code}>
              {guestWords(problem.code, problem.facts)}
            </p>
          )}
          <button
            type="button"
            class="button main enter"
            data-testid="enter"
            disabled={entering}
            onClick={() => visit.enter()}
          >
            {say(entering ? "entering" : problem === null ? "enter" : "try_again")}
          </button>
        </div>
      </div>
    </main>
  );
}

function Camera({ disabled }: { disabled: boolean }) {
  const state = cameraState.value;
  const on = state === "on" || state === "opening";
  return (
    <section class="door-camera">
      <div class="door-switch">
        <span id="camera-label">{say("camera")}</span>
        <button
          type="button"
          class="button"
          role="switch"
          aria-checked={on}
          aria-labelledby="camera-label"
          data-testid="camera-switch"
          disabled={disabled}
          onClick={() => (on ? closeCamera() : run(openCamera(), () => closeCamera("failed")))}
        >
          <span class={on ? "switch on" : "switch"} aria-hidden="true" />
          {say(on ? "camera_on" : "camera_off")}
        </button>
      </div>
      {camera.value !== null && (
        <div class="door-preview">
          <Picture track={camera.value} label={say("own_picture")} mirrored testid="own-video" />
        </div>
      )}
      <p class={state === "failed" ? "say look" : "soft"} data-testid="camera-state" data-state={state}>
        {say(state === "failed" ? "camera_fault" : state === "opening" ? "camera_opening" : "camera_optional")}
      </p>
    </section>
  );
}
