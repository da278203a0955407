/** Changes of a running service: hot ones at once, new consumers one replica at a time, and what is refused. */

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Following } from '../src/following.js';
import { BaseKafkaConsumer, type ConsumedRecord } from '../src/index.js';
import { pace } from '../src/rollout.js';
import { sleep } from '../src/waiting.js';
import { Collecting, numbers, running } from './collecting.js';
import { eventually } from './kafka.js';
import { Load } from './load.js';
import { Service, wasLogged } from './service.js';

/** 15 ms a batch and 0.1 ms a record: what single records can't keep up with. */
class MotionFilter extends BaseKafkaConsumer {
  override metricsEveryMs = 500;
  readonly values: string[] = [];

  override async processBatch(records: ConsumedRecord[]): Promise<void> {
    await sleep(15 + 0.1 * records.length);
    this.values.push(...records.map(record => String(record.value)));
  }
}

function isListening(consumer: Collecting): boolean {
  return (consumer.follows as Following | null)?.isListening ?? false;
}

test('one UPDATE takes a service under load from thousands behind to below a hundred', async t => {
  const service = await Service.of(t);
  const topic = await service.kafka.topic(4);
  await service.seed([topic], { consumer: { max_poll_records: 1 } });
  const consumer = new MotionFilter(service.name, { pool: service.pool, kafka: service.brokers });
  const series: [seconds: number, batch: number, lag: number][] = [];
  const began = Date.now();
  const sample = async (): Promise<number> => {
    const lag = (await consumer.behind()).reduce((sum, { offset, end }) => sum + Math.max(0, end - offset), 0);
    series.push([(Date.now() - began) / 1000, consumer.config.maxPollRecords, lag]);
    return lag;
  };
  const { stop } = await running(consumer, service);
  const { client } = consumer;
  const load = new Load(service.kafka, topic, 500);
  service.later(() => load.stop());
  while ((await sample()) < 3000) {
    assert.ok(Date.now() - began < 60_000, JSON.stringify(series));
    await sleep(250);
  }
  await service.update({ max_poll_records: 500 });
  while ((await sample()) >= 100) {
    assert.ok(Date.now() - began < 120_000, JSON.stringify(series));
    await sleep(250);
  }
  // What it is from then on is printed, not judged: other work runs on this machine.
  for (let more = 0; more < 12; more++) {
    await sleep(250);
    await sample();
  }
  await load.stop();
  await eventually(() => consumer.values.length >= load.sent);
  assert.equal(consumer.client, client, 'without a restart');
  assert.ok(consumer.counters.rebalances <= 1);
  await stop();
  assert.deepEqual(
    consumer.values.map(Number).sort((a, b) => a - b),
    numbers(load.sent).map(Number),
    'nothing lost, nothing twice',
  );
  const recorded = await service.owner(
    'SELECT max(total) FROM (SELECT sum(lag) AS total FROM consumer_lag_history WHERE service_name = $1 ' +
      'GROUP BY "timestamp") AS samples',
    [service.name],
  );
  assert.ok(Number(recorded) > 1000, 'the database saw it too');
  const lines = series.map(
    ([at, batch, lag]) => `  ${at.toFixed(1).padStart(5)}  ${String(batch).padStart(5)}  ${String(lag).padStart(7)}`,
  );
  const what = '500 records/s, 15 ms a batch; one UPDATE changes max_poll_records from 1 to 500';
  t.diagnostic(`${what}\n      s  batch      lag\n${lines.join('\n')}`);
});

test('hot settings are in force with the next batch', async t => {
  const service = await Service.of(t);
  const topic = await service.kafka.topic(1);
  await service.seed([topic], { concurrency: 1 });
  const consumer = new Collecting(service, () => sleep(20));
  const { stop } = await running(consumer, service);
  const { client } = consumer;
  await eventually(() => isListening(consumer));
  await service.kafka.produce(topic, numbers(20));
  await eventually(() => consumer.seen.length === 20);
  assert.equal(consumer.most, 1);
  await service.update({ concurrency: 10 });
  await eventually(() => consumer.settings.concurrency === 10, { withinMs: 2000 });
  await service.kafka.produce(topic, numbers(40));
  await eventually(() => consumer.seen.length === 60);
  await stop();
  assert.ok(consumer.most >= 5 && consumer.most <= 10);
  assert.ok(client !== null);
});

test('a new session timeout restarts six replicas one by one under load', async t => {
  pace.askEveryMs = 300;
  const service = await Service.of(t);
  const topic = await service.kafka.topic(12);
  await service.seed([topic], { consumer: { max_poll_records: 50 } });
  const consumers = Array.from({ length: 6 }, () => new Collecting(service));
  const stops = await Promise.all(consumers.map(one => running(one, service)));
  const held = (one: Collecting): number => one.client?.assignment.size ?? 0;
  await eventually(() => consumers.every(one => held(one) === 2), { withinMs: 60_000 });
  await eventually(() => consumers.every(isListening));
  const load = new Load(service.kafka, topic, 300);
  service.later(() => load.stop());
  await sleep(1000);
  // One join a member and rebalance: the generation grows by one each.
  const joins = consumers.map(one => one.counters.rebalances);
  let mostAtOnce = 0;
  await service.update({ session_timeout_ms: 12_000 });
  const wanted = await service.generation();
  await eventually(
    () => {
      mostAtOnce = Math.max(mostAtOnce, consumers.filter(one => one.client === null).length);
      return consumers.every(one => one.config.generation === wanted && one.client !== null);
    },
    { withinMs: 90_000 },
  );
  const said =
    'SELECT count(*) FROM lagproof.acknowledgements WHERE service_name = $1 AND generation = $2 ' +
    'AND 6 = (SELECT restarted FROM lagproof.rollouts WHERE service_name = $1)';
  await eventually(async () => (await service.owner(said, [service.name, wanted])) === '6');
  const most = Math.max(...consumers.map((one, index) => one.counters.rebalances - joins[index]!));
  await load.stop();
  await eventually(() => new Set(consumers.flatMap(one => one.values)).size >= load.sent);
  for (const { stop } of stops) await stop();
  assert.ok(mostAtOnce <= 1, 'one at a time');
  assert.ok(wasLogged('WARN', 'at most 2 rebalances a replica'));
  assert.ok(most <= 12, `${most} rebalances`);
  assert.ok(consumers.every(one => one.settings.consumer.session_timeout_ms === 12_000));
  const values = consumers.flatMap(one => one.values);
  assert.equal(values.length, load.sent, 'nothing twice');
  t.diagnostic(`${most} rebalances, at most 12 announced; ${load.sent} records, ${values.length} processed`);
});

test('a rollout that was halted waits until it is resumed', async t => {
  pace.askEveryMs = 200;
  const service = await Service.of(t);
  const { name } = service;
  const topic = await service.kafka.topic(1);
  await service.seed([topic]);
  const consumer = new Collecting(service);
  const { stop } = await running(consumer, service);
  await eventually(() => isListening(consumer));
  // Another replica has its turn; then a person stops it all.
  const take = "SELECT granted FROM lagproof.take_restart_lease_v1($1, 'another', 1000000, 0, '1 hour')";
  await service.owner(take, [name]);
  await service.owner('UPDATE lagproof.rollouts SET generation = 0 WHERE service_name = $1', [name]);
  await service.update({ session_timeout_ms: 13_000 });
  await eventually(() => wasLogged('waits for another'));
  await service.owner("SELECT lagproof.halt_rollout_v1($1, 'not on a Friday')", [name]);
  await service.owner("SELECT lagproof.release_restart_lease_v1($1, 'another', 0)", [name]);
  await eventually(() => wasLogged('halted: not on a Friday'));
  await service.kafka.produce(topic, ['goes on']);
  await eventually(() => consumer.seen.length === 1);
  assert.equal(consumer.settings.consumer.session_timeout_ms, 10_000);
  assert.equal(await service.owner('SELECT state FROM lagproof.instances'), 'waiting');
  assert.ok(await service.owner('SELECT lagproof.resume_rollout_v1($1)', [name]));
  await eventually(() => consumer.settings.consumer.session_timeout_ms === 13_000);
  await stop();
});

test('a restart that fails goes back and stops the rollout', async t => {
  pace.askEveryMs = 200;
  const service = await Service.of(t);
  const topic = await service.kafka.topic(1);
  await service.seed([topic]);
  const consumer = new Collecting(service);
  const { stop } = await running(consumer, service);
  await eventually(() => isListening(consumer));
  // No broker has a topic of such a name.
  await service.seed(['no such topic: blanks']);
  await eventually(() => wasLogged('goes back to the settings before'), { withinMs: 60_000 });
  const halted = 'SELECT halted FROM lagproof.rollouts WHERE service_name = $1';
  await eventually(async () => /INVALID_TOPIC|invalid topic/i.test(await service.owner(halted, [service.name])));
  await service.kafka.produce(topic, ['goes on']);
  await eventually(() => consumer.seen.length === 1);
  assert.equal(consumer.config.version, 1);
  assert.equal(await service.owner('SELECT state FROM lagproof.instances'), 'refused');
  await stop();
});

test('a row that this package can not honour is refused, and it goes on', async t => {
  const service = await Service.of(t);
  const topic = await service.kafka.topic(1);
  await service.seed([topic]);
  const consumer = new Collecting(service);
  const { stop } = await running(consumer, service);
  await eventually(() => isListening(consumer));
  await service.seed([topic], { raw: { kafkajs: { noSuchOption: 1 } } });
  await eventually(() => wasLogged('ERROR', 'is REFUSED', 'noSuchOption', 'It goes on as it is'));
  await service.kafka.produce(topic, ['goes on']);
  await eventually(() => consumer.seen.length === 1);
  await stop();
});

describe('what needs all replicas stopped is refused with the reason', () => {
  for (const [key, change] of Object.entries({
    group: { group: 'another-group' },
    client: { client: 'confluent-javascript' },
  })) {
    test(key, async t => {
      const service = await Service.of(t);
      const topic = await service.kafka.topic(1);
      await service.seed([topic], { consumer: { max_poll_records: 5 } });
      const consumer = new Collecting(service);
      const { stop } = await running(consumer, service);
      const { client } = consumer;
      await eventually(() => isListening(consumer));
      await service.seed([topic], { ...change, consumer: { max_poll_records: 77 } });
      await eventually(() => wasLogged('REFUSED', key, 'stop all replicas'));
      // What needs no new consumer is in force all the same, and it goes on.
      await eventually(() => consumer.config.maxPollRecords === 77);
      await service.kafka.produce(topic, ['goes on']);
      await eventually(() => consumer.seen.length === 1);
      assert.equal(consumer.client, client);
      await eventually(async () => (await service.owner('SELECT state FROM lagproof.instances')) === 'refused');
      await stop();
    });
  }
});

test("assignors without one in common are refused to Confluent's client", async t => {
  const service = await Service.of(t);
  const topic = await service.kafka.topic(1);
  const client = 'confluent-javascript';
  await service.seed([topic], { client, consumer: { partition_assignment_strategy: ['roundrobin'] } });
  const consumer = new Collecting(service);
  const { stop } = await running(consumer, service);
  await eventually(() => isListening(consumer));
  await service.seed([topic], { client, consumer: { partition_assignment_strategy: ['range'] } });
  await eventually(() => wasLogged('REFUSED', 'partition_assignment_strategy', 'stop all replicas'));
  await stop();
});
