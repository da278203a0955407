/** What the worker makes of its spec: exactly what was compiled. */

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { lower, nested } from '../src/lowering.js';
import { readSettings, type Value } from '../src/settings.js';
import { configOfSpec, type Spec } from '../src/verify/spec.js';
import { cases } from './cases.test.js';

interface Case {
  name: string;
  client: string;
  settings: { delivery: { commit: string } };
  lowered: { sections: Record<string, Record<string, Value>> };
}

/** As `lagproof verify` makes it of a compiled file: the consumer's options as text, other sections as they stand. */
function specOf({ settings, lowered }: Case): Spec {
  const { consumer = {}, loader: _, subscribe = {}, ...others } = lowered.sections;
  const { topics, ...rest } = subscribe;
  const sections: Record<string, Record<string, unknown>> = {};
  for (const [section, keys] of Object.entries({ ...others, subscribe: rest })) {
    if (Object.keys(keys).length > 0) sections[section] = nested(keys);
  }
  return {
    service: 'service',
    tag: 1,
    properties: {
      'bootstrap.servers': 'kafka:9092',
      ...Object.fromEntries(Object.entries(consumer).map(([key, value]) => [key, String(value)])),
    },
    sections,
    topics: topics as string[],
    max_poll_records: (readSettings('service', settings).consumer.max_poll_records as number | undefined) ?? 500,
    work: {
      per_record: { kind: 'constant', us: 0 },
      per_batch_us: 0,
      concurrency: { bounded: 1 },
      cpu_share: 0,
      slow_us: 0,
      stalls_us: [],
    },
    delivery: { commit: settings.delivery.commit, retry: null },
    per_record_factor: 1,
    seed: 7n,
    ticks: { start_us: 0, every_ms: 250, jitter_ms: 50, seed: 7n },
  };
}

const OURS = cases<Case>('lowering.json').filter(one => ['kafkajs', 'confluent-javascript'].includes(one.client));

describe("a worker's client is given what was compiled, section by section", () => {
  assert.ok(OURS.length > 30);
  for (const one of OURS) {
    test(one.name, () => {
      const { client, consumer, subscribe, run } = lower(configOfSpec(specOf(one)).settings);
      const expected = one.lowered.sections;
      const asText = (keys: object = {}): object =>
        Object.fromEntries(Object.entries(keys).map(([key, value]) => [key, String(value)]));
      assert.deepEqual(asText(consumer), asText(expected.consumer));
      if (one.client === 'kafkajs') assert.deepEqual(consumer, expected.consumer, 'numbers are numbers');
      assert.deepEqual(client, expected.client ?? {});
      assert.deepEqual(subscribe, expected.subscribe);
      assert.deepEqual(run, expected.run ?? {});
    });
  }
});

test('what it could not give the client is refused by name', () => {
  const kafkajs = specOf(
    OURS.find(one => one.name === 'kafkajs.defaults') ?? OURS.find(one => one.client === 'kafkajs')!,
  );
  const refused = (change: Partial<Spec>, says: RegExp): void => {
    assert.throws(() => configOfSpec({ ...kafkajs, ...change }), says);
  };
  const { client, ...others } = kafkajs.sections!;
  refused(
    { sections: { ...others, client: { ...client, weather: 'fine' } } },
    /the spec has client weather = fine, and this worker would leave it out/,
  );
  refused({ sections: { ...kafkajs.sections, moon: { full: true } } }, /moon full = true, and .* leave it out/);
  refused(
    { properties: { ...kafkajs.properties, partitionAssigners: 'range' } },
    /consumer partitionAssigners = range, and this worker would leave it out/,
  );
  refused(
    { sections: { ...others, run: { autoCommit: true } }, delivery: { commit: 'on-receipt', retry: null } },
    /run autoCommit = true, and this worker would make it false/,
  );
});
