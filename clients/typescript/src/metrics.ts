/** What a replica counts, and the memory that it takes. */

/** Resident memory of this process in megabytes. */
export function memoryMegabytes(): number {
  return process.memoryUsage.rss() / 1e6;
}

/** Counted since the last row that was recorded. */
export class Counters {
  /** Records, failed ones among them. */
  processed = 0;
  /** Records that failed for good. */
  failed = 0;
  /** Milliseconds in handlers, summed over all records. */
  busyMs = 0;
  rebalances = 0;
  /** When counting began, by `performance.now()`. */
  since = performance.now();

  /** What was counted; counting begins anew. */
  take(): Counters {
    const taken = Object.assign(new Counters(), this);
    Object.assign(this, new Counters());
    return taken;
  }

  /** What could not be recorded counts in the next row. */
  putBack(taken: Counters): void {
    this.processed += taken.processed;
    this.failed += taken.failed;
    this.busyMs += taken.busyMs;
    this.rebalances += taken.rebalances;
    this.since = taken.since;
  }
}
