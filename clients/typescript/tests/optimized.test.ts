/** `createOptimizedConsumer`: the document's sample, cut batches, polls, rows of Confluent's client. */

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { EachBatchPayload } from 'kafkajs';
import { Pool } from 'pg';
import { createOptimizedConsumer } from '../src/index.js';
import { eventually } from './kafka.js';
import { Service, wasLogged } from './service.js';

test("the document's sample runs as written", async t => {
  const service = await Service.of(t);
  service.name = 'georegion-detector'; // of the reference project, seeded by `lagproof migrate`
  const topic = await service.kafka.topic(1, 'device.sensor.gps.raw');
  const pool = new Pool({ connectionString: service.postgres.url(service.database) });
  t.after(() => pool.end());

  // But for the names of the broker, the service and the topic.
  const consumer = await createOptimizedConsumer(pool, { brokers: [service.kafka.bootstrap] }, 'georegion-detector', [
    'device.sensor.gps.raw',
  ]);

  assert.equal(consumer.config.maxPollRecords, 100);
  const sizes: number[] = [];
  const seen: string[] = [];
  await consumer.run({
    eachBatch: async ({ batch, heartbeat }) => {
      sizes.push(batch.messages.length);
      for (const message of batch.messages) seen.push(String(message.value));
      await heartbeat();
      await consumer.loader.recordProcessingMetrics(service.name, batch.messages.length, { processingTimeMs: 5 });
      await consumer.loader.recordConsumerLag(service.name, batch.topic, batch.partition, Number(batch.offsetLag()));
    },
  });
  const values = Array.from({ length: 230 }, (_, number) => String(number));
  await service.kafka.produce(topic, values);
  await eventually(() => seen.length === 230);
  await consumer.disconnect();
  assert.deepEqual(seen, values);
  assert.ok(Math.max(...sizes) <= 100);
  const group = await service.owner(
    "SELECT consumer_group_id FROM pipeline_consumer_configs WHERE service_name = 'georegion-detector'",
  );
  assert.deepEqual(await service.kafka.committed(group, topic), await service.kafka.ends(topic));
  assert.equal(
    Number(await service.owner('SELECT sum(messages_processed) FROM consumer_processing_metrics')),
    seen.length,
  );
  assert.ok((await service.owner('SELECT min(memory_usage_mb) FROM consumer_processing_metrics')) > 10);
  assert.equal(Number(await service.owner('SELECT count(*) FROM consumer_lag_history')), sizes.length);
});

test('every piece of a batch is a batch, and committed when it is through', async t => {
  const service = await Service.of(t);
  const topic = await service.kafka.topic(1);
  await service.seed([topic], { consumer: { max_poll_records: 40 } });
  await service.kafka.produce(topic, Array(100).fill('x'));
  const consumer = await createOptimizedConsumer(service.pool, service.brokers, service.name);
  const seen: unknown[] = [];
  let failed = false;
  await consumer.run({
    eachBatch: async ({ batch, uncommittedOffsets }) => {
      assert.equal(batch.isEmpty(), false);
      const { topics } = uncommittedOffsets();
      seen.push([batch.firstOffset(), batch.lastOffset(), batch.offsetLag(), batch.offsetLagLow(), topics.length]);
      if (batch.firstOffset() === '80' && !failed) {
        failed = true;
        throw new Error('the third piece fails once');
      }
    },
  });
  await eventually(() => seen.length === 4);
  await eventually(async () => (await service.kafka.committed(service.group, topic))[0] === 100);
  await consumer.disconnect();
  assert.deepEqual(seen, [
    ['0', '39', '60', '99', 0],
    ['40', '79', '20', '59', 0],
    ['80', '99', '0', '19', 0],
    ['80', '99', '0', '19', 0],
  ]);
});

test('a handler that leaves off gets the rest again', async t => {
  const service = await Service.of(t);
  const topic = await service.kafka.topic(1);
  await service.seed([topic], { consumer: { max_poll_records: 10 } });
  await service.kafka.produce(
    topic,
    Array.from({ length: 30 }, (_, number) => String(number)),
  );
  const consumer = await createOptimizedConsumer(service.pool, service.brokers, service.name);
  const seen: string[] = [];
  let left = false;
  await consumer.run({
    eachBatchAutoResolve: false,
    eachBatch: async ({ batch, resolveOffset }: EachBatchPayload) => {
      for (const message of batch.messages) {
        if (message.offset === '15' && !left) {
          left = true;
          return;
        }
        seen.push(String(message.value));
        resolveOffset(message.offset);
      }
    },
  });
  await eventually(() => seen.length === 30);
  await consumer.disconnect();
  assert.deepEqual(
    seen,
    Array.from({ length: 30 }, (_, number) => String(number)),
  );
});

test('a handler longer than the session keeps its membership', async t => {
  const service = await Service.of(t);
  const topic = await service.kafka.topic(1);
  await service.seed([topic], { consumer: { session_timeout_ms: 6000, heartbeat_interval_ms: 500 } });
  await service.kafka.produce(topic, ['x']);
  const consumer = await createOptimizedConsumer(service.pool, service.brokers, service.name);
  let joins = 0;
  consumer.on(consumer.events.GROUP_JOIN, () => {
    joins += 1;
  });
  let begun = 0;
  let done = 0;
  await consumer.run({
    eachBatch: async () => {
      begun += 1;
      await new Promise(resolve => setTimeout(resolve, 8000));
      done += 1;
    },
  });
  await eventually(() => done === 1);
  await eventually(async () => (await service.kafka.committed(service.group, topic))[0] === 1);
  await consumer.disconnect();
  assert.deepEqual([joins, begun], [1, 1]);
});

test('a handler that hangs loses its partitions to others, and nothing of it is committed', async t => {
  const service = await Service.of(t);
  const { kafka, group, pool, brokers, name } = service;
  const topic = await kafka.topic(1);
  await service.seed([topic], {
    consumer: { session_timeout_ms: 6000, heartbeat_interval_ms: 500, max_poll_interval_ms: 6000 },
  });
  await kafka.produce(topic, ['x']);
  const hanging = await createOptimizedConsumer(pool, brokers, name);
  let release = (): void => {};
  let isHanging = false;
  const eachBatch = (): Promise<void> => {
    isHanging = true;
    return new Promise(resolve => {
      release = resolve;
    });
  };
  await hanging.run({ eachBatch });
  await eventually(() => isHanging);
  const other = await createOptimizedConsumer(pool, brokers, name);
  const seen: string[] = [];
  assert.deepEqual(await kafka.committed(group, topic), {}, 'not before it is processed');
  try {
    await other.run({
      eachBatch: async ({ batch }) => void seen.push(...batch.messages.map(message => String(message.value))),
    });
    await eventually(() => wasLogged('ERROR', 'a handler has not ended after 6 s', 'max_poll_interval'));
    await eventually(() => seen.length === 1, { withinMs: 60_000 });
    await eventually(async () => (await kafka.committed(group, topic))[0] === 1);
  } finally {
    release();
    await Promise.all([hanging.disconnect(), other.disconnect()]);
  }
  assert.deepEqual(seen, ['x']);
});

test('polls hold at most max_poll_records and wait for the first record only', async t => {
  const service = await Service.of(t);
  const topic = await service.kafka.topic(3);
  await service.seed([topic], { consumer: { max_poll_records: 7 } });
  const values = Array.from({ length: 40 }, (_, number) => String(number));
  await service.kafka.produce(topic, values);
  const consumer = await createOptimizedConsumer(service.pool, service.brokers, service.name);
  const seen: string[] = [];
  while (seen.length < 40) {
    const slices = await consumer.loader.pollWithLimit(consumer, 10_000);
    const records = slices.flatMap(slice => slice.records);
    assert.ok(records.length > 0 && records.length <= 7);
    seen.push(...records.map(record => String(record.value)));
    await consumer.commitPolled();
  }
  assert.deepEqual(await consumer.pollWithLimit(50), []);
  await consumer.disconnect();
  assert.deepEqual(seen.sort(), values.sort());
  assert.deepEqual(await service.kafka.committed(service.group, topic), await service.kafka.ends(topic));
});

describe("rows of Confluent's client", () => {
  for (const way of ['run', 'pollWithLimit']) {
    test(way, async t => {
      const service = await Service.of(t);
      const topic = await service.kafka.topic(2);
      await service.seed([topic], { client: 'confluent-javascript', consumer: { max_poll_records: 5 } });
      const values = Array.from({ length: 32 }, (_, number) => String(number));
      await service.kafka.produce(topic, values);
      const consumer = await createOptimizedConsumer(service.pool, service.brokers, service.name);
      const seen: string[] = [];
      const sizes: number[] = [];
      if (way === 'run') {
        await consumer.run({
          eachBatch: async ({ batch }) => {
            sizes.push(batch.messages.length);
            seen.push(...batch.messages.map(message => String(message.value)));
          },
        });
        await eventually(() => seen.length === 32);
      } else {
        while (seen.length < 32) {
          const records = (await consumer.pollWithLimit(10_000)).flatMap(slice => slice.records);
          sizes.push(records.length);
          seen.push(...records.map(record => String(record.value)));
          await consumer.commitPolled();
        }
      }
      const committed = () => service.kafka.committed(service.group, topic);
      const ends = await service.kafka.ends(topic);
      await eventually(async () => JSON.stringify(await committed()) === JSON.stringify(ends));
      await consumer.disconnect();
      assert.deepEqual(seen.sort(), values.sort());
      assert.ok(Math.max(...sizes) <= 5);
    });
  }
});

describe('what the row says stands, unless run() says otherwise', () => {
  test('and that is said', async t => {
    const service = await Service.of(t);
    const topic = await service.kafka.topic(1);
    await service.seed([topic]);
    const consumer = await createOptimizedConsumer(service.pool, service.brokers, service.name);
    assert.throws(() => consumer.run({}), /needs eachBatch or eachMessage/);
    await service.kafka.produce(topic, ['x']);
    let seen = 0;
    await consumer.run({
      autoCommit: false,
      eachMessage: async () => {
        seen += 1;
      },
    });
    await eventually(() => seen === 1);
    await consumer.disconnect();
    assert.ok(wasLogged('WARN', 'run({ autoCommit: false }) stands instead of the row'));
    assert.deepEqual(await service.kafka.committed(service.group, topic), {});
  });
});
