// The state of the unit in whole sentences, and what belongs to the person: language, theme, signing out.
import { clock } from "../i18n/format";
import { count, say } from "../i18n/kiosk";
import { LanguageSwitch, linkWords, powerWords, problemsOf, ProblemText, ThemeSwitch } from "./bar";
import { sayCall } from "../i18n/kiosk_call";
import { sayPairing } from "../i18n/kiosk_pairing";
import { codeWords } from "../i18n/kiosk_codes";
import { toSend } from "../state/kiosk_view";
import { useGateway, useKiosk } from "./context";
import { Icon, type IconName } from "./icons";
import { InstrumentLine } from "./instrument_line";
import { Press, Say, Sheet, Simulated } from "./parts";
import { UplinkList } from "./uplinks";

function Row({ icon, name, children }: { icon: IconName; name: string; children: preact.ComponentChildren }) {
  return (
    <li class="status-row">
      <Icon name={icon} size={28} />
      <b>{name}</b>
      <div>{children}</div>
    </li>
  );
}

export function StatusSheet({ close }: { close: () => void }) {
  const kiosk = useKiosk();
  const { desk } = kiosk;
  const state = useGateway();
  const { link, power, camera } = state;
  const problems = problemsOf(state, kiosk);
  const since = clock(link.since);
  const waiting = toSend(state);
  const linkSentence = {
    online: say("link_online_long", { since }),
    connecting: say("link_connecting_long"),
    offline: say("link_offline_long", { since }),
  }[link.relay];
  return (
    <Sheet id="status" title={say("status_title")} close={close}>
      <div class="status-columns">
        <section class="status-list">
          {problems.length === 0 && <Say tone="done">{say("status_all_well")}</Say>}
          {problems.map((problem) => (
            <Say key={`${problem.code} ${problem.instrument?.instrument_id ?? ""}`} tone={codeWords(problem.code).tone}>
              <ProblemText problem={problem} />
            </Say>
          ))}
          <ul>
            <Row icon={link.relay} name={say("link")}>
              {link.operator !== "" && link.uplinks.length < 2 && `${link.operator} · `}
              {linkWords(link)}
              <br />
              <small>{linkSentence}</small>
              <UplinkList />
            </Row>
            <Row icon={power.source === "battery" ? "battery" : "plug"} name={say("power")}>
              {powerWords(power)}
            </Row>
            <Row icon="upload" name={say("to_send")}>
              {waiting === 0 ? say("outbox_none_long") : count("outbox_some_long", waiting)}
            </Row>
            {state.nurse !== null && (
              <>
                <Row icon="lens" name={say("status_camera")}>
                  {camera?.present === true
                    ? say("camera_present", { name: camera.name, width: camera.width, height: camera.height, fps: camera.frames_per_second })
                    : say("camera_absent")}{" "}
                  <Simulated on={camera?.simulated === true} />
                </Row>
                <Row icon="microphone" name={say("status_microphone")}>
                  {state.microphone_muted ? sayCall("muted_tag") : state.microphone ? say("microphone_reaches") : say("microphone_missing")}
                </Row>
              </>
            )}
          </ul>
        </section>
        <section class="status-side">
          {state.instruments.length > 0 && <h2>{say("instruments")}</h2>}
          {state.nurse !== null && (
            <Press id="devices-open" icon="gauge" press={() => {
              close();
              desk.place.value = "devices";
            }}>
              {sayPairing("devices_open")}
            </Press>
          )}
          {state.instruments.map((instrument) => (
            <InstrumentLine key={instrument.instrument_id} instrument={instrument} />
          ))}
          <h2>{say("appearance")}</h2>
          <div class="status-buttons">
            <LanguageSwitch />
            <ThemeSwitch />
          </div>
          {state.nurse !== null && (
            <>
              <h2>{state.nurse.name}</h2>
              <Press
                id="sign-out"
                press={() => {
                  close();
                  return desk.send({ type: "sign_out" });
                }}
                icon="user"
              >
                {say("sign_out")}
              </Press>
              <small>{say("sign_out_note")}</small>
            </>
          )}
          <small class="status-release">{say("status_release", { release: state.release })}</small>
        </section>
      </div>
    </Sheet>
  );
}
