/** Says when a batch takes longer than the group would wait for it elsewhere. */

import type { BaseKafkaConsumer } from './baseConsumer.js';
import { log } from './log.js';
import { maxPollIntervalMs } from './settings.js';
import type { Work } from './work.js';

/** Watches the batch in hand. Its membership is kept meanwhile: heartbeats go on, and nothing more is fetched. */
export class Watchdog {
  private timer: NodeJS.Timeout | undefined;
  private said: Work | null = null;

  constructor(private readonly owner: BaseKafkaConsumer) {}

  start(): void {
    this.timer = setInterval(() => this.look(), 1000);
  }

  stop(): void {
    clearInterval(this.timer);
  }

  private look(): void {
    const { work, isDownstreamDown, serviceName } = this.owner;
    if (work === null || work === this.said || isDownstreamDown) return;
    const interval = maxPollIntervalMs(this.owner.settings);
    if (performance.now() - work.began < interval * 0.8) return;
    this.said = work;
    log.warn(
      `${serviceName}: a batch of ${work.records} takes longer than max_poll_interval (${interval / 1000} s), ${work.left} ` +
        'records to go: partitions are paused and membership is kept; lower max_poll_records, or raise max_poll_interval',
    );
  }
}
