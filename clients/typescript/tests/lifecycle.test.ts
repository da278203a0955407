/** BaseKafkaConsumer: what it records, brokers that are away at its start and its end, what it refuses. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { loadConfluent } from '../src/confluent.js';
import { KafkaConsumerConfigLoader } from '../src/index.js';
import { sleep } from '../src/waiting.js';
import { Collecting, numbers, type Running, running } from './collecting.js';
import { eventually } from './kafka.js';
import { Service, wasLogged } from './service.js';

test('metrics are recorded', async t => {
  const service = await Service.of(t);
  const { kafka } = service;
  const topic = await kafka.topic(2);
  await service.seed([topic]);
  const consumer = new Collecting(service);
  consumer.metricsEveryMs = 300;
  const { stop } = await running(consumer, service);
  await kafka.produce(topic, Array(100).fill('x'), { keys: numbers(100) });
  await eventually(() => consumer.seen.length === 100);
  await sleep(700);
  await stop();
  const sum = async (column: string): Promise<number> => {
    const sql = `SELECT sum(${column}) FROM consumer_processing_metrics WHERE service_name = $1`;
    return Number(await service.owner(sql, [service.name]));
  };
  assert.equal(await sum('messages_processed'), 100);
  assert.equal(await sum('messages_failed'), 0);
  assert.equal(await sum('rebalances'), 1);
  assert.ok((await sum('memory_usage_mb')) > 10);
  const last =
    'SELECT array[count(*), sum(lag), sum(consumer_offset)] FROM (SELECT DISTINCT ON (partition) * ' +
    'FROM consumer_lag_history WHERE service_name = $1 ORDER BY partition, "timestamp" DESC) AS last';
  assert.deepEqual((await service.owner(last, [service.name])).map(Number), [2, 0, 100]);
  const monitor = 'SELECT avg_lag FROM v_consumer_performance_monitor WHERE service_name = $1';
  assert.notEqual(await service.owner(monitor, [service.name]), null);
});

test('a broker that is away at the start is waited for, and one that is away at the stop is not', async t => {
  const service = await Service.of(t);
  const { kafka, group } = service;
  const topic = await kafka.topic(1);
  await service.seed([topic]);
  await kafka.produce(topic, ['x']);
  const consumer = new Collecting(service);
  await kafka.tell('halt');
  const starting = running(consumer, service);
  try {
    await eventually(() => wasLogged('no broker answers'));
  } finally {
    await kafka.tell('resume');
  }
  const { stop } = await starting;
  await eventually(() => consumer.seen.length === 1, { withinMs: 60_000 });
  assert.ok(wasLogged('a broker answers'));
  // Away again when it is to stop: it ends all the same, and says what is processed again.
  let go = (): void => {};
  const held = new Promise<void>(resolve => {
    go = resolve;
  });
  consumer.handler = () => held;
  await kafka.produce(topic, ['y']);
  await eventually(() => consumer.now === 1);
  await kafka.tell('halt');
  try {
    go();
    await eventually(() => consumer.seen.length === 2);
    await stop();
  } finally {
    await kafka.tell('resume');
  }
  assert.ok(wasLogged('no broker took the last commit'));
  // The coordinator loads its offsets first: until then it has none.
  await eventually(
    async () => (await kafka.committed(group, topic).catch(() => ({}) as Record<number, number>))[0] === 1,
  );
});

test('a stop while no broker answers is quiet', async t => {
  const service = await Service.of(t);
  await service.seed(['t']);
  const consumer = new Collecting(service, null, { kafka: { brokers: ['127.0.0.1:9'] } });
  const ended = consumer.run({ handleSignals: false });
  await eventually(() => wasLogged('no broker answers'));
  consumer.stop();
  await ended;
  assert.equal(await service.owner('SELECT count(*) FROM lagproof.instances WHERE state <> $1', ['stopped']), '0');
});

test('what is refused is refused before it runs', async t => {
  const service = await Service.of(t);
  await service.seed(['t'], { client: 'aiokafka' });
  await assert.rejects(new Collecting(service).run({ handleSignals: false }), { name: 'BadRow', message: /aiokafka/ });
  await service.seed([]);
  await assert.rejects(new Collecting(service).run({ handleSignals: false }), { name: 'NoTopics' });
  service.name = 'nobody';
  await assert.rejects(new Collecting(service).run({ handleSignals: false }), { name: 'UnknownService' });
});

test('one whose static id another process takes over ends, with what it had committed', async t => {
  const service = await Service.of(t);
  const { kafka, group } = service;
  const topic = await kafka.topic(1);
  await service.seed([topic], { client: 'confluent-javascript', instance_id: 'only-one' });
  const consumer = new Collecting(service);
  const { ended } = await running(consumer, service);
  await kafka.produce(topic, numbers(5));
  await eventually(() => consumer.seen.length === 5, { withinMs: 60_000 });
  await service.owner("UPDATE lagproof.instances SET process = 'elsewhere', reported_at = now() + interval '1 minute'");
  await assert.rejects(ended, { name: 'SameInstance', message: /only-one.*elsewhere/s });
  assert.ok(wasLogged('ERROR', 'only-one', 'elsewhere'));
  await kafka.produce(topic, numbers(5));
  await sleep(1000);
  assert.equal(consumer.seen.length, 5, "the others are the other one's");
  assert.deepEqual(await kafka.committed(group, topic), { 0: 5 });
});

test('one whose static id another client takes over ends, with what it had committed', async t => {
  const service = await Service.of(t);
  const { kafka, group } = service;
  const topic = await kafka.topic(1);
  await service.seed([topic], { client: 'confluent-javascript', instance_id: 'only-one' });
  const consumer = new Collecting(service);
  const { ended } = await running(consumer, service);
  await kafka.produce(topic, numbers(5));
  await eventually(() => consumer.seen.length === 5, { withinMs: 60_000 });
  // The database knows nothing of it: only the broker does.
  const { KafkaJS } = await loadConfluent(service.name);
  const other = new KafkaJS.Kafka({}).consumer({
    'bootstrap.servers': kafka.bootstrap,
    'group.id': group,
    'group.instance.id': 'only-one',
    log_level: 3,
  });
  await other.connect();
  service.later(() => other.disconnect());
  await other.subscribe({ topics: [topic] });
  await other.run({ eachMessage: async () => {} });
  const late = sleep(40_000).then(() => assert.fail('it runs on, and idles'));
  await assert.rejects(Promise.race([ended, late]), { name: 'SameInstance', message: /only-one.*the broker/s });
  assert.deepEqual(await kafka.committed(group, topic), { 0: 5 });
});

test('static members that stop stay in their group, those without partitions too', async t => {
  const service = await Service.of(t);
  const { kafka, group } = service;
  const topic = await kafka.topic(1);
  const client = 'confluent-javascript';
  await service.seed([topic], { client, instance_id: '${REPLICA}' });
  const members: Running[] = [];
  for (const name of ['a', 'b']) {
    process.env.REPLICA = name;
    members.push(await running(new Collecting(service), service));
    await eventually(async () => (await kafka.members(group)) === members.length);
  }
  delete process.env.REPLICA;
  await sleep(2000); // until both have heard of it
  for (const { stop } of members) {
    await stop();
    assert.equal(await kafka.members(group), 2);
  }
});

test('a loader may be shared', async t => {
  const service = await Service.of(t);
  const topic = await service.kafka.topic(1);
  await service.seed([topic]);
  const loader = new KafkaConsumerConfigLoader(service.pool);
  const consumer = new Collecting(service, null, { loader });
  const { stop } = await running(consumer, service);
  await service.kafka.produce(topic, ['x']);
  await eventually(() => consumer.seen.length === 1);
  await stop();
});
