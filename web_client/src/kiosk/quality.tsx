// How the call goes: one sentence at arm's length; a touch opens the figures for support on the phone.
import { useSignal } from "@preact/signals";
import type { ComponentChildren } from "preact";
import { decimal } from "../i18n/format";
import { sayCall, verdictWords } from "../i18n/kiosk_call";
import type { CallQuality, Encounter, Reception } from "../protocol/types";
import { type Verdict, verdictTone } from "../state/kiosk_quality";
import { useGateway, useKiosk } from "./context";
import { Icon, type IconName } from "./icons";
import { Sheet } from "./parts";
import { UplinkList } from "./uplinks";

function verdictIcon({ kind, voice, picture, reason }: Verdict): IconName {
  if (kind === "outage") return "offline";
  if (kind === "measuring") return "clock";
  if (voice === "muted" || voice === "none") return "muted";
  if (voice !== "good" || picture !== "good") return "warning";
  return reason === "slow" ? "clock" : "check";
}

/** `quiet`: nothing as long as all is well, where room is short. */
export function QualityLine({ encounter, quiet = false }: { encounter: Encounter; quiet?: boolean }) {
  const { desk } = useKiosk();
  const open = useSignal(false);
  const verdict = desk.quality.value;
  if (verdict === null) return null;
  const tone = verdictTone(verdict);
  if (quiet && !open.value && (tone === "done" || tone === "plain")) return null;
  return (
    <>
      <button type="button" class={`quality ${tone}`} data-testid="quality" data-tone={tone} data-voice={verdict.voice} data-picture={verdict.picture}
        onClick={() => { open.value = true; }}>
        <Icon name={verdictIcon(verdict)} size={30} />
        <b role="status">{verdictWords(verdict)}</b>
        <Icon name="gauge" size={24} />
        <span class="unseen">{sayCall("figures")}</span>
      </button>
      {open.value && <QualitySheet encounter={encounter} verdict={verdict} close={() => { open.value = false; }} />}
    </>
  );
}

function QualitySheet({ encounter, verdict, close }: { encounter: Encounter; verdict: Verdict; close: () => void }) {
  const { quality } = encounter;
  return (
    <Sheet id="quality-sheet" title={sayCall("sheet_title")} close={close}>
      <div class={`quality-said ${verdictTone(verdict)}`}>
        <Icon name={verdictIcon(verdict)} size={30} />
        <b>{verdictWords(verdict)}</b>
        <span class="soft">{sayCall("sheet_explain")}</span>
      </div>
      <div class="quality-columns">
        <section>
          <h2>{sayCall("sent_title")}</h2>
          {quality === null ? <p class="soft">{sayCall("sheet_none")}</p> : <Sent quality={quality} />}
        </section>
        <section>
          <h2>{sayCall("seen_title")}</h2>
          {quality === null || quality.seen === null ? <p class="soft">{sayCall("seen_none")}</p> : <Seen seen={quality.seen} />}
          <UplinkList />
        </section>
      </div>
    </Sheet>
  );
}

function Figure({ id, name, children }: { id: string; name: string; children: ComponentChildren }) {
  return (
    <div class="figure">
      <dt>{name}</dt>
      <dd class="figures" data-testid={`figure-${id}`}>{children}</dd>
    </div>
  );
}

const rounded = (value: number, digits: number): string => decimal(value.toFixed(digits));
const milliseconds = (value: number | null): string => (value === null ? sayCall("unmeasured") : sayCall("milliseconds", { n: value }));

function Sent({ quality }: { quality: CallQuality }) {
  const { link } = useGateway();
  const uplink = link.uplinks.find((each) => each.name === quality.interface);
  const way = [uplink?.operator, quality.interface, sayCall(quality.relayed ? "way_relayed" : "way_direct")];
  return (
    <dl class="figure-list">
      <Figure id="rate" name={sayCall("rate")}>{sayCall("rate_value", { sent: quality.sent_kbps, target: quality.target_kbps })}</Figure>
      <Figure id="picture" name={sayCall("picture")}>
        {quality.lines === 0
          ? sayCall("picture_without")
          : sayCall("picture_value", { lines: quality.lines, fps: rounded(quality.frames_per_second, 0), kbps: quality.picture_kbps })}
      </Figure>
      <Figure id="loss" name={sayCall("loss")}>{sayCall("percent", { n: rounded(quality.loss_percent, 1) })}</Figure>
      <Figure id="round-trip" name={sayCall("round_trip")}>{milliseconds(quality.round_trip_ms)}</Figure>
      <Figure id="queue" name={sayCall("queue")}>{milliseconds(quality.queue_ms)}</Figure>
      <Figure id="way" name={sayCall("way")}>{way.filter((part) => part !== undefined && part !== "").join(" · ")}</Figure>
      <Figure id="keyframes" name={sayCall("keyframes")}>{quality.keyframes}</Figure>
      <Figure id="freezes" name={sayCall("freezes")}>{quality.freezes}</Figure>
      <Figure id="outages" name={sayCall("outages")}>{quality.outages}</Figure>
    </dl>
  );
}

function Seen({ seen }: { seen: Reception }) {
  return (
    <dl class="figure-list">
      <Figure id="seen-rate" name={sayCall("seen_rate")}>{sayCall("frames", { n: rounded(seen.frames_per_second, 0) })}</Figure>
      <Figure id="seen-freezes" name={sayCall("seen_freezes")}>{sayCall("seen_freezes_value", { n: seen.freezes, s: rounded(seen.frozen_ms / 1000, 1) })}</Figure>
      <Figure id="concealed" name={sayCall("concealed")}>{sayCall("percent", { n: rounded(seen.voice_concealed_percent, 1) })}</Figure>
      <Figure id="seen-round-trip" name={sayCall("round_trip")}>{milliseconds(seen.round_trip_ms)}</Figure>
      <Figure id="own-picture" name={sayCall("own_picture")}>{sayCall(seen.own_picture ? "own_sent" : "own_paused")}</Figure>
    </dl>
  );
}
