/** Where records go that failed for good. */

import { Partitioners, type Producer } from 'kafkajs';
import { type KafkaOptions, makeKafka } from './clients.js';
import { messageOf, nameOf } from './errors.js';
import type { ConsumedRecord } from './feed.js';
import { log } from './log.js';
import { sleep, within } from './waiting.js';

/**
 * Writes records to a dead-letter topic, with headers that say where each came from and why.
 *
 * The producer is made with the first record. A record counts as written when all replicas have it.
 */
export class DeadLetters {
  private producer: Promise<Producer> | null = null;

  constructor(
    private readonly serviceName: string,
    private readonly options: KafkaOptions,
  ) {}

  /** Writes a record; where that fails it is tried again until it succeeds or `isWanted` says that nobody waits. */
  async put(
    topic: string,
    record: ConsumedRecord,
    error: unknown,
    attempts: number,
    isWanted: () => boolean,
  ): Promise<boolean> {
    const headers = {
      ...record.headers,
      'lagproof.service': this.serviceName,
      'lagproof.topic': record.topic,
      'lagproof.partition': String(record.partition),
      'lagproof.offset': record.offset,
      'lagproof.attempts': String(attempts),
      'lagproof.error': nameOf(error).slice(0, 1000),
    };
    for (let pause = 500; isWanted(); pause = Math.min(pause * 2, 30_000)) {
      try {
        const producer = await this.started();
        await producer.send({ topic, acks: -1, messages: [{ key: record.key, value: record.value, headers }] });
        return true;
      } catch (problem) {
        log.error(
          `${this.serviceName}: ${record.topic}[${record.partition}]@${record.offset} could not be written to the ` +
            `dead-letter topic ${topic} (${messageOf(problem)}): trying again in ${pause / 1000} s; nothing after it is ` +
            'committed',
        );
      }
      for (let waited = 0; waited < pause && isWanted(); waited += 100) await sleep(100);
    }
    return false;
  }

  private started(): Promise<Producer> {
    this.producer ??= (async () => {
      const kafka = makeKafka(`${this.serviceName}-dead-letters`, this.options);
      const producer = kafka.producer({ createPartitioner: Partitioners.DefaultPartitioner, idempotent: true });
      await producer.connect();
      return producer;
    })();
    this.producer.catch(() => {
      this.producer = null;
    });
    return this.producer;
  }

  /** Ends the producer, if one was made. */
  async close(): Promise<void> {
    const producer = await this.producer?.catch(() => null);
    this.producer = null;
    if (producer) await within(producer.disconnect(), 10_000, undefined).catch(() => {});
  }
}
