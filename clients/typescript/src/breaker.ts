/** Waiting for a downstream that is down, rather than failing record after record. */

import { messageOf, nameOf } from './errors.js';
import { log } from './log.js';
import { Gate } from './waiting.js';

const FIRST_PAUSE_MS = 1000;
const LONGEST_PAUSE_MS = 60_000;

/** How a lane waits: both throw once nothing further should be begun. */
export interface Waits {
  /** For a time. */
  pause(ms: number): Promise<void>;
  /** For something; looks again once it is there. */
  until(something: Promise<unknown>): Promise<void>;
}

/** Open while the downstream is down. One record at a time tries whether it is up again, after pauses that double. */
export class CircuitBreaker {
  private readonly shut = new Gate();
  private pause: number | null = null;
  private probe: Promise<unknown> = Promise.resolve();
  /** The pause before the first try, in milliseconds. */
  firstMs = FIRST_PAUSE_MS;

  constructor(private readonly serviceName: string) {
    this.shut.set();
  }

  /** Whether nothing new should be begun. */
  get isOpen(): boolean {
    return !this.shut.isOpen;
  }

  /** Until the downstream is up. */
  async closed(): Promise<void> {
    await this.shut.wait();
  }

  /**
   * Repeats `attempt`, whose `error` said that the downstream is down, until it says something else.
   *
   * Returns when it succeeded; throws what it threw that is not of the downstream, and what `waits` throws.
   */
  async retry(
    attempt: () => Promise<void>,
    isDownstream: (error: unknown) => boolean,
    error: unknown,
    waits: Waits,
  ): Promise<void> {
    if (!this.isOpen) {
      log.error(
        `${this.serviceName}: downstream is down (${nameOf(error)}): circuit open; records are kept and partitions paused`,
      );
      this.shut.clear();
    }
    try {
      while (!(await this.oneAtATime(() => this.once(attempt, isDownstream, waits), waits)));
    } catch (error) {
      this.shut.set(); // nobody tries any more: whoever comes next finds out anew
      throw error;
    }
  }

  /** Answers whether it succeeded. */
  private async once(
    attempt: () => Promise<void>,
    isDownstream: (error: unknown) => boolean,
    waits: Waits,
  ): Promise<boolean> {
    if (!this.isOpen) {
      // Somebody else's probe succeeded meanwhile: one try without a pause.
      try {
        await attempt();
        return true;
      } catch (error) {
        if (!isDownstream(error)) throw error;
        this.shut.clear();
        return false;
      }
    }
    this.pause ??= this.firstMs;
    await waits.pause(this.pause);
    try {
      await attempt();
    } catch (error) {
      if (isDownstream(error)) {
        this.pause = Math.min(this.pause * 2, LONGEST_PAUSE_MS);
        const next = `next try in ${this.pause / 1000} s`;
        log.warn(`${this.serviceName}: downstream is still down (${messageOf(error)}): ${next}`);
        return false;
      }
      this.close();
      throw error;
    }
    this.close();
    return true;
  }

  /** Who waits no longer for its turn does not take it; whoever is behind it waits for those before it. */
  private async oneAtATime<Result>(run: () => Promise<Result>, waits: Waits): Promise<Result> {
    const before = this.probe;
    const turn = new Gate();
    this.probe = before.then(() => turn.wait());
    try {
      await waits.until(before);
      return await run();
    } finally {
      turn.set();
    }
  }

  private close(): void {
    log.warn(`${this.serviceName}: downstream answers: circuit closed`);
    this.pause = null;
    this.shut.set();
  }
}
