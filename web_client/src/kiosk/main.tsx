// The nurse's touchscreen: puts the parts together and starts them.
import { computed, effect, signal } from "@preact/signals";
import { render } from "preact";
import "../theme.css";
import "./kiosk.css";
import "./arrival.css";
import "./form.css";
import "./papers.css";
import "./stages.css";
import "./call.css";
import "./company.css";
import "./uplinks.css";
import "./before.css";
import "./rail.css";
import "./readings.css";
import "./camera.css";
import "./devices.css";
import { language } from "../i18n/core";
import { readChunk } from "../state/chunk";
import { Desk } from "../state/kiosk_desk";
import { LiveTrace } from "../state/kiosk_trace";
import { Scope } from "../state/scope";
import { App } from "./app";
import { type Kiosk, KioskContext } from "./context";
import { LocalMedia } from "./local_media";
import { listenForScans } from "./scanner";

const scope = new Scope();
const traces = new Map<number, LiveTrace>();
const scanCode = signal<string | null>(null);
/** Counts the sockets: each new one may be a new gateway, which knows nothing of the old local connection. */
const sockets = signal(0);
/** Of the microphone, before the gateway said another. */
const VOICE_KBPS = 24;

const openSocket = (subprotocol: string): WebSocket =>
  new WebSocket(`${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/ws`, subprotocol);

function takeChunk(bytes: ArrayBuffer): void {
  try {
    const chunk = readChunk(bytes);
    traces.get(chunk.streamId)?.add(chunk);
  } catch {
    // A chunk of another version: the trace shows its gap.
  }
}

const desk: Desk = new Desk(scope, openSocket, sessionStorage, {
  offer: (offer) => media.offered(offer),
  chunk: takeChunk,
  opened: () => { sockets.value += 1; },
});

const wanted = computed(() => (!desk.away.value && (desk.state.value?.nurse ?? null) !== null ? sockets.value : 0));
const voiceKbps = computed(() => desk.state.value?.voice_kbps ?? VOICE_KBPS);
const media = new LocalMedia(scope, (body) => desk.send(body, true), wanted, desk.muted, voiceKbps);

scope.add(
  effect(() => {
    const streams = desk.state.value?.encounter?.waveforms ?? [];
    for (const id of [...traces.keys()]) if (!streams.some((stream) => stream.stream_id === id)) traces.delete(id);
    for (const stream of streams) if (!traces.has(stream.stream_id)) traces.set(stream.stream_id, new LiveTrace(stream));
  }),
);
scope.add(effect(() => { document.documentElement.lang = language.value; }));
// A long press on glass opens menus that lead nowhere.
scope.listen(document, "contextmenu", (event: MouseEvent) => event.preventDefault());
listenForScans(scope, desk, scanCode);

const kiosk: Kiosk = { desk, media, traces, scanCode };
const place = document.getElementById("page");
if (place !== null) {
  render(
    <KioskContext.Provider value={kiosk}>
      <App />
    </KioskContext.Provider>,
    place,
  );
}
