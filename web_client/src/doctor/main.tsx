import "reflect-metadata";
import { effect } from "@preact/signals";
import { render } from "preact";
import "../theme.css";
import "../theme";
import "./doctor.css";
import "./call.css";
import "./guests.css";
import "./measures.css";
import "./prescription.css";
import "./stills.css";
import "./traces.css";
import "./narrow.css";
import { language } from "../i18n/core";
import { say } from "../i18n/doctor";
import { callPeer } from "../rtc/call";
import { hostPeer } from "../rtc/guest_offer";
import { localAddresses } from "../rtc/local_addresses";
import { DoctorApi } from "../state/doctor_api";
import { DoctorDesk } from "../state/doctor_desk";
import { Scope } from "../state/scope";
import type { Socket } from "../state/signalling";
import { ticking } from "../state/time";
import { Vigil } from "../state/vigil";
import { App } from "./app";
import { PageContext } from "./context";
import { forCall, prepare, release, rememberDevices, room, sound, soundTries } from "./media";
import { expose, mark } from "./probe";
import { openVault } from "./vault";
import { keepAwake } from "./wake_lock";

/** A hidden tab draws no frames; what is in its document counts as shown. */
const HIDDEN_MS = 250;

/** Resolves once the next picture of the page was drawn. */
function shown(): Promise<void> {
  return new Promise((resolve) => {
    const late = setTimeout(resolve, HIDDEN_MS);
    requestAnimationFrame(() => {
      clearTimeout(late);
      setTimeout(resolve, 0);
    });
  });
}

function openSocket(subprotocol: string): Socket {
  const url = new URL("/ws", location.href);
  url.protocol = url.protocol.replace("http", "ws");
  return new WebSocket(url, subprotocol) as unknown as Socket;
}

/** Sleep and changes of this machine's network, told to the call and to the relay's socket. */
function watchOver(scope: Scope, desk: DoctorDesk): Vigil {
  const vigil = new Vigil(scope, {
    clock: Date.now,
    addresses: localAddresses,
    call: () => {
      const call = desk.consultation.peek()?.call ?? null;
      return call !== null && call.live.peek() ? call : null;
    },
    renew: () => desk.signalling.peek()?.renew(),
  });
  scope.listen(window, "online", () => vigil.online());
  scope.listen(window, "offline", () => vigil.offline());
  return vigil;
}

function main(place: HTMLElement): void {
  const scope = new Scope();
  const api = new DoctorApi((path, init) => fetch(path, init));
  const desk = new DoctorDesk(scope, {
    api,
    vault: openVault,
    signalling: {
      open: openSocket,
      token: () => api.token(),
      now: () => performance.now(),
      random: Math.random,
    },
    shelf: localStorage,
    call: {
      peer: (iceServers, events) => callPeer(iceServers, events, forCall()),
      shown,
      now: () => performance.now(),
      clock: Date.now,
    },
    guests: {
      origin: location.origin,
      peer: (iceServers, events) => hostPeer(iceServers, events, forCall().own),
      shelf: sessionStorage,
    },
  });
  const vigil = watchOver(scope, desk);
  rememberDevices();
  const click = () => (soundTries.value += 1);
  for (const gesture of ["pointerdown", "keydown"]) scope.listen(window, gesture, click);
  effect(() => {
    document.documentElement.lang = language.value;
    document.title = say("page_title");
  });
  effect(() => {
    if (desk.screen.value === "desk") prepare();
    else release();
  });
  effect(() => {
    if (desk.me.value?.demo === true) expose(() => desk.consultation.peek()?.record ?? null);
  });
  effect(() => {
    if (desk.consultation.value === null) {
      room.value = null;
      sound.value = null;
    } else mark("granted");
  });
  effect(() => (desk.consultation.value?.call.live.value === true ? keepAwake() : undefined));
  render(
    <PageContext.Provider value={{ desk, now: ticking(scope), vigil }}>
      <App />
    </PageContext.Provider>,
    place,
  );
  desk.start();
}

const place = document.getElementById("page");
if (place !== null) main(place);
