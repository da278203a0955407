/** What failed, and its consumer stops or gives its partitions back: nothing is begun, lost, or committed early. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DownstreamUnavailable } from '../src/index.js';
import { Collecting, numbers, running } from './collecting.js';
import { eventually } from './kafka.js';
import { Service, wasLogged } from './service.js';

test('once it is to stop nobody tries a downstream that is down', async t => {
  const service = await Service.of(t);
  const { kafka, group } = service;
  const topic = await kafka.topic(1);
  await service.seed([topic], { concurrency: 4 });
  await kafka.produce(topic, numbers(12));
  const consumer = new Collecting(service, () => {
    throw new DownstreamUnavailable('the database says no');
  });
  consumer.probeAfter(60_000);
  const { stop } = await running(consumer, service);
  await eventually(() => consumer.isDownstreamDown && consumer.calls === 4);
  await stop();
  assert.equal(consumer.calls, 4, 'one waited for its try, and three for their turn');
  assert.deepEqual(await kafka.committed(group, topic), {});
});

test('a downstream that is down while partitions go is tried again, by who has them then', async t => {
  const service = await Service.of(t);
  const { kafka, group } = service;
  const topic = await kafka.topic(2);
  await service.seed([topic], { concurrency: 4 });
  await kafka.produce(topic, numbers(12));
  let go = (): void => {};
  const held = new Promise<void>(resolve => {
    go = resolve;
  });
  let isDown = true;
  const first = new Collecting(service, async () => {
    if (first.calls > 4) await held; // the first try
    if (isDown) throw new DownstreamUnavailable('the database says no');
  });
  first.probeAfter(50);
  const one = await running(first, service);
  await eventually(() => first.calls === 5);
  const second = new Collecting(service);
  const joining = running(second, service);
  await eventually(() => first.work?.isStopping);
  go();
  const other = await joining;
  isDown = false;
  await eventually(() => first.seen.length > 0 && first.seen.length + second.seen.length === 12);
  await Promise.all([one.stop(), other.stop()]);
  assert.deepEqual([...first.values, ...second.values].sort(), numbers(12).sort());
  assert.deepEqual(await kafka.committed(group, topic), await kafka.ends(topic));
});

test('a dead-letter topic that takes nothing is not waited for once it is to stop', async t => {
  const service = await Service.of(t);
  const { kafka, group } = service;
  const topic = await kafka.topic(1);
  const retry = { attempts: 1, backoff_ms: 1, dead_letter: 'no name of a topic' };
  await service.seed([topic], { delivery: { commit: 'after-batch', retry } });
  await kafka.produce(topic, numbers(10));
  const consumer = new Collecting(service, record => {
    if (String(record.value) === '4') throw new Error('no');
  });
  consumer.graceMs = 15_000;
  const { stop } = await running(consumer, service);
  await eventually(() => wasLogged('could not be written'), { withinMs: 60_000 });
  await stop();
  assert.ok(!wasLogged('left to themselves'), 'nothing was in a handler');
  assert.deepEqual(await kafka.committed(group, topic), { 0: 4 });
});
