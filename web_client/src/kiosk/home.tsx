// Home: one big way forward, and below it what is unfinished.
import { clock } from "../i18n/format";
import { count, say } from "../i18n/kiosk";
import { openPapers } from "../state/kiosk_view";
import { useGateway, useKiosk } from "./context";
import { Icon } from "./icons";
import { patientName, patientTraits, Press } from "./parts";
import { PaperLine } from "./paper";

const STAGES = { ready: "stage_ready", waiting: "stage_waiting", in_call: "stage_call", interrupted: "stage_call", after: "stage_after" } as const;

export function Home() {
  const { desk } = useKiosk();
  const { encounter, tray } = useGateway();
  return (
    <main class={`screen home ${tray.length > 0 ? "crowded" : ""}`} data-testid="screen-home">
      {encounter === null ? (
        <button type="button" class="start" data-testid="new-consultation" onClick={() => desk.begin()}>
          <Icon name="plus" size={56} />
          <span>
            <b>{say("new_consultation")}</b>
            <small>{say("new_consultation_note")}</small>
            <small>{say("scan_here")}</small>
          </span>
        </button>
      ) : (
        <button type="button" class="start" data-testid="resume-consultation" onClick={() => { desk.place.value = "stage"; }}>
          <Icon name="arrow" size={56} />
          <span>
            <b>{say("open_consultation")}</b>
            <small class="start-patient">
              {patientName(encounter.patient)} · {say(STAGES[encounter.stage])} · {say("opened_at", { at: clock(encounter.opened_at) })}
            </small>
            <small>{say("one_at_a_time")}</small>
          </span>
        </button>
      )}
      {tray.length > 0 && (
        <div class="home-tray say look" data-testid="tray">
          <Icon name="tray" size={32} />
          <div>
            <strong>{say("home_tray")}</strong>
            <br />
            {count("home_tray_note", tray.length)}
          </div>
          <Press id="open-tray" look="main" press={() => { desk.place.value = "tray"; }}>
            {say("home_tray_go")}
          </Press>
        </div>
      )}
      <div class="home-lists">
        <PapersList />
        <UnsentList />
      </div>
    </main>
  );
}

function PapersList() {
  const papers = openPapers(useGateway());
  return (
    <section class="card list" data-testid="papers">
      <h2>
        <Icon name="paper" size={28} /> {say("home_prescriptions")}
      </h2>
      {papers.length === 0 && <p class="soft">{say("home_prescriptions_none")}</p>}
      {papers.map(({ patient, prescription }) => (
        <PaperLine key={prescription.prescription_id} prescription={prescription} patient={patient} />
      ))}
    </section>
  );
}

function UnsentList() {
  const { desk } = useKiosk();
  const unsent = useGateway().unfinished.filter((each) => each.unsent > 0);
  return (
    <section class="card list" data-testid="unsent">
      <h2>
        <Icon name="upload" size={28} /> {say("home_unsent")}
      </h2>
      {unsent.length === 0 && <p class="soft">{say("home_unsent_none")}</p>}
      {unsent.map((each) => (
        <div key={each.encounter_id} class="case" data-testid={`unsent-${each.encounter_id}`}>
          <div>
            <b>{patientName(each.patient)}</b>
            <small>{patientTraits(each.patient, desk.now.value)}</small>
          </div>
          <div class="case-right">
            <span class="tag look">{count("home_unsent_count", each.unsent)}</span>
            <small>{say("opened_at", { at: clock(each.opened_at) })}</small>
          </div>
        </div>
      ))}
    </section>
  );
}
