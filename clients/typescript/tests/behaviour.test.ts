/** `clients/cases/behaviour.json` on a real broker. */

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { BaseKafkaConsumer, type ConsumedRecord } from '../src/index.js';
import { sleep } from '../src/waiting.js';
import { cases } from './cases.test.js';
import { running } from './collecting.js';
import { eventually } from './kafka.js';
import { Service } from './service.js';

interface Case {
  name: string;
  partitions: number;
  max_poll_records: number;
  concurrency: number | 'unbounded';
  delivery: object;
  records: { partition: number; key: string | null; fails: number | 'always' }[];
  expect: {
    tries: (number | null)[];
    dead_letters: number[];
    committed: Record<string, number>;
    ends: 'running' | 'poison';
    most_at_once: number;
    batches_at_most: number;
  };
}

describe('the base consumer does it', () => {
  for (const one of cases<Case>('behaviour.json')) {
    for (const client of ['kafkajs', 'confluent-javascript']) {
      test(`${one.name}, ${client}`, async t => behaves(await Service.of(t), one, client));
    }
  }
});

async function behaves(service: Service, one: Case, client: string): Promise<void> {
  const { kafka } = service;
  const [topic, dead] = [await kafka.topic(one.partitions), await kafka.topic(1)];
  const { records, expect } = one;
  await service.seed([topic], {
    client,
    consumer: { max_poll_records: one.max_poll_records },
    concurrency: one.concurrency,
    delivery: JSON.parse(JSON.stringify(one.delivery).replaceAll('{dead_letter}', dead)),
  });
  for (const [number, { key, partition }] of records.entries()) {
    await kafka.produce(topic, [String(number)], { keys: [key], partition });
  }
  const tries = records.map(() => 0);
  const begun = new Map<string, number[]>();
  let [now, most, largest] = [0, 0, 0];

  class Told extends BaseKafkaConsumer {
    override metricsEveryMs = 0;

    override async process(record: ConsumedRecord): Promise<void> {
      const number = Number(record.value);
      largest = Math.max(largest, this.work!.records);
      now += 1;
      most = Math.max(most, now);
      const count = tries[number]! + 1;
      tries[number] = count;
      if (count === 1 && record.key !== null) {
        begun.set(String(record.key), [...(begun.get(String(record.key)) ?? []), number]);
      }
      try {
        await sleep(2);
        const { fails } = records[number]!;
        if (fails === 'always' || count <= fails) throw new RangeError(`try ${count} of ${number} fails`);
      } finally {
        now -= 1;
      }
    }
  }

  const consumer = new Told(service.name, { pool: service.pool, kafka: service.brokers });
  const { stop, ended } = await running(consumer, service);
  if (expect.ends === 'poison') {
    await assert.rejects(ended, { name: 'PoisonRecord' });
  } else {
    const through = eventually(() => consumer.counters.processed === records.length, { withinMs: 60_000 });
    await Promise.race([through, ended]);
    await stop();
  }
  assert.deepEqual(
    tries.map(count => count || null),
    expect.tries,
  );
  const committed = await kafka.committed(service.group, topic);
  if (client === 'confluent-javascript' && one.name === 'on-receipt') {
    // It hands over what has arrived, which may be less than all that there is.
    assert.ok(committed[0]! >= 2 && committed[0]! <= expect.committed['0']!);
  } else {
    assert.deepEqual(committed, expect.committed);
  }
  const letters = expect.dead_letters.length > 0 ? await kafka.read(dead, expect.dead_letters.length) : [];
  assert.deepEqual(letters.map(letter => Number(letter.value)).sort(), expect.dead_letters);
  assert.ok(most <= expect.most_at_once && largest <= expect.batches_at_most);
  for (const list of begun.values()) {
    assert.deepEqual(
      list,
      [...list].sort((a, b) => a - b),
    );
  }
}
