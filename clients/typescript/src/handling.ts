/** How records reach a subclass's handler. */

import type { ConsumedRecord } from './feed.js';
import type { Cursor, Failure } from './work.js';

/** Handles one record; the signal says that nobody waits for it any more. */
export type Process = (record: ConsumedRecord, signal: AbortSignal) => unknown;
/** Handles a batch. */
export type ProcessBatch = (records: ConsumedRecord[], signal: AbortSignal) => unknown;

/** Calls `process` for records one by one, or `processBatch` for a batch. */
export class Handling {
  readonly isBatch: boolean;

  constructor(
    private readonly process: Process,
    private readonly processBatch: ProcessBatch | null,
  ) {
    this.isBatch = processBatch !== null;
  }

  /** Handles one record. Throws what the handler throws. */
  async one(record: ConsumedRecord, signal: AbortSignal): Promise<void> {
    await (this.processBatch ? this.processBatch([record], signal) : this.process(record, signal));
  }

  /** Handles records from the cursor on, until one fails or the cursor says stop. */
  readonly run = async (records: readonly ConsumedRecord[], cursor: Cursor): Promise<Failure | null> => {
    const { signal } = cursor;
    try {
      if (this.processBatch) {
        await this.processBatch(records.slice(cursor.at), signal);
        if (!signal.aborted) cursor.at = records.length;
        return null;
      }
      const { process } = this;
      for (let at = cursor.at; at < records.length; at++) {
        cursor.at = at;
        if (cursor.stop) return null;
        const handled = process(records[at]!, signal);
        // Awaiting costs a turn of the loop: what is no promise needs none.
        if (handled instanceof Promise) await handled;
        else if (typeof (handled as PromiseLike<unknown> | undefined)?.then === 'function') await handled;
      }
    } catch (error) {
      return { error };
    }
    if (!signal.aborted) cursor.at = records.length;
    return null;
  };
}
