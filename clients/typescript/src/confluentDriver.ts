/** Confluent's JavaScript client, polled. */

import type { Consumer } from 'kafkajs';
import type { KafkaOptions } from './clients.js';
import { type ConfluentModule, confluentVersion, makeConfluent, type Rebalanced } from './confluent.js';
import { type Driver, type DriverEvents, keyOf, type Place, type Position } from './driver.js';
import { Feed } from './feed.js';
import { maxPollIntervalMs, type Settings } from './settings.js';

/**
 * How many partitions' batches may be open at once. The client fetches ahead by batches of as many partitions, and a
 * rebalance waits until they are all through: more than one would hold the group up.
 */
export const ONE_PARTITION = 1;

/**
 * librdkafka sends its heartbeats by itself, in a thread of its own, and a rebalance waits until the batches that are
 * open have ended: what is in hand is through before partitions go.
 */
export class ConfluentDriver implements Driver {
  readonly client = confluentVersion();
  readonly feed: Feed;
  readonly assignment = new Map<string, Place>();
  crash: unknown = null;
  private readonly consumer: Consumer;

  constructor(module: ConfluentModule, settings: Settings, options: KafkaOptions, events: DriverEvents) {
    this.feed = new Feed(maxPollIntervalMs(settings), () => events.revoked());
    const rebalanced: Rebalanced = (kind, places) => {
      for (const { topic, partition } of places) {
        if (kind === 'assign') this.assignment.set(keyOf({ topic, partition }), { topic, partition });
        else this.assignment.delete(keyOf({ topic, partition }));
      }
      if (kind === 'assign') events.assigned([...this.assignment.values()]);
      else events.gone(places.map(({ topic, partition }) => ({ topic, partition })));
    };
    const failed = (error: Error): void => {
      this.crash = error;
      this.feed.end();
    };
    this.consumer = makeConfluent(module, settings, options, rebalanced, failed).consumer;
  }

  async start(topics: readonly string[]): Promise<void> {
    await this.consumer.connect();
    await this.consumer.subscribe({ topics: [...topics] });
    await this.consumer.run({
      eachBatchAutoResolve: false,
      partitionsConsumedConcurrently: ONE_PARTITION,
      eachBatch: this.feed.eachBatch,
    });
  }

  async commit(positions: readonly Position[]): Promise<void> {
    await this.consumer.commitOffsets(
      positions.map(({ topic, partition, offset }) => ({ topic, partition, offset: String(offset) })),
    );
  }

  async stop(): Promise<void> {
    this.feed.end();
    await this.consumer.disconnect();
  }
}
