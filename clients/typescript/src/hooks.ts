/** What a subclass of `BaseKafkaConsumer` may set and override. */

import type { Place } from './driver.js';
import { DownstreamUnavailable } from './errors.js';
import type { OnPoison } from './failures.js';
import type { ConsumedRecord } from './feed.js';
import type { Work } from './work.js';

/** Node's names for a peer that is not there. */
const CONNECTION_ERRORS = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'ECONNABORTED',
  'EPIPE',
  'ETIMEDOUT',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'EAI_AGAIN',
]);

/** Settings and hooks, each with what it does where nobody overrides it. */
export abstract class Hooks {
  /** What happens to a record that failed for good where no dead-letter topic is declared. */
  onPoison: OnPoison = 'stop';
  /** Milliseconds between rows of metrics; 0 records none. */
  metricsEveryMs = 10_000;
  /** Milliseconds that handlers may go on after a stop; then they are left, and their records are read again. */
  graceMs = 30_000;

  /** Handles one record. To be overridden (or `processBatch`). `signal` says that nobody waits for it any more. */
  process(_record: ConsumedRecord, _signal: AbortSignal): unknown {
    throw new Error('override process or processBatch');
  }

  /** Handles a batch; where it throws, its records are handed over again, one by one. */
  processBatch(_records: ConsumedRecord[], _signal: AbortSignal): unknown {
    throw new Error('override process or processBatch');
  }

  /** Whether an error says that what the handler calls is down. To be overridden. */
  isDownstreamError(error: unknown): boolean {
    return error instanceof DownstreamUnavailable || CONNECTION_ERRORS.has(String((error as { code?: unknown })?.code));
  }

  /** Called once, when the consumer has joined for the first time. To be overridden. */
  async started(): Promise<void> {}

  /** Called before a batch's first record. To be overridden. */
  async batchBegins(_work: Work): Promise<void> {}

  /** Called for a record that failed for good and is passed by; `isDead`: it is in the dead-letter topic. */
  recordFailed(_record: ConsumedRecord, _isDead: boolean): void {}

  /** Called with the partitions that it has from now on. To be overridden. */
  partitionsAssigned(_places: readonly Place[]): void {}

  /** Called with partitions that it has no longer. To be overridden. */
  partitionsRevoked(_places: readonly Place[]): void {}
}
