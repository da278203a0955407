/** Committing offsets, and giving up where nobody takes them. */

import { type Driver, keyOf, type Position } from './driver.js';
import { log } from './log.js';
import { groupWentOn } from './offsets.js';

/** How long a commit may take once it is to stop. */
const PATIENCE_MS = 10_000;

/** What this member has committed in the partitions that it holds. */
export class Commits {
  /** By partition, the last offset that the broker took. */
  readonly known = new Map<string, number>();

  private isStopping = false;
  private readonly pending = new Set<() => void>();

  constructor(private readonly serviceName: string) {}

  /** Whether a commit is under way. */
  get isBusy(): boolean {
    return this.pending.size > 0;
  }

  /** It is to stop: commits under way, and those to come, get no more than the patience. */
  stop(): void {
    this.isStopping = true;
    for (const giveUp of this.pending) setTimeout(giveUp, PATIENCE_MS).unref();
  }

  private inTime(committing: Promise<void>): Promise<void> {
    return new Promise((resolve, reject) => {
      const giveUp = (): void => reject(new Error(`no answer within ${PATIENCE_MS / 1000} s`));
      this.pending.add(giveUp);
      if (this.isStopping) setTimeout(giveUp, PATIENCE_MS).unref();
      committing.then(resolve, reject).finally(() => this.pending.delete(giveUp));
    });
  }

  /** Commits what is new of partitions that it holds. Throws the client's errors, but for a group that went on. */
  async commit(driver: Driver, positions: readonly Position[]): Promise<void> {
    const fresh = positions.filter(
      one => driver.assignment.has(keyOf(one)) && this.known.get(keyOf(one)) !== one.offset,
    );
    if (fresh.length === 0) return;
    const partitions = `${fresh.length} partitions' last batch is processed again`;
    try {
      await this.inTime(driver.commit(fresh));
    } catch (error) {
      if (groupWentOn(error)) {
        log.warn(
          `${this.serviceName}: the group went on without this member before it could commit: up to ${partitions} by who ` +
            'has them now',
        );
        return;
      }
      if (!this.isStopping) throw error;
      log.error(`${this.serviceName}: no broker took the last commit after the stop: ${partitions}`);
      return;
    }
    for (const one of fresh) this.known.set(keyOf(one), one.offset);
  }
}
