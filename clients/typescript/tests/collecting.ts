/** Consumers for tests. */

import type { Follows } from '../src/following.js';
import { type BaseConsumerOptions, BaseKafkaConsumer, type ConsumedRecord } from '../src/index.js';
import type { Service } from './service.js';

/** Keeps what it saw; `handler` may do more. */
export class Collecting extends BaseKafkaConsumer {
  override metricsEveryMs = 0;
  readonly seen: { partition: number; offset: number; value: string }[] = [];
  readonly byKey = new Map<string, number[]>();
  now = 0;
  most = 0;
  calls = 0;

  constructor(
    service: Service,
    public handler: ((record: ConsumedRecord, signal: AbortSignal) => unknown) | null = null,
    options: BaseConsumerOptions = {},
  ) {
    super(service.name, { pool: service.pool, kafka: service.brokers, ...options });
  }

  override async process(record: ConsumedRecord, signal: AbortSignal): Promise<void> {
    this.calls += 1;
    this.now += 1;
    this.most = Math.max(this.most, this.now);
    try {
      await this.handler?.(record, signal);
    } finally {
      this.now -= 1;
    }
    const offset = Number(record.offset);
    this.seen.push({ partition: record.partition, offset, value: String(record.value) });
    const key = String(record.key);
    this.byKey.set(key, [...(this.byKey.get(key) ?? []), offset]);
  }

  /** Tries a downstream that is down sooner. */
  probeAfter(ms: number): void {
    this.breaker.firstMs = ms;
  }

  /** What follows its row. */
  get follows(): Follows | null {
    return this.following;
  }

  get values(): string[] {
    return this.seen.map(one => one.value);
  }
}

/** What runs, and how it ended. */
export interface Running {
  /** Stops it, and throws what it threw. */
  stop(): Promise<void>;
  /** Ends as `run` ends. */
  ended: Promise<void>;
}

/** Runs it until the test stops it or is over. */
export async function running(consumer: BaseKafkaConsumer, service: Service): Promise<Running> {
  let isOver = false;
  const ended = consumer.run({ handleSignals: false }).finally(() => {
    isOver = true;
  });
  ended.catch(() => {});
  const stop = async (): Promise<void> => {
    if (!isOver) consumer.stop();
    await ended;
  };
  service.later(() => stop().catch(() => {}));
  await Promise.race([consumer.ready(), ended.catch(() => {})]);
  return { stop, ended };
}

/** Texts of numbers from 0 on. */
export function numbers(count: number): string[] {
  return Array.from({ length: count }, (_, number) => String(number));
}
