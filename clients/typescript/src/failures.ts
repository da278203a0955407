/** What becomes of a record whose handler failed. */

import type { BaseKafkaConsumer } from './baseConsumer.js';
import type { CircuitBreaker } from './breaker.js';
import type { DeadLetters } from './deadLetters.js';
import { HandlerTimeout, nameOf, PoisonRecord } from './errors.js';
import type { ConsumedRecord } from './feed.js';
import type { Handling } from './handling.js';
import { log } from './log.js';
import { maxPollIntervalMs } from './settings.js';
import { Interrupted, type Work } from './work.js';

/**
 * What happens to a record that failed for good where no dead-letter topic is declared.
 *
 * - `stop`: `run` ends with PoisonRecord; nothing from that record on is committed, so that nothing is lost.
 * - `skip`: it is logged, counted as failed, and passed by.
 */
export type OnPoison = 'stop' | 'skip';

/** Sees failed records through: tries them again, waits for a downstream, puts them away. */
export class Failures {
  constructor(
    private readonly owner: BaseKafkaConsumer,
    private readonly handling: Handling,
    private readonly breaker: CircuitBreaker,
    private readonly deadLetters: DeadLetters,
  ) {}

  /** A record whose first try failed. Ends when it is done; throws PoisonRecord, and Interrupted. */
  async seeThrough(record: ConsumedRecord, failure: unknown, work: Work): Promise<void> {
    const { owner } = this;
    const { retry } = owner.settings.delivery;
    const attempts = retry?.attempts ?? 1;
    const isDownstream = (error: unknown): boolean => owner.isDownstreamError(error);
    let error = failure;
    let tries = 1;
    for (;;) {
      if (isDownstream(error)) {
        try {
          await this.breaker.retry(() => this.again(record, work), isDownstream, error, work);
          return;
        } catch (other) {
          if (other instanceof Interrupted) throw other;
          error = other;
        }
      }
      if (tries >= attempts) break;
      await work.pause((retry?.backoffMs ?? 0) * 2 ** Math.min(tries - 1, 20));
      tries += 1;
      try {
        await this.again(record, work);
        return;
      } catch (other) {
        if (other instanceof Interrupted) throw other;
        error = other;
      }
    }
    await this.putAway(record, error, tries, work);
  }

  private async again(record: ConsumedRecord, work: Work): Promise<void> {
    const limit = maxPollIntervalMs(this.owner.settings);
    const aborter = new AbortController();
    await new Promise<void>((resolve, reject) => {
      const give = (error: Error): void => {
        aborter.abort(error);
        reject(error);
      };
      const timer = setTimeout(() => give(new HandlerTimeout(limit)), limit);
      const forget = work.onAbandon(() => give(new Interrupted()));
      this.handling
        .one(record, aborter.signal)
        .then(resolve, reject)
        .finally(() => {
          clearTimeout(timer);
          forget();
        });
    });
  }

  private async putAway(record: ConsumedRecord, error: unknown, tries: number, work: Work): Promise<void> {
    const { owner } = this;
    const place = `${record.topic}[${record.partition}]@${record.offset}`;
    const said = `${owner.serviceName}: ${place} failed, tries: ${tries} (${nameOf(error)})`;
    const topic = owner.settings.delivery.retry?.deadLetter ?? null;
    if (topic !== null) {
      // What is committed already would be lost without its letter; anything else is read again.
      const isCommitted = owner.settings.delivery.commit === 'on-receipt';
      const isWanted = (): boolean => (isCommitted ? !work.isAbandoned : !work.isStopping);
      const isWritten = await this.deadLetters.put(topic, record, error, tries, isWanted);
      if (!isWritten) throw new Interrupted();
      log.error(`${said}: it is in ${topic}`);
      owner.recordFailed(record, true);
    } else if (owner.onPoison === 'skip') {
      log.error(`${said}: SKIPPED${error instanceof Error && error.stack ? `\n${error.stack}` : ''}`);
      owner.recordFailed(record, false);
    } else {
      throw new PoisonRecord(
        `${said}, and there is nowhere to put it: stopped before it, nothing is lost. Declare delivery.retry with a ` +
          "dead_letter topic in the profile, or set onPoison = 'skip'",
        { cause: error },
      );
    }
    owner.counters.failed += 1;
  }
}
