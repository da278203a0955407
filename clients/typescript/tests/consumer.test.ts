/** BaseKafkaConsumer on a real broker: batches, commits, order, failures, stops. */

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { BaseKafkaConsumer, type ConsumedRecord, DownstreamUnavailable } from '../src/index.js';
import { sleep } from '../src/waiting.js';
import { Collecting, numbers, running } from './collecting.js';
import { eventually } from './kafka.js';
import { logged, Service, wasLogged } from './service.js';

const forEver = (): Promise<never> => new Promise(() => {});

test('everything once, and committed', async t => {
  const service = await Service.of(t);
  const { kafka, group } = service;
  const topic = await kafka.topic(4);
  await service.seed([topic], { consumer: { max_poll_records: 50 } });
  await kafka.produce(topic, numbers(1000));
  const consumer = new Collecting(service);
  const first = await running(consumer, service);
  await eventually(() => consumer.seen.length === 1000);
  await first.stop();
  assert.deepEqual(consumer.values.sort(), numbers(1000).sort());
  assert.equal(consumer.most, 1);
  assert.deepEqual(await kafka.committed(group, topic), await kafka.ends(topic));
  // Started again, nothing is repeated.
  const again = new Collecting(service);
  const second = await running(again, service);
  await kafka.produce(topic, ['last']);
  await eventually(() => again.seen.length > 0);
  await second.stop();
  assert.deepEqual(again.values, ['last']);
});

test('concurrency is bounded, and each key keeps its order', async t => {
  const service = await Service.of(t);
  const { kafka, group } = service;
  const topic = await kafka.topic(3);
  await service.seed([topic], { concurrency: 8 });
  await kafka.produce(topic, numbers(600), { keys: numbers(600).map(number => `key-${Number(number) % 20}`) });
  const consumer = new Collecting(service, record => sleep(Number(record.value) % 5));
  const { stop } = await running(consumer, service);
  await eventually(() => consumer.seen.length === 600);
  await stop();
  assert.ok(consumer.most >= 2 && consumer.most <= 8);
  for (const offsets of consumer.byKey.values()) {
    assert.deepEqual(
      offsets,
      [...offsets].sort((a, b) => a - b),
    );
  }
  assert.deepEqual(await kafka.committed(group, topic), await kafka.ends(topic));
});

class Batches extends BaseKafkaConsumer {
  override metricsEveryMs = 0;
  readonly sizes: number[] = [];
  readonly done: string[] = [];
  poison: string | null = null;

  override async processBatch(records: ConsumedRecord[]): Promise<void> {
    if (records.some(record => String(record.value) === this.poison)) throw new Error(`${this.poison} is among them`);
    this.sizes.push(records.length);
    this.done.push(...records.map(record => String(record.value)));
  }
}

test('batches hold at most max_poll_records', async t => {
  const service = await Service.of(t);
  const { kafka, group } = service;
  const topic = await kafka.topic(2);
  await service.seed([topic], { consumer: { max_poll_records: 30 } });
  await kafka.produce(topic, Array(500).fill('x'));
  const consumer = new Batches(service.name, { pool: service.pool, kafka: service.brokers });
  const { stop } = await running(consumer, service);
  await eventually(() => consumer.done.length === 500);
  await stop();
  assert.equal(Math.max(...consumer.sizes), 30);
  assert.deepEqual(await kafka.committed(group, topic), await kafka.ends(topic));
});

test('a failing batch is taken apart', async t => {
  const service = await Service.of(t);
  const { kafka, group } = service;
  const [topic, dead] = [await kafka.topic(1), await kafka.topic(1)];
  const retry = { attempts: 2, backoff_ms: 1, dead_letter: dead };
  await service.seed([topic], { delivery: { commit: 'after-batch', retry } });
  await kafka.produce(topic, numbers(8));
  const consumer = new Batches(service.name, { pool: service.pool, kafka: service.brokers });
  consumer.poison = '5';
  const { stop } = await running(consumer, service);
  await eventually(() => consumer.done.length === 7);
  const letters = await kafka.read(dead, 1);
  await stop();
  assert.deepEqual(
    letters.map(letter => String(letter.value)),
    ['5'],
  );
  assert.deepEqual(consumer.done.sort(), ['0', '1', '2', '3', '4', '6', '7']);
  assert.deepEqual(await kafka.committed(group, topic), { 0: 8 });
});

test('a poison record goes to the dead letters, and the rest goes on', async t => {
  const service = await Service.of(t);
  const { kafka, group } = service;
  const [topic, dead] = [await kafka.topic(1), await kafka.topic(1)];
  const retry = { attempts: 3, backoff_ms: 10, dead_letter: dead };
  await service.seed([topic], { delivery: { commit: 'after-batch', isolation: 'read-committed', retry } });
  await kafka.produce(topic, numbers(10), { keys: Array(10).fill('k') });
  const tries = new Map<string, number>();
  const consumer = new Collecting(service, record => {
    const value = String(record.value);
    tries.set(value, (tries.get(value) ?? 0) + 1);
    if (value === '4' || (value === '7' && tries.get(value)! < 3)) throw new TypeError(`can't read ${value}`);
  });
  const { stop } = await running(consumer, service);
  await eventually(() => consumer.counters.processed === 10);
  assert.equal(consumer.counters.failed, 1);
  await stop();
  assert.deepEqual([tries.get('4'), tries.get('7')], [3, 3]);
  assert.deepEqual(consumer.values, ['0', '1', '2', '3', '5', '6', '7', '8', '9']);
  assert.deepEqual(await kafka.committed(group, topic), { 0: 10 });
  const [letter] = await kafka.read(dead, 1);
  const headers = Object.fromEntries(Object.entries(letter!.headers!).map(([key, value]) => [key, String(value)]));
  assert.deepEqual([String(letter!.key), String(letter!.value)], ['k', '4']);
  assert.deepEqual(
    [headers['lagproof.offset'], headers['lagproof.topic'], headers['lagproof.attempts'], headers['lagproof.error']],
    ['4', topic, '3', "TypeError: can't read 4"],
  );
});

describe('without a dead-letter topic it stops before the record', () => {
  for (const plain of [true, false]) {
    test(plain ? 'thrown' : 'rejected', async t => {
      const service = await Service.of(t);
      const { kafka, group } = service;
      const topic = await kafka.topic(1);
      await service.seed([topic]);
      await kafka.produce(topic, numbers(10));
      const fail = (record: ConsumedRecord): void => {
        if (String(record.value) === '4') throw new Error('no');
      };
      class Throws extends BaseKafkaConsumer {
        override process(record: ConsumedRecord): unknown {
          return plain ? fail(record) : Promise.resolve().then(() => fail(record));
        }
      }
      const consumer = new Throws(service.name, { pool: service.pool, kafka: service.brokers });
      await assert.rejects(consumer.run({ handleSignals: false }), {
        name: 'PoisonRecord',
        message: /@4 failed, tries: 1 \(Error: no\).*nothing is lost/,
      });
      assert.deepEqual(await kafka.committed(group, topic), { 0: 4 });
    });
  }
});

test('skipping is said', async t => {
  const service = await Service.of(t);
  const { kafka, group } = service;
  const topic = await kafka.topic(1);
  await service.seed([topic]);
  await kafka.produce(topic, ['good', 'bad', 'good']);
  const consumer = new Collecting(service, record => {
    if (String(record.value) === 'bad') throw new Error('no');
  });
  consumer.onPoison = 'skip';
  const { stop } = await running(consumer, service);
  await eventually(() => consumer.seen.length === 2);
  await stop();
  assert.ok(wasLogged('ERROR', '@1 failed', 'SKIPPED'));
  assert.deepEqual(await kafka.committed(group, topic), { 0: 3 });
});

test('a handler that hangs is left to itself, and its record kept', async t => {
  const service = await Service.of(t);
  const { kafka, group } = service;
  const [topic, dead] = [await kafka.topic(1), await kafka.topic(1)];
  await service.seed([topic], {
    consumer: { max_poll_interval_ms: 6000, session_timeout_ms: 6000 },
    delivery: { commit: 'after-batch', retry: { attempts: 1, backoff_ms: 1, dead_letter: dead } },
  });
  await kafka.produce(topic, numbers(6));
  let told: unknown;
  const consumer = new Collecting(service, (record, signal) => {
    if (String(record.value) !== '2') return undefined;
    signal.addEventListener('abort', () => {
      told = signal.reason;
    });
    return forEver();
  });
  const { stop } = await running(consumer, service);
  await eventually(() => consumer.seen.length === 5, { withinMs: 40_000 });
  await eventually(() => consumer.work === null);
  assert.equal(consumer.counters.rebalances, 1, 'the group did not throw it out');
  await stop();
  assert.equal((told as Error).name, 'HandlerTimeout');
  const [letter] = await kafka.read(dead, 1);
  assert.equal(String(letter!.value), '2');
  assert.match(String(letter!.headers!['lagproof.error']), /HandlerTimeout/);
  assert.deepEqual(await kafka.committed(group, topic), { 0: 6 });
});

test('a batch that outlasts the poll interval and the session keeps its membership', async t => {
  const service = await Service.of(t);
  const { kafka, group } = service;
  const topic = await kafka.topic(2);
  await service.seed([topic], { consumer: { max_poll_interval_ms: 6000, session_timeout_ms: 6000 } });
  await kafka.produce(topic, numbers(30), { partition: 0 });
  const consumer = new Collecting(service, () => sleep(400));
  const { stop } = await running(consumer, service);
  await eventually(() => consumer.seen.length >= 30, { withinMs: 60_000 });
  await eventually(() => consumer.work === null);
  assert.equal(consumer.counters.rebalances, 1);
  await stop();
  assert.equal(new Set(consumer.values).size, consumer.values.length);
  assert.ok(wasLogged('WARN', 'takes longer than max_poll_interval', 'membership is kept'));
  assert.equal((await kafka.committed(group, topic))[0], 30);
});

describe('a downstream that is down is waited for', () => {
  for (const concurrency of [1, 4]) {
    test(`concurrency ${concurrency}`, async t => {
      const service = await Service.of(t);
      const { kafka, group } = service;
      const topic = await kafka.topic(1);
      await service.seed([topic], { concurrency });
      await kafka.produce(topic, numbers(20));
      let isDown = true;
      const consumer = new Collecting(service, record => {
        if (isDown && Number(record.value) >= 5) throw new DownstreamUnavailable('the database says no');
      });
      consumer.probeAfter(300);
      const { stop } = await running(consumer, service);
      await eventually(() => consumer.isDownstreamDown);
      await sleep(2500);
      assert.ok(consumer.calls < 20, 'it does not hammer what is down');
      const { work } = consumer;
      await kafka.produce(topic, ['more']);
      await sleep(500);
      assert.equal(consumer.work, work, 'nothing more is taken');
      assert.ok(((await kafka.committed(group, topic))[0] ?? 0) <= 5);
      isDown = false;
      await eventually(() => consumer.seen.length === 21);
      await stop();
      assert.equal(logged.filter(line => line.includes('circuit open')).length, 1);
      assert.ok(wasLogged('circuit closed'));
      assert.equal(consumer.counters.failed, 0);
      assert.deepEqual(await kafka.committed(group, topic), { 0: 21 });
    });
  }
});

test('a stop while the downstream is down is quick and loses nothing', async t => {
  const service = await Service.of(t);
  const { kafka, group } = service;
  const topic = await kafka.topic(1);
  await service.seed([topic]);
  await kafka.produce(topic, numbers(20));
  const consumer = new Collecting(service, record => {
    if (Number(record.value) >= 5) throw Object.assign(new Error('down'), { code: 'ECONNREFUSED' });
  });
  const { stop } = await running(consumer, service);
  await eventually(() => consumer.isDownstreamDown);
  await stop();
  assert.deepEqual(await kafka.committed(group, topic), { 0: 5 });
});

describe('offsets are committed when the row says', () => {
  // Seven of ten never get through: what is committed when it is stopped there.
  const expected = { 'after-batch': 3, 'after-record': 3, 'on-receipt': 10, interval: 3 };
  for (const [commit, offset] of Object.entries(expected)) {
    test(commit, async t => {
      const service = await Service.of(t);
      const { kafka, group } = service;
      const topic = await kafka.topic(1);
      await service.seed([topic], { delivery: { commit, commit_interval_ms: 100 } });
      await kafka.produce(topic, numbers(10));
      const consumer = new Collecting(service, record => (Number(record.value) >= 3 ? forEver() : undefined));
      consumer.graceMs = 200;
      const { stop } = await running(consumer, service);
      await eventually(() => consumer.seen.length === 3 && consumer.now === 1);
      if (commit !== 'after-batch') {
        await eventually(async () => (await kafka.committed(group, topic))[0] === offset);
      }
      await stop();
      assert.deepEqual(await kafka.committed(group, topic), { 0: offset });
      assert.ok(wasLogged('ERROR', 'left to themselves'));
    });
  }
});

describe('a rebalance in the middle of batches loses and repeats nothing', () => {
  // Confluent's client gives partitions back only when it has handed over what it has fetched: it needs more to do.
  const loads = { kafkajs: 4000, 'confluent-javascript': 16_000 };
  for (const [client, count] of Object.entries(loads)) {
    test(client, async t => {
      const service = await Service.of(t);
      const { kafka, group } = service;
      const topic = await kafka.topic(4);
      await service.seed([topic], { client, consumer: { max_poll_records: 100 }, concurrency: 4 });
      await kafka.produce(topic, numbers(count));
      const [first, second] = [new Collecting(service, () => sleep(2)), new Collecting(service, () => sleep(2))];
      const one = await running(first, service);
      await eventually(() => first.seen.length > 100);
      const other = await running(second, service);
      await eventually(() => second.seen.length > 100);
      await other.stop();
      await eventually(() => first.seen.length + second.seen.length >= count);
      await one.stop();
      const values = [...first.values, ...second.values];
      assert.equal(values.length, count);
      assert.equal(new Set(values).size, count);
      assert.deepEqual(await kafka.committed(group, topic), await kafka.ends(topic));
    });
  }
});
