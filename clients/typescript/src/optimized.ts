/** `createOptimizedConsumer`: a consumer made from its service's row. */

import type { Consumer, ConsumerRunConfig } from 'kafkajs';
import { type KafkaOptions, makeKafkajs } from './clients.js';
import { loadConfluent, makeConfluent } from './confluent.js';
import { ONE_PARTITION } from './confluentDriver.js';
import { KafkaConsumerConfigLoader, type LoaderOptions } from './consumerConfigLoader.js';
import { cut, type Limits } from './cutting.js';
import type { DatabasePool } from './database.js';
import { partitionsAtOnce, startDriver } from './driver.js';
import { Feed, type Slice } from './feed.js';
import { log } from './log.js';
import type { Lowered } from './lowering.js';
import { type Config, maxPollIntervalMs, type Settings } from './settings.js';
import { Gate } from './waiting.js';

/** The client's own consumer, and what the service's row adds to it. */
export interface OptimizedConsumer extends Consumer {
  readonly serviceName: string;
  /** The row as it is now. */
  readonly config: Config;
  /** Reads rows, records lag and metrics. */
  readonly loader: KafkaConsumerConfigLoader;
  /**
   * Records that are there, at most max_poll_records as it is now; waits for the first one only, `timeoutMs` (1 s) at
   * most. Instead of `run`. What an earlier call answered counts as processed with the next one.
   */
  pollWithLimit(timeoutMs?: number): Promise<Slice[]>;
  /** Commits what `pollWithLimit` has answered so far. */
  commitPolled(): Promise<void>;
}

/**
 * A consumer with every setting of the service's row, connected and subscribed.
 *
 * ```ts
 * const consumer = await createOptimizedConsumer(pool, { brokers: ['kafka:9092'] }, 'service-name', ['topic-name']);
 * await consumer.run({ eachBatch: async ({ batch }) => { … } });
 * ```
 *
 * Batches are cut to max_poll_records, which follows the table while the consumer runs. Without topics it reads the
 * row's; without brokers, the ones of KAFKA_BOOTSTRAP_SERVERS. `disconnect` ends the following too.
 *
 * Throws what `KafkaConsumerConfigLoader.createConsumer` throws.
 */
export async function createOptimizedConsumer(
  pool: DatabasePool,
  kafka: KafkaOptions,
  serviceName: string,
  topics: readonly string[] = [],
  options: LoaderOptions & { startWithinMs?: number } = {},
): Promise<OptimizedConsumer> {
  const loader = new KafkaConsumerConfigLoader(pool, options);
  try {
    const { startWithinMs } = options;
    return await loader.createConsumer({
      serviceName,
      topics,
      kafka,
      ...(startWithinMs === undefined ? {} : { startWithinMs }),
      onDisconnect: () => loader.close(),
    });
  } catch (error) {
    await loader.close();
    throw error;
  }
}

/** The consumer that a row declares, connected and subscribed. */
export async function connected(
  loader: KafkaConsumerConfigLoader,
  config: Config,
  kafka: KafkaOptions,
  topics: readonly string[],
  startWithinMs: number,
  onDisconnect: () => Promise<void>,
): Promise<OptimizedConsumer> {
  const { settings, serviceName } = config;
  const module = settings.client === 'confluent-javascript' ? await loadConfluent(serviceName) : null;
  const make = (): { consumer: Consumer; lowered: Lowered } =>
    module ? makeConfluent(module, settings, kafka) : makeKafkajs(settings, kafka);
  const { consumer, lowered } = await startDriver(
    () => {
      const { consumer, lowered } = make();
      return { consumer, lowered, stop: () => consumer.disconnect() };
    },
    async made => {
      await made.consumer.connect();
      await made.consumer.subscribe({ ...made.lowered.subscribe, topics: [...topics] });
    },
    serviceName,
    startWithinMs,
    new Gate(),
  );
  return wrapped(loader, consumer, lowered, settings, onDisconnect);
}

function wrapped(
  loader: KafkaConsumerConfigLoader,
  consumer: Consumer,
  lowered: Lowered,
  settings: Settings,
  onDisconnect: () => Promise<void>,
): OptimizedConsumer {
  const { serviceName } = settings;
  const heartbeatMs = (settings.consumer.heartbeat_interval_ms as number | undefined) ?? 3000;
  const now = (): Config => loader.configOf(serviceName);
  const limits = (): Limits => {
    const { settings: current, maxPollRecords } = now();
    return { serviceName, maxPollRecords, maxPollIntervalMs: maxPollIntervalMs(current), heartbeatMs };
  };
  const polling = new Polling(consumer, limits, partitionsAtOnce(lowered));
  // Confluent's client has a timer or nothing.
  const commits = isConfluent(consumer) && settings.delivery.commit === 'after-batch';
  const commit = commits
    ? (topic: string, partition: number, offset: string) => consumer.commitOffsets([{ topic, partition, offset }])
    : null;
  const added: Partial<OptimizedConsumer> = {
    serviceName,
    loader,
    run: (given: ConsumerRunConfig = {}) => {
      if (!given.eachBatch && !given.eachMessage) throw new TypeError('run() needs eachBatch or eachMessage');
      for (const [key, value] of Object.entries(given)) {
        if (key in lowered.run && lowered.run[key] !== value) {
          log.warn(`${serviceName}: run({ ${key}: ${value} }) stands instead of the row's ${lowered.run[key]}`);
        }
      }
      return consumer.run(cut({ ...lowered.run, ...given }, limits, commit));
    },
    pollWithLimit: (timeoutMs = 1000) => polling.poll(timeoutMs),
    commitPolled: () => polling.commit(),
    disconnect: async () => {
      polling.end();
      try {
        await consumer.disconnect();
      } finally {
        await onDisconnect();
      }
    },
  };
  // Everything else is the client's own: a proxy keeps the methods of both clients as they are.
  return new Proxy(consumer as OptimizedConsumer, {
    get(target, name) {
      if (name === 'config') return now();
      const found = Reflect.get(name in added ? added : target, name);
      return typeof found === 'function' && !(name in added) ? found.bind(target) : found;
    },
    has: (target, name) => name === 'config' || name in added || name in target,
  });
}

/** A consumer that is polled rather than run. */
class Polling {
  private feed: Feed | null = null;
  private handed: Slice[] = [];
  private readonly uncommitted = new Map<string, Slice>();
  /** Open while nobody works on what was handed out. */
  private readonly returned = new Gate();
  private polledAt = Date.now();

  constructor(
    private readonly consumer: Consumer,
    private readonly limits: () => Limits,
    private readonly partitionsAtOnce: number,
  ) {}

  async poll(timeoutMs: number): Promise<Slice[]> {
    this.polledAt = Date.now();
    this.returned.set();
    this.feed ??= await this.start();
    this.feed.done(this.handed);
    this.handed = await this.feed.poll(this.limits().maxPollRecords, timeoutMs);
    this.polledAt = Date.now();
    if (this.handed.length > 0) this.returned.clear();
    for (const slice of this.handed) this.uncommitted.set(`${slice.topic}[${slice.partition}]`, slice);
    return this.handed;
  }

  private async start(): Promise<Feed> {
    const { heartbeatMs, maxPollIntervalMs } = this.limits();
    // The group waits for whoever works on records, so that they can still be committed.
    const revoked = async (): Promise<void> => {
      await this.returned.wait(maxPollIntervalMs * 0.8);
      this.uncommitted.clear();
    };
    const feed = new Feed(heartbeatMs, revoked, () => Date.now() - this.polledAt < this.limits().maxPollIntervalMs);
    await this.consumer.run({
      ...(isConfluent(this.consumer)
        ? { partitionsConsumedConcurrently: ONE_PARTITION }
        : { autoCommit: false, partitionsConsumedConcurrently: this.partitionsAtOnce }),
      eachBatchAutoResolve: false,
      eachBatch: feed.eachBatch,
    });
    return feed;
  }

  async commit(): Promise<void> {
    const slices = [...this.uncommitted.values()];
    this.uncommitted.clear();
    if (slices.length === 0) return;
    await this.consumer.commitOffsets(
      slices.map(({ topic, partition, end }) => ({ topic, partition, offset: String(end) })),
    );
  }

  end(): void {
    this.feed?.end();
  }
}

/** Confluent's consumer refuses kafkajs's own options of `run`. */
function isConfluent(consumer: Consumer): boolean {
  return 'assignment' in consumer;
}
