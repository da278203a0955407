/** Questions about offsets, and what a client's errors mean. */

import type { Admin, Kafka } from 'kafkajs';
import { type KafkaOptions, makeKafka } from './clients.js';
import { keyOf, type Place, type Position } from './driver.js';
import { messageOf } from './errors.js';
import { log } from './log.js';

const WENT_ON = new Set(['ILLEGAL_GENERATION', 'UNKNOWN_MEMBER_ID', 'REBALANCE_IN_PROGRESS']);
const FATAL = new Set([
  'GROUP_AUTHORIZATION_FAILED',
  'TOPIC_AUTHORIZATION_FAILED',
  'SASL_AUTHENTICATION_FAILED',
  'FENCED_INSTANCE_ID',
  'ERR__FATAL',
]);

/** The error of the broker, or of librdkafka, wherever in the chain of causes it is. */
function protocolError(error: unknown): { type: string; retriable?: boolean } | undefined {
  for (let one = error; one instanceof Error; one = one.cause) {
    if (typeof (one as { type?: unknown }).type === 'string') return one as Error & { type: string };
  }
  return undefined;
}

/** Kafka's own name for an error; librdkafka's where it is none of Kafka's. */
export function typeOf(error: unknown): string | undefined {
  return protocolError(error)?.type.replace(/^ERR_(?!_)/, ''); // as Confluent's client calls them
}

/** Whether joining may succeed with another try: no broker answers, or it is not ready, or a topic is not made yet. */
export function mayPass(error: unknown): boolean {
  if (!isOfTheClient(error) || isFatal(error)) return false;
  const found = protocolError(error);
  if (found === undefined) return (error as Error).name !== 'KafkaJSNonRetriableError';
  return found.retriable === true || /^ERR__(TRANSPORT|ALL_BROKERS_DOWN|TIMED_OUT|RESOLVE)$/.test(found.type);
}

/** Whether it is a refusal that trying again does not change. */
export function isFatal(error: unknown): boolean {
  const type = typeOf(error);
  return (type !== undefined && FATAL.has(type)) || (error as Error).name === 'KafkaJSSASLAuthenticationError';
}

/** Whether it is the Kafka client's own, which a new consumer may mend. */
export function isOfTheClient(error: unknown): boolean {
  return /^(KafkaJS|LibrdKafka)/.test((error as Error | null)?.name ?? '');
}

/** Whether the group went on without this member, so that its commit came too late. */
export function groupWentOn(error: unknown): boolean {
  const type = typeOf(error);
  return type !== undefined && WENT_ON.has(type);
}

/** Asks about logs' ends and groups' offsets, over one connection that is made with the first question. */
export class Offsets {
  private readonly kafka: Kafka;
  private admin: Promise<Admin> | null = null;

  constructor(
    serviceName: string,
    private readonly group: string,
    options: KafkaOptions,
  ) {
    this.kafka = makeKafka(serviceName, options, { retry: { retries: 1 } });
  }

  private connected(): Promise<Admin> {
    this.admin ??= (async () => {
      const admin = this.kafka.admin();
      await admin.connect();
      return admin;
    })();
    this.admin.catch(() => {
      this.admin = null;
    });
    return this.admin;
  }

  /** One past the newest record of each partition. Throws what kafkajs throws. */
  async ends(topic: string): Promise<Map<number, number>> {
    const found = await (await this.connected()).fetchTopicOffsets(topic);
    return new Map(found.map(({ partition, high }) => [partition, Number(high)]));
  }

  /** Records behind of the whole group, by what it committed; null where it can't be told now. */
  async groupLag(topics: readonly string[]): Promise<number | null> {
    try {
      const admin = await this.connected();
      const committed = await admin.fetchOffsets({ groupId: this.group, topics: [...topics] });
      let lag = 0;
      for (const { topic, partitions } of committed) {
        const ends = await this.ends(topic);
        for (const { partition, offset } of partitions) {
          if (Number(offset) >= 0) lag += Math.max(0, (ends.get(partition) ?? 0) - Number(offset));
        }
      }
      return lag;
    } catch (error) {
      log.debug(`the group's lag can't be told now: ${messageOf(error)}`);
      return null;
    }
  }

  /**
   * By partition: the next record to process, and the log's end. `known` says where this process is; partitions of which
   * it has processed nothing are where the group committed, and left out where it never did.
   */
  async behind(
    places: readonly Place[],
    known: ReadonlyMap<string, Position>,
  ): Promise<(Position & { end: number })[]> {
    const found: (Position & { end: number })[] = [];
    for (const topic of new Set(places.map(place => place.topic))) {
      const held = places.filter(place => place.topic === topic);
      const at = new Map(held.map(place => [place.partition, known.get(keyOf(place))?.offset]));
      if ([...at.values()].includes(undefined)) {
        const admin = await this.connected();
        const [committed] = await admin.fetchOffsets({ groupId: this.group, topics: [topic] });
        for (const { partition, offset } of committed?.partitions ?? []) {
          if (at.has(partition) && at.get(partition) === undefined && Number(offset) >= 0) {
            at.set(partition, Number(offset));
          }
        }
      }
      const ends = await this.ends(topic);
      for (const [partition, offset] of at) {
        const end = ends.get(partition);
        if (offset !== undefined && end !== undefined) found.push({ topic, partition, offset, end });
      }
    }
    return found;
  }

  async close(): Promise<void> {
    const admin = await this.admin?.catch(() => null);
    await admin?.disconnect().catch(() => {});
  }
}
