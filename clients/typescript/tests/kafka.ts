/** A real Apache Kafka, run by `lagproof broker`, and what tests do with it. */

import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { createInterface } from 'node:readline';
import { type Admin, Kafka as Client, type KafkaMessage, logLevel, Partitioners, type Producer } from 'kafkajs';
import { sleep } from '../src/waiting.js';
import { LAGPROOF } from './postgres.js';

/** The broker. */
export class Kafka {
  private readonly client: Client;
  private readonly lines: AsyncIterator<string>;
  private connections: Promise<[Admin, Producer]> | null = null;

  private constructor(
    private readonly process: ChildProcess,
    lines: AsyncIterator<string>,
    readonly bootstrap: string,
  ) {
    this.lines = lines;
    this.client = new Client({ brokers: [bootstrap], logLevel: logLevel.NOTHING, retry: { retries: 20 } });
  }

  static async start(): Promise<Kafka> {
    const child = spawn(LAGPROOF, ['broker'], { stdio: ['pipe', 'pipe', 'pipe'] });
    let trouble = '';
    child.stderr.on('data', text => {
      trouble += text;
    });
    const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
    const first = await lines.next();
    const [word, bootstrap] = String(first.value).split(' ');
    assert.equal(word, 'ready', `no broker: ${trouble}\nbuild lagproof with it: cargo build --features kafka,db`);
    return new Kafka(child, lines, bootstrap!);
  }

  /** `halt`, `kill` or `resume`. */
  async tell(word: 'halt' | 'kill' | 'resume'): Promise<void> {
    this.process.stdin!.write(`${word}\n`);
    assert.equal((await this.lines.next()).value, `done ${word}`);
  }

  /** Ends it. */
  async stop(): Promise<void> {
    if (this.connections) {
      const [admin, producer] = await this.connections;
      await Promise.all([admin.disconnect(), producer.disconnect()]);
    }
    const ended = new Promise(resolve => this.process.once('exit', resolve));
    this.process.stdin!.end();
    await ended;
  }

  private connected(): Promise<[Admin, Producer]> {
    this.connections ??= (async () => {
      const admin = this.client.admin();
      const producer = this.producer();
      await Promise.all([admin.connect(), producer.connect()]);
      return [admin, producer];
    })();
    return this.connections;
  }

  /** A producer of a test's own, not connected. */
  producer(): Producer {
    return this.client.producer({ createPartitioner: Partitioners.DefaultPartitioner });
  }

  /** A topic of a test's own. */
  async topic(partitions = 4, name = `t.${randomBytes(4).toString('hex')}`): Promise<string> {
    const [admin] = await this.connected();
    await admin.createTopics({ topics: [{ topic: name, numPartitions: partitions }], waitForLeaders: true });
    return name;
  }

  /** Writes records; their keys choose the partition, else they go round. */
  async produce(
    topic: string,
    values: readonly (string | Buffer)[],
    { keys, partition }: { keys?: readonly (string | null)[]; partition?: number } = {},
  ): Promise<void> {
    const [, producer] = await this.connected();
    const messages = values.map((value, index) => ({
      value,
      key: keys?.[index] ?? null,
      ...(partition === undefined ? {} : { partition }),
    }));
    for (let at = 0; at < messages.length; at += 1000) {
      await producer.send({ topic, acks: -1, messages: messages.slice(at, at + 1000) });
    }
  }

  /** The first records of a topic, over all partitions. */
  async read(topic: string, count: number, withinMs = 20_000): Promise<KafkaMessage[]> {
    const consumer = this.client.consumer({ groupId: `read-${randomBytes(4).toString('hex')}`, maxWaitTimeInMs: 100 });
    await consumer.connect();
    await consumer.subscribe({ topics: [topic], fromBeginning: true });
    const found: KafkaMessage[] = [];
    await consumer.run({ autoCommit: false, eachMessage: async ({ message }) => void found.push(message) });
    await eventually(() => found.length >= count, { withinMs, what: `${count} records in ${topic}` });
    await consumer.disconnect();
    return found;
  }

  /** What a group has committed, by partition; nothing before its first commit. */
  async committed(group: string, topic: string): Promise<Record<number, number>> {
    const [admin] = await this.connected();
    const [found] = await admin.fetchOffsets({ groupId: group, topics: [topic] });
    const made = found!.partitions.filter(one => Number(one.offset) >= 0);
    return Object.fromEntries(made.map(one => [one.partition, Number(one.offset)]).sort((a, b) => a[0]! - b[0]!));
  }

  /** How many members a group has. */
  async members(group: string): Promise<number> {
    const [admin] = await this.connected();
    const { groups } = await admin.describeGroups([group]);
    return groups[0]!.members.length;
  }

  /** The log's ends, by partition. */
  async ends(topic: string): Promise<Record<number, number>> {
    const [admin] = await this.connected();
    const found = await admin.fetchTopicOffsets(topic);
    return Object.fromEntries(found.map(one => [one.partition, Number(one.high)]).sort((a, b) => a[0]! - b[0]!));
  }
}

/** Waits until something holds. */
export async function eventually(
  holds: () => unknown | Promise<unknown>,
  { withinMs = 30_000, what = holds.toString() }: { withinMs?: number; what?: string } = {},
): Promise<void> {
  const end = Date.now() + withinMs;
  while (!(await holds())) {
    assert.ok(Date.now() < end, `not after ${withinMs / 1000} s: ${what}`);
    await sleep(50);
  }
}
