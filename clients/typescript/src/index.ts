/** Kafka consumers that take their settings from the database, and follow them without a redeploy. */

export { type BaseConsumerOptions, BaseKafkaConsumer } from './baseConsumer.js';
export type { Apply } from './changes.js';
export type { KafkaOptions } from './clients.js';
export {
  type ConsumerOptions,
  KafkaConsumerConfigLoader,
  type LoaderOptions,
  type ProcessingMetrics,
  type Recommendation,
} from './consumerConfigLoader.js';
export type { DatabaseClient, DatabasePool, DatabaseQuery, DatabaseResult } from './database.js';
export {
  BadRow,
  BrokerAway,
  DatabaseAway,
  DownstreamUnavailable,
  HandlerTimeout,
  LagproofError,
  NoRights,
  NoTopics,
  NotMigrated,
  PoisonRecord,
  RetiredService,
  SameInstance,
  SecurityMissing,
  UnknownService,
} from './errors.js';
export type { OnPoison } from './failures.js';
export type { ConsumedRecord, Slice } from './feed.js';
export { type Logger, setLogger } from './log.js';
export { createOptimizedConsumer, type OptimizedConsumer } from './optimized.js';
export type { Client, Commit, Config, Delivery, Handler, Retry, Settings } from './settings.js';
export type { Work } from './work.js';
