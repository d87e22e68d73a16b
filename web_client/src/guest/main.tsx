import { effect } from "@preact/signals";
import { render } from "preact";
import "../theme.css";
import "../theme";
import "./guest.css";
import "./call.css";
import { language, preferred } from "../i18n/core";
import { say } from "../i18n/guest";
import { guestPeer } from "../rtc/guest_answer";
import { knock } from "../state/guest_knock";
import { readLink } from "../state/guest_link";
import { GuestVisit } from "../state/guest_visit";
import { Scope } from "../state/scope";
import type { Socket } from "../state/signalling";
import { App } from "./app";
import { PageContext } from "./context";
import { devices, mediaFor, release, remember } from "./media";

function openSocket(subprotocol: string): Socket {
  const url = new URL("/guest/ws", location.href);
  url.protocol = url.protocol.replace("http", "ws");
  return new WebSocket(url, subprotocol) as unknown as Socket;
}

/** Calls need a secure page, devices and WebRTC; a message app's own window may have none of them. */
function capable(): boolean {
  const { mediaDevices } = navigator as { mediaDevices?: MediaDevices };
  return isSecureContext && mediaDevices !== undefined && "RTCPeerConnection" in window;
}

/** Reads the fragment and takes it out of the address bar, the history and what is shared from there. */
function takeFragment(): string {
  const { hash } = location;
  if (hash !== "") history.replaceState(null, "", location.pathname);
  return hash;
}

function main(place: HTMLElement): void {
  const scope = new Scope();
  preferred(navigator.languages);
  remember(sessionStorage);
  const visit = new GuestVisit(scope, {
    shelf: sessionStorage,
    knock: (token) => knock((path, init) => fetch(path, init), token),
    socket: { open: openSocket, now: () => performance.now(), random: Math.random },
    devices,
    release,
    peer: (host, iceServers, events) => guestPeer(iceServers, events, mediaFor(host)),
  });
  effect(() => {
    document.documentElement.lang = language.value;
    document.title = say("page_title");
  });
  scope.listen(window, "online", () => visit.nudge());
  // Another link opened in this tab; while the guest is in a call it must not throw them out.
  scope.listen(window, "hashchange", () => {
    const fragment = takeFragment();
    const screen = visit.screen.peek();
    if (readLink(fragment) !== null && screen !== "inside" && screen !== "entering") visit.start(fragment);
  });
  const able = capable();
  render(
    <PageContext.Provider value={{ visit, unused: able ? null : location.href }}>
      <App />
    </PageContext.Provider>,
    place,
  );
  if (able) visit.start(takeFragment());
}

const place = document.getElementById("page");
if (place !== null) main(place);
