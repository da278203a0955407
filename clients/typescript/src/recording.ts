/** Lag and metrics of a running consumer, written to the database now and then. */

import type { BaseKafkaConsumer } from './baseConsumer.js';
import { ask } from './database.js';
import { messageOf } from './errors.js';
import { log } from './log.js';
import { memoryMegabytes } from './metrics.js';
import { within } from './waiting.js';

/** How long the last row may take: a stop does not wait for a database that is away. */
const LAST_PATIENCE_MS = 3000;

/** Writes a row of metrics and one of lag a partition every `metricsEveryMs`, and a last one at the end. */
export class Recorder {
  private timer: NodeJS.Timeout | undefined;
  private recording: Promise<void> | null = null;
  private trouble = false;

  constructor(
    private readonly owner: BaseKafkaConsumer,
    private readonly instance: string,
  ) {}

  /** Begins, unless metrics are switched off. */
  start(): void {
    if (this.owner.metricsEveryMs > 0) this.timer = setInterval(() => this.next(), this.owner.metricsEveryMs);
  }

  /** Writes what was counted since the last row. */
  async stop(): Promise<void> {
    if (this.timer === undefined) return;
    clearInterval(this.timer);
    await within(
      (async () => {
        await this.recording;
        await this.record();
      })(),
      LAST_PATIENCE_MS,
      undefined,
    );
  }

  /** One at a time: a database that takes long costs rows, not connections. */
  private next(): void {
    this.recording ??= this.record().finally(() => {
      this.recording = null;
    });
  }

  /** A database that is away costs samples of lag; what was counted goes into the next row. */
  private async record(): Promise<void> {
    const { owner } = this;
    const { pool } = owner.loader;
    const counted = owner.counters.take();
    const seconds = Math.max((performance.now() - counted.since) / 1000, 1e-3);
    const service_name = owner.serviceName;
    const metrics = {
      service_name,
      messages_processed: counted.processed,
      processing_time_ms: counted.busyMs,
      messages_per_second: counted.processed / seconds,
      memory_usage_mb: memoryMegabytes(),
      messages_failed: counted.failed,
      rebalances: counted.rebalances,
      instance: this.instance,
    };
    try {
      const samples = (await this.behind()).map(({ topic, partition, offset, end }) => ({
        service_name,
        topic,
        partition,
        lag: Math.max(0, end - offset),
        consumer_offset: offset,
      }));
      await ask(pool, 'SELECT public.record_processing_metrics($1::jsonb)', [JSON.stringify([metrics])]);
      if (samples.length > 0) {
        await ask(pool, 'SELECT public.record_consumer_lag($1::jsonb)', [JSON.stringify(samples)]);
      }
      this.trouble = false;
    } catch (error) {
      owner.counters.putBack(counted);
      if (!this.trouble) {
        this.trouble = true;
        const why = messageOf(error);
        log.warn(`${service_name}: metrics could not be recorded (${why}): counts go into the next row`);
      }
    }
  }

  private async behind(): ReturnType<BaseKafkaConsumer['behind']> {
    try {
      return await within(this.owner.behind(), 10_000, []);
    } catch (error) {
      log.debug(`${this.owner.serviceName}: lag can't be told now: ${messageOf(error)}`);
      return [];
    }
  }
}
