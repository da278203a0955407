/** Waiting for a downstream that is down, rather than failing record after record. */

import { messageOf, nameOf } from './errors.js';
import { log } from './log.js';
import { Gate, sleep } from './waiting.js';

const FIRST_PAUSE_MS = 1000;
const LONGEST_PAUSE_MS = 60_000;

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
   * Returns when it succeeded; throws what it threw that is not of the downstream, and what `pause` throws.
   */
  async retry(
    attempt: () => Promise<void>,
    isDownstream: (error: unknown) => boolean,
    error: unknown,
    pause: (ms: number) => Promise<void> = sleep,
  ): Promise<void> {
    if (!this.isOpen) {
      log.error(
        `${this.serviceName}: downstream is down (${nameOf(error)}): circuit open; records are kept and partitions paused`,
      );
      this.shut.clear();
    }
    while (!(await this.oneAtATime(() => this.once(attempt, isDownstream, pause))));
  }

  /** Answers whether it succeeded. */
  private async once(
    attempt: () => Promise<void>,
    isDownstream: (error: unknown) => boolean,
    pause: (ms: number) => Promise<void>,
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
    try {
      this.pause ??= this.firstMs;
      await pause(this.pause);
    } catch (error) {
      this.shut.set(); // nobody tries any more: whoever comes next finds out anew
      throw error;
    }
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

  private oneAtATime<Result>(run: () => Promise<Result>): Promise<Result> {
    const next = this.probe.then(run);
    this.probe = next.catch(() => {});
    return next;
  }

  private close(): void {
    log.warn(`${this.serviceName}: downstream answers: circuit closed`);
    this.pause = null;
    this.shut.set();
  }
}
