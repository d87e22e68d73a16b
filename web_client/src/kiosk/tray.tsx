// The tray: readings that belong to no file until a person says so (I2).
import { useSignal } from "@preact/signals";
import { say } from "../i18n/kiosk";
import type { TrayItem } from "../protocol/types";
import { useGateway, useKiosk } from "./context";
import { Icon } from "./icons";
import { Ask, CodeText, patientName, patientTraits, Press, Say } from "./parts";
import { Moment, ReadingLine } from "./reading";

type Doing = { item: TrayItem; discard: boolean };

export function Tray() {
  const { desk } = useKiosk();
  const { tray, encounter } = useGateway();
  const doing = useSignal<Doing | null>(null);
  const asked = doing.value;
  const put = async ({ item, discard }: Doing): Promise<void> => {
    doing.value = null;
    await desk.send({
      type: "assign_reading",
      reading_id: item.reading.reading_id,
      encounter_id: discard ? null : (encounter?.encounter_id ?? null),
      discard,
    });
  };
  return (
    <main class="screen tray" data-testid="screen-tray">
      <header class="screen-head">
        <Press id="tray-back" icon="back" press={() => { desk.place.value = encounter === null ? "home" : "stage"; }}>
          {say("back")}
        </Press>
        <div>
          <h1>{say("tray_title")}</h1>
          <p class="soft">{say("tray_explain")}</p>
        </div>
      </header>
      {tray.length === 0 && <Say tone="done" id="tray-empty">{say("tray_empty")}</Say>}
      {tray.length > 0 && encounter === null && <Say tone="look">{say("tray_no_patient")}</Say>}
      <div class="tray-items">
        {tray.map((item) => (
          <article key={item.reading.reading_id} class="card tray-item" data-testid={`tray-${item.reading.reading_id}`}>
            <div class="tray-words">
              <ReadingLine reading={item.reading} />
              <Moment reading={item.reading} />
              <Say tone="look">
                <CodeText code={item.reason} />
              </Say>
            </div>
            <div class="tray-buttons">
              {encounter !== null && (
                <Press id={`tray-assign-${item.reading.reading_id}`} look="main" icon="user" press={() => { doing.value = { item, discard: false }; }}>
                  {say("tray_assign", { name: patientName(encounter.patient) })}
                </Press>
              )}
              <Press id={`tray-discard-${item.reading.reading_id}`} look="stop" icon="close" press={() => { doing.value = { item, discard: true }; }}>
                {say("tray_discard")}
              </Press>
            </div>
          </article>
        ))}
      </div>
      {asked !== null && (
        <Ask
          id="tray-ask"
          title={asked.discard || encounter === null ? say("tray_discard_title") : say("tray_assign_title", { name: patientName(encounter.patient) })}
          yes={asked.discard || encounter === null ? say("tray_discard") : say("confirm")}
          look={asked.discard ? "stop main" : "main"}
          confirm={() => put(asked)}
          cancel={() => { doing.value = null; }}
        >
          <ReadingLine reading={asked.item.reading} />
          <Moment reading={asked.item.reading} />
          {!asked.discard && encounter !== null && (
            <p class="ask-patient">
              <Icon name="user" size={28} /> <b>{patientName(encounter.patient)}</b> {patientTraits(encounter.patient, desk.now.value)}
            </p>
          )}
          <p>{asked.discard ? say("tray_discard_explain") : say("tray_assign_explain")}</p>
        </Ask>
      )}
    </main>
  );
}
