// Once a second of one peer connection: measures, decides what is sent, and tells the vehicle what the page gets.
import type { Reception } from "../protocol/types";
import type { CallReport } from "./call_report";
import { StatisticsReader, type PeerStatistics } from "./call_statistics";
import type { Sending } from "./own_picture";
import { run, type Scope } from "./scope";

const PULSE_MS = 1000;

export interface PulseWorld {
  statistics(): Promise<PeerStatistics>;
  adapt(sending: Sending): Promise<void>;
  tell(reception: Reception): void;
  /** Something came: sound and picture are back before what is repeated on a channel. */
  heard(): void;
  /** Whether the vehicle is heard now. */
  reached(): boolean;
  /** Monotonic milliseconds. */
  now(): number;
}

export class CallPulse {
  readonly #reader = new StatisticsReader();
  #applied: Sending | null = null;
  #busy = false;

  constructor(
    readonly scope: Scope,
    readonly report: CallReport,
    readonly world: PulseWorld,
  ) {}

  /** The connection stands: begins with what was decided on the one before. */
  start(): void {
    this.scope.every(PULSE_MS, () => this.#beat());
    run(this.#apply(), () => undefined);
  }

  #beat(): void {
    // A browser that is slow to answer is not asked twice at once.
    if (this.#busy) return;
    this.#busy = true;
    run(
      this.#second().finally(() => {
        this.#busy = false;
      }),
      () => undefined,
    );
  }

  async #second(): Promise<void> {
    const statistics = await this.world.statistics();
    if (this.scope.ended) return;
    const figures = this.#reader.read(statistics);
    if (figures.heard) this.world.heard();
    this.world.tell(this.report.second(figures, this.world.reached(), this.world.now()));
    await this.#apply();
  }

  async #apply(): Promise<void> {
    const { sending } = this.report;
    const same = this.#applied?.picture === sending.picture && this.#applied.voiceBits === sending.voiceBits;
    if (same) return;
    this.#applied = sending;
    try {
      await this.world.adapt(sending);
    } catch {
      // Refused while the connection is being described: the next second asks again.
      this.#applied = null;
    }
  }
}
