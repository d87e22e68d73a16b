// What happens to the machine the page runs on: it sleeps, it loses its network, it moves to another one. Sees it from a
// clock, the browser's events and the machine's own addresses, and says what to do about the call and the relay.
import { signal } from "@preact/signals";
import { run, type Scope } from "./scope";

const TICK_MS = 100;
/** Timers of a hidden tab come once a second; a busy machine stutters for a few: what is longer was a sleep. */
export const SLEPT_MS = 10_000;
/** After something that may have cut it, what stands gets three beats to be heard again. */
const DOUBT_MS = 3000;
/** Who slept longer has lost the other end's consent (RFC 7675, section 5.1): one beat. */
const CONSENT_MS = 30_000;
const CONSENT_LOST_MS = 1200;
/** A network that was away and is back as it was carries the call again within two checks (RFC 8445, section 14.3, 0.5 s
 * each); one that is another one never does. */
const RETURN_MS = 1500;
/** A beat without the vehicle is late: worth a look at our own addresses, which costs little. */
const QUIET_MS = 1200;
/** So is sound or a picture that flowed a moment ago: five pictures, or ten packets of the voice. */
const STILL_MS = 400;
const FLOWED_MS = 3000;
/** Between such looks: each gathers candidates for 0.2 s. */
const LOOK_AGAIN_MS = 1000;
/** With our own address gone as well, so much without a word is enough: the beats of one that stands are a second
 * apart, and its address is there. */
const GONE_MS = 400;
/** A network that has just come up has no address yet. */
const LOOKS_MS = [0, 500, 1500, 3500] as const;

/** The call of the moment, as far as it stands on this machine's network. */
export interface Watched {
  /** Milliseconds since the vehicle was heard; null: nothing stood yet. */
  readonly silence: number | null;
  /** Milliseconds since sound or a picture came; null: none flows. */
  readonly flow: number | null;
  /** Our own address on the way in use; null: not known. */
  readonly localAddress: string | null;
  doubt(milliseconds: number): void;
  rejoin(cause: string): void;
}

export interface VigilWorld {
  /** Milliseconds since the epoch: it goes on while the machine sleeps. */
  clock(): number;
  /** Address literals of this machine; empty: it has none now; null: the browser does not say. */
  addresses(): Promise<ReadonlySet<string> | null>;
  call(): Watched | null;
  /** Makes a new socket to the relay. */
  renew(): void;
}

export class Vigil {
  /** Milliseconds since the epoch: this machine has no network since then; null: it has. */
  readonly offlineSince = signal<number | null>(null);
  #last: number;
  #looking = false;
  #looked = -Infinity;

  constructor(
    readonly scope: Scope,
    readonly world: VigilWorld,
  ) {
    this.#last = world.clock();
    scope.every(TICK_MS, () => this.#tick());
  }

  /** The browser says that the machine has no network any more. */
  offline(): void {
    this.offlineSince.value ??= this.world.clock();
  }

  /** The browser says that there is a network again. */
  online(): void {
    const was = this.offlineSince.value !== null;
    this.offlineSince.value = null;
    this.moved(was ? RETURN_MS : DOUBT_MS);
  }

  /** The network may be another one. */
  moved(doubt = DOUBT_MS): void {
    this.world.renew();
    this.world.call()?.doubt(doubt);
    for (const later of LOOKS_MS) this.scope.after(later, () => this.#look());
  }

  #tick(): void {
    const now = this.world.clock();
    const gap = now - this.#last;
    this.#last = now;
    if (gap > SLEPT_MS) {
      this.world.renew();
      this.world.call()?.doubt(gap >= CONSENT_MS ? CONSENT_LOST_MS : DOUBT_MS);
      this.#look();
    } else if (now - this.#looked >= LOOK_AGAIN_MS && this.#quiet()) {
      this.#look();
    }
  }

  #quiet(): boolean {
    const call = this.world.call();
    if (call === null) return false;
    const flow = call.flow ?? 0;
    return (call.silence ?? 0) > QUIET_MS || (flow > STILL_MS && flow < FLOWED_MS);
  }

  #look(): void {
    if (this.#looking || this.world.call() === null) return;
    this.#looking = true;
    this.#looked = this.world.clock();
    run(
      this.#compare().finally(() => {
        this.#looking = false;
      }),
      () => undefined,
    );
  }

  async #compare(): Promise<void> {
    const addresses = await this.world.addresses();
    const call = this.world.call();
    if (this.scope.ended || addresses === null || call === null) return;
    if (addresses.size === 0) {
      this.offline();
      return;
    }
    if (this.offlineSince.value !== null) {
      this.offlineSince.value = null;
      this.world.renew();
    }
    const { localAddress } = call;
    // The browser gathers once: a connection that stood on an address that is gone never comes back by itself.
    if (localAddress === null || addresses.has(localAddress) || !silent(call)) return;
    this.world.renew();
    call.rejoin("call.network_changed");
  }
}

function silent({ silence, flow }: Watched): boolean {
  return Math.min(silence ?? 0, flow ?? Infinity) >= GONE_MS;
}
