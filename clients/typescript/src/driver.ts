/** A consumer of kafkajs that is polled: what the base consumer and `pollWithLimit` run on. */

import type { Consumer } from 'kafkajs';
import { type KafkaOptions, kafkajsVersion, makeKafkajs } from './clients.js';
import { BrokerAway, messageOf, Stopped } from './errors.js';
import { Feed } from './feed.js';
import { log, warnOnce } from './log.js';
import type { Lowered } from './lowering.js';
import { mayPass, typeOf } from './offsets.js';
import type { Settings } from './settings.js';
import { type Gate, sleep, within } from './waiting.js';

/** A partition of a topic. */
export interface Place {
  readonly topic: string;
  readonly partition: number;
}

/** How far a partition is: the next record's offset. */
export interface Position extends Place {
  readonly offset: number;
}

/** A place's name in maps. */
export function keyOf({ topic, partition }: Place): string {
  return `${topic}[${partition}]`;
}

/** What happens to a consumer by itself. */
export interface DriverEvents {
  /** It has these partitions from now on, and no others. */
  assigned(places: Place[]): void;
  /** It gives its partitions back: what is in hand is to be finished and committed before this ends. */
  revoked(): Promise<void>;
  /** It has these partitions no longer. */
  gone(places: Place[]): void;
}

/** A client that is polled. */
export interface Driver {
  readonly client: string;
  readonly feed: Feed;
  /** What ended it by itself. */
  readonly crash: unknown;
  readonly assignment: ReadonlyMap<string, Place>;
  /** Joins; throws what the client throws. */
  start(topics: readonly string[]): Promise<void>;
  /** Throws what the client throws. */
  commit(positions: readonly Position[]): Promise<void>;
  /** Leaves the group. What is in hand counts as not done. */
  stop(): Promise<void>;
}

/** How many partitions' batches may be open at once: all that one answer of a broker can hold. */
export const ALL_PARTITIONS = 1000;

/** The row's own number where it has one. */
export function partitionsAtOnce(lowered: Lowered): number {
  return (lowered.run.partitionsConsumedConcurrently as number | undefined) ?? ALL_PARTITIONS;
}

/** kafkajs, polled. */
export class KafkajsDriver implements Driver {
  readonly client = kafkajsVersion();
  readonly feed: Feed;
  readonly assignment = new Map<string, Place>();
  crash: unknown = null;
  private readonly consumer: Consumer;
  private readonly fromBeginning: boolean;
  private readonly partitionsAtOnce: number;

  /** Throws BadRow where the row is for another client, or the client refuses it. */
  constructor(settings: Settings, options: KafkaOptions, events: DriverEvents) {
    // Whoever polls decides what follows a crash: kafkajs's own restart would go on with the settings before.
    const made = makeKafkajs(settings, options, { retry: { restartOnFailure: async () => false } });
    this.consumer = made.consumer;
    this.fromBeginning = made.lowered.subscribe.fromBeginning ?? false;
    this.partitionsAtOnce = partitionsAtOnce(made.lowered);
    for (const key of ['autoCommitThreshold', 'eachBatchAutoResolve']) {
      if (key in made.lowered.run) {
        const text = `raw.kafkajs.${key} does nothing here: records are resolved and committed as its row's commit says`;
        warnOnce(`${settings.serviceName}: ${text}`);
      }
    }
    const heartbeat = (made.lowered.consumer.heartbeatInterval as number | undefined) ?? 3000;
    this.feed = new Feed(heartbeat, () => events.revoked());
    const { GROUP_JOIN, REBALANCING, CRASH } = this.consumer.events;
    this.consumer.on(REBALANCING, () => {
      events.gone([...this.assignment.values()]);
      this.assignment.clear();
    });
    this.consumer.on(GROUP_JOIN, ({ payload }) => {
      this.assignment.clear();
      for (const [topic, partitions] of Object.entries(payload.memberAssignment)) {
        for (const partition of partitions) this.assignment.set(keyOf({ topic, partition }), { topic, partition });
      }
      // What was open from before it joined anew (another broker's answer made it) is read again.
      void this.feed.drop();
      events.assigned([...this.assignment.values()]);
    });
    this.consumer.on(CRASH, ({ payload }) => {
      this.crash = payload.error;
      this.feed.end();
    });
  }

  async start(topics: readonly string[]): Promise<void> {
    await this.consumer.connect();
    await this.consumer.subscribe({ topics: [...topics], fromBeginning: this.fromBeginning });
    await this.consumer.run({
      autoCommit: false,
      eachBatchAutoResolve: false,
      partitionsConsumedConcurrently: this.partitionsAtOnce,
      eachBatch: this.feed.eachBatch,
    });
    if (this.crash) throw this.crash;
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

/** Ends a driver, waiting `ms` for it at most. */
export async function end(driver: Driver, ms = 20_000): Promise<void> {
  try {
    if ((await within(driver.stop(), ms, 'late')) === 'late') log.debug('the client did not end in time');
  } catch (error) {
    log.debug(`the client did not end well: ${messageOf(error)}`);
  }
}

/**
 * Starts what `make` makes; while no broker answers, or a topic is not there, it tries again: `withinMs` or for ever
 * (null).
 *
 * Throws BrokerAway where no broker answered in time, Stopped where it was stopped meanwhile, and what else the client
 * throws.
 */
export async function startDriver<One extends { stop(): Promise<void> }>(
  make: () => One,
  start: (one: One) => Promise<void>,
  serviceName: string,
  withinMs: number | null,
  stopped: Gate,
): Promise<One> {
  const began = Date.now();
  let pause = 500;
  let said = false;
  for (;;) {
    const one = make();
    const left = withinMs === null ? 2 ** 31 - 1 : Math.max(0, withinMs - (Date.now() - began));
    const starting = start(one).then(
      () => null,
      error => error,
    );
    const outcome = await Promise.race([
      within(starting, left, new BrokerAway('no answer')),
      stopped.wait().then(() => new Stopped('')),
    ]);
    if (outcome === null) {
      if (said) log.warn(`${serviceName}: a broker answers`);
      return one;
    }
    await within(
      one.stop().catch(() => {}),
      5000,
      undefined,
    );
    if (stopped.isOpen) throw new Stopped(`${serviceName}: stopped while no broker answered`, { cause: outcome });
    if (!(outcome instanceof BrokerAway) && !mayPass(outcome)) throw outcome;
    if (withinMs !== null && Date.now() - began + pause > withinMs) {
      throw new BrokerAway(
        `${serviceName}: no broker answered within ${withinMs / 1000} s (${messageOf(outcome)}). Is it up, and is its ` +
          'address right? Brokers are named in the call or in KAFKA_BOOTSTRAP_SERVERS',
        { cause: outcome },
      );
    }
    if (!said) {
      const missing = typeOf(outcome) === 'UNKNOWN_TOPIC_OR_PARTITION';
      const what = missing ? 'a topic is not on the broker (generated/topics/*.sh makes it)' : 'no broker answers';
      log.error(`${serviceName}: ${what} (${messageOf(outcome)}): trying again until one does`);
      said = true;
    }
    await Promise.race([sleep(pause), stopped.wait()]);
    pause = Math.min(pause * 2, 10_000);
  }
}
