// The vehicle's ways out: two small signs in the bar, whole words in the sheets.
import { say } from "../i18n/kiosk";
import { sayCall } from "../i18n/kiosk_call";
import type { Uplink } from "../protocol/types";
import { uplinkSigns } from "../state/kiosk_quality";
import { useGateway } from "./context";
import { Icon, type IconName } from "./icons";

const nameOf = (uplink: Uplink): string => (uplink.operator === "" ? uplink.name : uplink.operator);

/** The mark of the one in use, bars for one that answers, a struck sign for one that does not. */
function iconOf({ state, in_use }: Uplink): IconName {
  if (state === "silent") return "offline";
  return in_use ? "online" : "spare";
}

function shortWords({ state, round_trip_ms }: Uplink): string {
  if (state === "silent") return sayCall("uplink_silent_short");
  if (round_trip_ms !== null) return say("stay_ms", { n: round_trip_ms });
  return state === "answering" ? sayCall("uplink_answering") : sayCall("uplink_ready_short");
}

function longWords(uplink: Uplink): string {
  const { in_use, state, round_trip_ms, relayed } = uplink;
  const words = [sayCall(in_use ? "uplink_used" : "uplink_spare"), sayCall(`uplink_${state}`)];
  if (round_trip_ms !== null) words.push(say("stay_ms", { n: round_trip_ms }));
  if (relayed) words.push(sayCall("way_relayed"));
  return words.join(" · ");
}

/** Both ways in the bar; nothing for a vehicle with one. */
export function UplinkSigns() {
  const { link } = useGateway();
  const signs = uplinkSigns(link.uplinks);
  if (signs.length === 0) return null;
  return (
    <span class="uplinks">
      {signs.map((each) => (
        <span key={each.name} class={`uplink ${each.state} ${each.in_use ? "used" : ""}`} data-testid={`uplink-${each.name}`} data-state={each.state} data-used={each.in_use}
          title={longWords(each)}>
          <Icon name={iconOf(each)} size={18} />
          <span class="uplink-name">{nameOf(each)}</span>
          <span class="figures">{shortWords(each)}</span>
          {each.in_use && <span class="unseen">{sayCall("uplink_used")}</span>}
        </span>
      ))}
    </span>
  );
}

/** Every way in whole words. */
export function UplinkList() {
  const { link } = useGateway();
  if (link.uplinks.length < 2) return null;
  return (
    <ul class="uplink-list" data-testid="uplink-list">
      {link.uplinks.map((each) => (
        <li key={each.name} class={`uplink ${each.state} ${each.in_use ? "used" : ""}`}>
          <Icon name={iconOf(each)} size={24} />
          <span>
            <b>{nameOf(each)}</b> {each.operator !== "" && <small>{each.name}</small>}
            <br />
            {longWords(each)}
          </span>
        </li>
      ))}
    </ul>
  );
}
