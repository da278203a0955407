/** Settings from the database for consumers that are written by hand: `KafkaConsumerConfigLoader`. */

import { changes, heavier, worst } from './changes.js';
import { type KafkaOptions, kafkajsVersion, topicsOf } from './clients.js';
import { confluentVersion } from './confluent.js';
import { ask, type DatabasePool, explain } from './database.js';
import type { SameInstance } from './errors.js';
import type { Slice } from './feed.js';
import { Instance } from './instance.js';
import { folder } from './lastGood.js';
import { log } from './log.js';
import { lower } from './lowering.js';
import { memoryMegabytes } from './metrics.js';
import { connected, type OptimizedConsumer } from './optimized.js';
import { type Config, expand } from './settings.js';
import { readOrLastGood, Watcher } from './source.js';

/** How a loader follows its rows. */
export interface LoaderOptions {
  /** Milliseconds between two looks at a row; 30 s. */
  pollEveryMs?: number;
  /** Where the last-good files are; see `lastGood.ts`. */
  stateDir?: string;
}

/** What a consumer is made from beside its row. */
export interface ConsumerOptions {
  serviceName: string;
  /** What to read; left out or empty, the row's topics. */
  topics?: readonly string[];
  /** Where the cluster is; left out, KAFKA_BOOTSTRAP_SERVERS says it. */
  kafka?: KafkaOptions;
  /** How long a broker may not answer; 60 s. */
  startWithinMs?: number;
  /** Called when the consumer has disconnected. */
  onDisconnect?: () => Promise<void>;
}

/** What a replica processed since its last report. */
export interface ProcessingMetrics {
  processingTimeMs?: number;
  messagesPerSecond?: number;
  /** Measured where it is not given. */
  memoryUsageMb?: number;
  messagesFailed?: number;
  rebalances?: number;
  instance?: string;
}

/** What should be done about a service. */
export interface Recommendation {
  service_name: string;
  priority: 'critical' | 'high' | 'medium' | 'low';
  alert: string;
  problem: string;
  recommendation: string;
  /** The setting that it is about, where it is about one. */
  setting: string | null;
  current_value: string | null;
  recommended_value: string | null;
}

/**
 * Reads how services should run, makes their consumers, and follows changes.
 *
 * Batch sizes follow the table while a consumer runs. What needs a new consumer is said in the log: restart the service
 * then, or write it as a `BaseKafkaConsumer`, which does that by itself.
 */
export class KafkaConsumerConfigLoader {
  readonly pollEveryMs: number;
  readonly stateDir: string;
  private readonly configs = new Map<string, Config>();
  private readonly watchers = new Map<string, Watcher>();
  private readonly instances = new Map<string, Instance[]>();

  constructor(
    readonly pool: DatabasePool,
    options: LoaderOptions = {},
  ) {
    this.pollEveryMs = options.pollEveryMs ?? 30_000;
    this.stateDir = options.stateDir ?? folder();
  }

  /**
   * The service's row as it is now; the last good one where the database is away, which is said loudly.
   *
   * Throws UnknownService (which says what is known), RetiredService, BadRow, NotMigrated (which says what to run),
   * NoRights, and DatabaseAway where there is no last good one either.
   */
  async loadConfig(serviceName: string): Promise<Config> {
    const config = await readOrLastGood(this.pool, serviceName, this.stateDir);
    this.configs.set(serviceName, config);
    return config;
  }

  /** The row as it was read last. Throws where it never was. */
  configOf(serviceName: string): Config {
    const config = this.configs.get(serviceName);
    if (config === undefined) throw new Error(`the row of ${serviceName} was not read yet: call loadConfig first`);
    return config;
  }

  /**
   * A consumer with every setting of the row, connected and subscribed; see `createOptimizedConsumer`.
   *
   * Throws what `loadConfig` throws, NoTopics, SecurityMissing, SameInstance, and BrokerAway where no broker answers in
   * time.
   */
  async createConsumer(options: ConsumerOptions): Promise<OptimizedConsumer> {
    const { serviceName } = options;
    const config = await this.loadConfig(serviceName);
    const topics = topicsOf(config.settings, options.topics);
    lower(config.settings); // refused here rather than after a wait
    const instance = new Instance(this.pool, serviceName, kafkajsVersion());
    if (config.settings.client === 'confluent-javascript' && config.settings.instanceId !== null) {
      [instance.name, instance.isStatic] = [expand(config.settings.instanceId, serviceName), true];
    }
    await instance.claim();
    const kafka = options.kafka ?? {};
    const ended = async (): Promise<void> => {
      const others = (this.instances.get(serviceName) ?? []).filter(one => one !== instance);
      this.instances.set(serviceName, others);
      await instance.stop();
      await options.onDisconnect?.();
    };
    let consumer: OptimizedConsumer;
    try {
      consumer = await connected(this, config, kafka, topics, options.startWithinMs ?? 60_000, ended);
    } catch (error) {
      await instance.stop();
      throw error;
    }
    if (config.settings.client === 'confluent-javascript') instance.client = confluentVersion();
    instance.runs(config);
    await instance.report();
    instance.start();
    this.instances.set(serviceName, [...(this.instances.get(serviceName) ?? []), instance]);
    this.watch(serviceName);
    log.info(
      `${serviceName}: consumes ${topics.join(', ')} with version ${config.version}, generation ${config.generation}: ` +
        `batches of at most ${config.maxPollRecords}`,
    );
    return consumer;
  }

  /** `consumer.pollWithLimit`: records that are there, at most the service's max_poll_records as it is now. */
  pollWithLimit(consumer: OptimizedConsumer, timeoutMs = 1000): Promise<Slice[]> {
    return consumer.pollWithLimit(timeoutMs);
  }

  /** What should be done about a service, or about all: the alerts of the database, the most urgent first. */
  async getProcessingRecommendations(serviceName: string | null = null): Promise<Recommendation[]> {
    return this.ask('SELECT * FROM lagproof.recommendations_v1($1)', [serviceName]);
  }

  /** Records how far behind a partition is, in records: log end minus position, the position read first. */
  async recordConsumerLag(
    serviceName: string,
    topic: string,
    partition: number,
    lag: number,
    consumerOffset: number | null = null,
  ): Promise<void> {
    const values = [serviceName, topic, partition, lag, consumerOffset];
    await this.ask('SELECT public.record_consumer_lag($1, $2, $3, $4, $5)', values);
  }

  /** Records what this replica processed since its last call. */
  async recordProcessingMetrics(
    serviceName: string,
    messagesProcessed: number,
    metrics: ProcessingMetrics = {},
  ): Promise<void> {
    await this.ask('SELECT public.record_processing_metrics($1, $2, $3, $4, $5, now(), $6, $7, $8)', [
      serviceName,
      messagesProcessed,
      metrics.processingTimeMs ?? null,
      metrics.messagesPerSecond ?? null,
      metrics.memoryUsageMb ?? memoryMegabytes(),
      metrics.messagesFailed ?? null,
      metrics.rebalances ?? null,
      metrics.instance ?? this.instances.get(serviceName)?.at(-1)?.name ?? null,
    ]);
  }

  /** Begins to follow a service's row, unless that goes on already; `loadConfig` must have read it. */
  watch(serviceName: string): void {
    if (this.watchers.has(serviceName)) return;
    const changed = (config: Config): void => this.changed(config);
    const watcher = new Watcher(this.pool, this.configOf(serviceName), changed, this.stateDir, this.pollEveryMs);
    this.watchers.set(serviceName, watcher);
    watcher.start();
  }

  /** Whether the database says by itself when that service's row changed. */
  isListening(serviceName: string): boolean {
    return this.watchers.get(serviceName)?.listening ?? false;
  }

  /** Stops following, and says that what ran here has stopped. Consumers are disconnected by who uses them. */
  async close(): Promise<void> {
    const ending = [...this.watchers.values()].map(one => one.stop());
    const instances = [...this.instances.values()].flat();
    this.watchers.clear();
    this.instances.clear();
    await Promise.all(ending);
    for (const instance of instances) await instance.stop();
  }

  /** Set where another process has taken this one's static member id over: stop then. */
  get fenced(): SameInstance | null {
    return [...this.instances.values()].flat().find(one => one.fenced)?.fenced ?? null;
  }

  private changed(config: Config): void {
    const { serviceName: name, generation } = config;
    const found = changes(this.configOf(name).settings, config.settings);
    this.configs.set(name, config);
    const heavy = [...found].filter(([, apply]) => heavier(apply, 'hot')).map(([key]) => key);
    for (const instance of this.instances.get(name) ?? []) {
      instance.seen = config;
      const lasting = worst(changes(instance.running!.settings, config.settings));
      if (heavier(lasting, 'hot')) {
        [instance.state, instance.detail] = ['refused', `${heavy.join(', ')} need a restart of the service`];
      } else {
        instance.runs(config);
      }
      void instance.report();
    }
    if (heavy.length > 0) {
      const how = worst(found) === 'stop-all' ? ' (stop all replicas, then start)' : ', one replica after the other';
      log.warn(
        `${name}: generation ${generation} changes ${heavy.join(', ')}, which this consumer can't take while it runs: ` +
          `restart the service${how}`,
      );
    }
    if (found.size > 0) log.info(`${name}: generation ${generation}: batches of at most ${config.maxPollRecords}`);
  }

  private async ask<Row>(sql: string, values: unknown[]): Promise<Row[]> {
    try {
      return await ask(this.pool, sql, values);
    } catch (error) {
      throw explain(error);
    }
  }
}
