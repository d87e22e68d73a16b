// The doctor's page as a whole: who is signed in, the queue, the one call, and what its encounter holds.
import { computed, signal } from "@preact/signals";
import type { CallGranted, Me, QueueEntry, Welcome } from "../protocol/types";
import { ApiRefused, codeOf, type DoctorApi } from "./doctor_api";
import { DoctorCall, type CallWorld, type DoctorIdentity } from "./doctor_call";
import { establish, type Vault } from "./doctor_identity";
import { EncounterPaper, type Shelf } from "./doctor_notes";
import { Composer } from "./doctor_prescription";
import { EncounterRecord } from "./doctor_record";
import { GuestHosting, type HostingWorld } from "./guest_hosting";
import { run, Scope } from "./scope";
import { Signalling, type FromDoctor, type SignallingWorld, type ToDoctor } from "./signalling";

/** The relay answers a take within a round trip; past this the doctor may click again. */
const TAKE_MS = 8000;

/** Codes of a relay that is not there now, and the pause before the page asks again. */
const AWAY: ReadonlySet<string> = new Set(["relay.unreachable", "relay.failed"]);
const AWAY_MS = 2000;

export type Screen = "starting" | "sign_in" | "refused" | "desk" | "elsewhere";

export interface DeskWorld {
  api: DoctorApi;
  vault(): Promise<Vault>;
  signalling: SignallingWorld;
  shelf: Shelf;
  /** The world of a call but for its way to the relay. */
  call: Omit<CallWorld, "signal">;
  guests: Pick<HostingWorld, "origin" | "peer" | "shelf">;
}

/** A sentence for the doctor that is not a dead end: a code and its facts. */
export interface Notice {
  readonly code: string;
  readonly facts: Readonly<Record<string, string>>;
}

/** The encounter on the screen: its call, what was measured, what was written. */
export interface Consultation {
  readonly scope: Scope;
  readonly call: DoctorCall;
  readonly record: EncounterRecord;
  readonly paper: EncounterPaper;
  readonly composer: Composer;
  readonly guests: GuestHosting;
}

export class DoctorDesk {
  readonly screen = signal<Screen>("starting");
  readonly problem = signal<Notice | null>(null);
  readonly signingIn = signal(false);
  readonly me = signal<Me | null>(null);
  readonly queue = signal<readonly QueueEntry[] | null>(null);
  readonly taking = signal<string | null>(null);
  readonly notice = signal<Notice | null>(null);
  readonly consultation = signal<Consultation | null>(null);
  readonly signalling = signal<Signalling | null>(null);
  #identity: DoctorIdentity | null = null;
  #session = new Scope();

  constructor(
    readonly scope: Scope,
    readonly world: DeskWorld,
  ) {
    scope.add(() => this.#session.end());
  }

  start(): void {
    run(this.#enter(), (error) => this.#refuse(error));
  }

  async signIn(account: string, password: string): Promise<void> {
    if (this.signingIn.value) return;
    this.signingIn.value = true;
    this.problem.value = null;
    try {
      await this.world.api.signIn(account, password);
      await this.#enter();
    } catch (error) {
      this.#refuse(error);
    } finally {
      this.signingIn.value = false;
    }
  }

  async signOut(): Promise<void> {
    this.#close();
    try {
      await this.world.api.signOut();
    } catch {
      // The cookie dies with its time; this page holds nothing of it.
    }
    this.me.value = null;
    this.problem.value = null;
    this.screen.value = "sign_in";
  }

  take(encounterId: string): void {
    if (this.taking.value !== null || this.#busy()) return;
    this.taking.value = encounterId;
    this.notice.value = null;
    this.#send({ type: "take", encounter_id: encounterId });
    this.#session.after(TAKE_MS, () => {
      if (this.taking.value !== encounterId) return;
      this.taking.value = null;
      this.notice.value = { code: "take.no_answer", facts: {} };
    });
  }

  /** Ends the call for good; the file stays on the screen until it is closed. */
  finish(): void {
    this.consultation.value?.call.leave(true, this.me.value?.name ?? "");
  }

  putBack(): void {
    this.consultation.value?.call.leave(false, this.me.value?.name ?? "");
    this.closeFile(false);
  }

  /** Takes the file off the screen; with `wipe` the notes go too. */
  closeFile(wipe: boolean): void {
    const consultation = this.consultation.value;
    if (consultation === null || consultation.call.live.value) return;
    if (wipe) consultation.paper.wipe();
    consultation.scope.end();
    this.consultation.value = null;
  }

  async #enter(): Promise<void> {
    const me = await this.world.api.me();
    const identity = await establish(me, await this.world.vault(), this.world.api, this.world.call.clock());
    this.me.value = me;
    this.#identity = identity;
    this.#session.end();
    this.#session = this.scope.child();
    const signalling = new Signalling(this.#session, this.world.signalling, {
      received: (body) => this.#received(body),
      welcomed: (welcome) => this.#welcomed(welcome),
      dismissed: (code) => {
        this.problem.value = { code, facts: {} };
        this.#close();
        this.screen.value = "elsewhere";
      },
      signedOut: () => {
        this.problem.value = { code: "session.needed", facts: {} };
        this.#close();
        this.screen.value = "sign_in";
      },
    });
    this.signalling.value = signalling;
    this.screen.value = "desk";
    signalling.start();
  }

  #refuse(error: unknown): void {
    const code = codeOf(error);
    const facts = error instanceof ApiRefused ? error.facts : {};
    const unsigned = error instanceof ApiRefused && (error.status === 401 || error.status === 429);
    this.problem.value = code === "session.needed" ? null : { code, facts };
    const typing = this.signingIn.value && error instanceof ApiRefused;
    this.screen.value = unsigned || typing ? "sign_in" : "refused";
    // A page that was reloaded while the relay restarts comes back by itself.
    if (!unsigned && !typing && AWAY.has(code)) this.scope.after(AWAY_MS, () => this.#again());
  }

  #again(): void {
    if (this.screen.value === "refused") this.start();
  }

  #close(): void {
    this.consultation.value?.scope.end();
    this.consultation.value = null;
    this.queue.value = null;
    this.taking.value = null;
    this.notice.value = null;
    this.signalling.value = null;
    this.#session.end();
  }

  #busy(): boolean {
    return this.consultation.value?.call.live.value ?? false;
  }

  #send(body: FromDoctor): void {
    this.signalling.value?.send(body);
  }

  #welcomed(welcome: Welcome): void {
    const consultation = this.consultation.value;
    if (!welcome.resumed) {
      this.taking.value = null;
      consultation?.call.relayForgot();
    }
    consultation?.composer.refresh();
  }

  #received(body: ToDoctor): void {
    const call = this.consultation.value?.call;
    switch (body.type) {
      case "queue":
        this.queue.value = body.entries;
        break;
      case "granted":
        this.#granted(body);
        break;
      case "offer":
        if (call?.callId === body.call_id) call.offer(body);
        break;
      case "candidate":
        if (call?.callId === body.call_id) call.candidate(body);
        break;
      case "refused":
        if (call?.callId === body.call_id && call.generation === body.generation) call.refused(body.code);
        break;
      case "left":
        if (call?.callId === body.call_id) call.left({ finished: body.finished, by: body.by });
        break;
      case "away":
        if (call?.callId === body.call_id) call.peerAway(body.away);
        break;
      case "prescription":
        this.consultation.value?.composer.progressed(body);
        break;
      case "guest_entered":
      case "guest_answer":
      case "guest_candidate":
      case "guest_away":
      case "guest_left":
      case "guest_refused":
        if (call?.callId === body.call_id) this.consultation.value?.guests.received(body);
        break;
      case "error":
        this.#refused(body.code, body.facts);
        break;
      case "welcome":
      case "nothing":
      case "dismissed":
        break;
    }
  }

  #refused(code: string, facts: Readonly<Record<string, string>>): void {
    const call = this.consultation.value?.call;
    if (this.taking.value === null && (code === "call.gone" || code === "call.ended")) {
      // The relay does not know the call any more: it is over, whatever the page thinks.
      call?.left({ finished: false, by: "" });
    } else if (this.taking.value !== null) {
      this.taking.value = null;
      this.notice.value = { code, facts };
    }
  }

  #granted(granted: CallGranted): void {
    const current = this.consultation.value;
    if (current !== null && current.call.callId === granted.call_id) {
      current.call.granted(granted);
      return;
    }
    this.taking.value = null;
    this.notice.value = null;
    // Also after a reload: the relay saw a page without a session and has raised the generation by itself.
    this.consultation.value = this.#open(granted, current) ?? current;
  }

  #open(granted: CallGranted, current: Consultation | null): Consultation | null {
    const identity = this.#identity;
    if (identity === null) return null;
    current?.scope.end();
    const scope = this.#session.child();
    const same = current?.record.encounterId === granted.encounter_id;
    const record = same && current !== null ? current.record : new EncounterRecord(granted.encounter_id);
    const paper = new EncounterPaper(this.world.shelf, granted.encounter_id);
    const world: CallWorld = { ...this.world.call, signal: (body) => this.#send(body) };
    const call = new DoctorCall(scope, granted.call_id, granted.vehicle, record, identity, world, granted);
    const composer = new Composer(
      scope,
      this.world.api,
      identity,
      granted.encounter_id,
      granted.call_id,
      () => record.situation.value?.encounter.patient ?? null,
      paper,
    );
    return { scope, call, record, paper, composer, guests: this.#hosting(scope, call, record) };
  }

  #hosting(scope: Scope, call: DoctorCall, record: EncounterRecord): GuestHosting {
    return new GuestHosting(scope, {
      ...this.world.guests,
      callId: call.callId,
      invite: (role, name) => this.world.api.inviteGuest(call.callId, { role, name }),
      tell: (message) => call.tell(message),
      opened: call.opened,
      situation: computed(() => record.situation.value?.guests ?? []),
      live: call.live,
      signal: (body) => this.#send(body),
      online: () => this.signalling.peek()?.state.peek() === "online",
      now: () => this.world.call.now(),
      clock: () => this.world.call.clock(),
    });
  }
}
