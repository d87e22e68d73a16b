// The pairing wizard: devices that are heard, the nearest first; the one that is being paired; its number, or why not.
import { kindWords } from "../i18n/kiosk_instruments";
import { sayPairing } from "../i18n/kiosk_pairing";
import type { Pairing, PairingCandidate } from "../protocol/types";
import { chosen, instrumentOf, nearness } from "../state/kiosk_pairing";
import { useGateway, useKiosk } from "./context";
import { Icon } from "./icons";
import { instrumentName, kindIcon } from "./instrument_line";
import { CodeText, Press, Say, Sheet, Simulated, useBusy } from "./parts";

export function PairingWizard({ pairing }: { pairing: Pairing }) {
  const { desk } = useKiosk();
  const { instruments } = useGateway();
  const place = instrumentOf(pairing, instruments);
  const end = (): void => void desk.send({ type: "end_pairing" }, true);
  const title = pairing.state === "paired" || place === null ? sayPairing("title_add") : sayPairing("title_replace", { n: place.number, name: instrumentName(place) });
  return (
    <Sheet id="pairing" title={title} close={end}>
      <div class="pairing" data-testid="pairing-state" data-state={pairing.state}>
        <Step pairing={pairing} end={end} />
      </div>
    </Sheet>
  );
}

function Step({ pairing, end }: { pairing: Pairing; end: () => void }) {
  switch (pairing.state) {
    case "searching":
      return <Searching pairing={pairing} />;
    case "pairing":
      return <Bonding pairing={pairing} />;
    case "paired":
      return <Paired pairing={pairing} end={end} />;
    case "failed":
      return <Failed pairing={pairing} end={end} />;
  }
}

function Searching({ pairing }: { pairing: Pairing }) {
  return (
    <>
      <Say tone="plain" icon="hand">{sayPairing(pairing.instrument_id === null ? "searching" : "searching_replace")}</Say>
      {pairing.code !== null && (
        <Say tone="look">
          <CodeText code={pairing.code} />
        </Say>
      )}
      {pairing.candidates.length === 0 ? (
        <p class="pairing-nothing" data-testid="pairing-nothing">
          <Icon name="connecting" size={40} /> {sayPairing("nothing")}
        </p>
      ) : (
        <>
          <b>{sayPairing("pick")}</b>
          <div class="candidates">
            {pairing.candidates.map((each) => (
              <Candidate key={each.address} candidate={each} />
            ))}
          </div>
        </>
      )}
    </>
  );
}

const plainName = (candidate: PairingCandidate): string => candidate.name.replace(/[_\s]*\(?simulée?\)?/gi, "").replaceAll("_", " ").trim() || candidate.address;

function Candidate({ candidate }: { candidate: PairingCandidate }) {
  const { desk } = useKiosk();
  const busy = useBusy("choose_pairing");
  const near = nearness(candidate);
  return (
    <button type="button" class="candidate" data-testid={`candidate-${candidate.address}`} disabled={busy}
      onClick={() => void desk.send({ type: "choose_pairing", address: candidate.address })}>
      <Icon name={kindIcon(candidate.kind)} size={40} />
      <span class="candidate-words">
        <b>
          {plainName(candidate)} <Simulated on={candidate.simulated} />
        </b>
        <span>{kindWords(candidate.kind).name}</span>
      </span>
      <span class={`bars ${near}`} aria-hidden="true">
        <i /><i /><i />
      </span>
      <span class="candidate-near">{sayPairing(near)}</span>
      <span class="candidate-go">
        {sayPairing("pair")} <Icon name="arrow" size={26} />
      </span>
    </button>
  );
}

function Bonding({ pairing }: { pairing: Pairing }) {
  const device = chosen(pairing);
  return (
    <div class="pairing-large">
      <Icon name="connecting" size={72} />
      <h2>{sayPairing("pairing", { name: device === null ? (pairing.address ?? "") : plainName(device) })}</h2>
      <p>{sayPairing("pairing_note")}</p>
    </div>
  );
}

function Paired({ pairing, end }: { pairing: Pairing; end: () => void }) {
  const { desk } = useKiosk();
  const { instruments } = useGateway();
  const made = instrumentOf(pairing, instruments);
  return (
    <div class="pairing-large" data-testid="pairing-paired">
      <h2 class="good">
        <Icon name="check" size={40} /> {sayPairing("paired")}
      </h2>
      {made !== null && (
        <>
          <p>{sayPairing("paired_number")}</p>
          <span class="number figures pairing-number" data-testid="paired-number">{made.number}</span>
          <b>{instrumentName(made)}</b>
          <p>{sayPairing("paired_note")}</p>
        </>
      )}
      <div class="ask-buttons">
        <Press id="pairing-another" size="wide" icon="plus" press={() => desk.send({ type: "start_pairing", instrument_id: null })}>
          {sayPairing("another")}
        </Press>
        <Press id="pairing-finish" look="main" size="wide" icon="check" press={end}>
          {sayPairing("finish")}
        </Press>
      </div>
    </div>
  );
}

function Failed({ pairing, end }: { pairing: Pairing; end: () => void }) {
  const { desk } = useKiosk();
  return (
    <div class="pairing-large" data-testid="pairing-failed">
      <h2 class="bad">
        <Icon name="warning" size={40} /> {sayPairing("failed")}
      </h2>
      {pairing.code !== null && (
        <p data-code={pairing.code}>
          <CodeText code={pairing.code} />
        </p>
      )}
      <div class="ask-buttons">
        <Press id="pairing-finish" size="wide" press={end}>
          {sayPairing("finish")}
        </Press>
        <Press id="pairing-again" look="main" size="wide" icon="connecting" press={() => desk.send({ type: "start_pairing", instrument_id: pairing.instrument_id })}>
          {sayPairing("again")}
        </Press>
      </div>
    </div>
  );
}
