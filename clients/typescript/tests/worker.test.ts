/** `lagproof-worker` by the protocol of `lagproof verify`. */

import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { describe, test } from 'node:test';
import { inflateSync } from 'node:zlib';
import * as hdr from 'hdr-histogram-js';
import { build, decodeFromCompressedBase64 } from 'hdr-histogram-js';
import { encode } from '../src/verify/ledger.js';
import { NO_KEY, Numbers, nowUs, POISON, SLOW, splitMix, tickAt } from '../src/verify/protocol.js';
import { quantile } from '../src/verify/quantile.js';
import { setEnvironment } from '../src/verify/spec.js';
import { numbers } from './collecting.js';
import { eventually } from './kafka.js';
import { LAGPROOF } from './postgres.js';
import { kafka, Service } from './service.js';

const TAG = 77;

function record(sequence: number, { flags = 0, key = NO_KEY, keySequence = 0, run = TAG } = {}): Buffer {
  const value = Buffer.alloc(100, 'x');
  value.write('LGP', 0, 'latin1');
  value.writeUInt8(flags, 3);
  value.writeUInt32BE(run, 4);
  value.writeUInt32BE(0, 8);
  value.writeBigUInt64BE(BigInt(sequence), 12);
  value.writeBigInt64BE(BigInt(nowUs()), 20);
  value.writeUInt32BE(key, 28);
  value.writeBigUInt64BE(BigInt(keySequence), 32);
  return value;
}

const CLIENTS: Record<string, (topic: string) => Record<string, string>> = {
  kafkajs: topic => ({
    groupId: `g-${topic}`,
    sessionTimeout: '10000',
    heartbeatInterval: '500',
    rebalanceTimeout: '60000',
    minBytes: '1',
    maxWaitTimeInMs: '100',
    maxBytes: '10485760',
    maxBytesPerPartition: '1048576',
    metadataMaxAge: '300000',
    allowAutoTopicCreation: 'true',
    readUncommitted: 'false',
  }),
  'confluent-javascript': topic => ({
    'group.id': `g-${topic}`,
    'js.consumer.max.batch.size': '100',
    'session.timeout.ms': '10000',
    'heartbeat.interval.ms': '500',
    'max.poll.interval.ms': '60000',
    'auto.offset.reset': 'earliest',
    'fetch.wait.max.ms': '100',
    'enable.auto.commit': 'false',
    'isolation.level': 'read_committed',
  }),
};

/** What the compiled files have beside the consumer's own options. */
const SECTIONS: Record<string, object> = {
  kafkajs: {
    client: { requestTimeout: 30_000, retry: { initialRetryTime: 300, maxRetryTime: 30_000, factor: 0.5 } },
    subscribe: { fromBeginning: true },
    run: { partitionsConsumedConcurrently: 3 },
  },
};

/** As `lagproof verify` makes it: properties are the compiled ones, as text; the cluster stands under librdkafka's names. */
async function spec(topic: string, changes: Record<string, unknown> = {}, client = 'kafkajs') {
  return {
    protocol: 1,
    run: 'test',
    tag: TAG,
    service: 'filter',
    replica: 0,
    properties: {
      'bootstrap.servers': (await kafka()).bootstrap,
      'client.id': 'lagproof',
      ...CLIENTS[client]!(topic),
    },
    ...(SECTIONS[client] ? { sections: SECTIONS[client] } : {}),
    topics: [topic],
    max_poll_records: 100,
    per_record_factor: 1,
    seed: 7,
    ...changes,
    work: {
      per_record: { kind: 'constant', us: 100 },
      per_batch_us: 1000,
      concurrency: { bounded: 1 },
      handler: 'inline',
      cpu_share: 0,
      slow_us: 200_000,
      stalls_us: [],
      ...(changes.work as object | undefined),
    },
    delivery: { commit: 'after-batch', retry: null, ...(changes.delivery as object | undefined) },
    ticks: { start_us: nowUs(), every_ms: 250, jitter_ms: 50, seed: 3 },
  };
}

// biome-ignore lint/suspicious/noExplicitAny: a line of the protocol
type Line = any;

/** The process, and the lines that it wrote. */
class Worker {
  readonly lines: Line[] = [];
  readonly process: ChildProcess;
  readonly ended: Promise<number | null>;

  constructor(service: Service, given: object) {
    this.process = spawn(process.execPath, [join(__dirname, '../src/worker.js')], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    this.process.stdin!.write(`${JSON.stringify(given)}\n`);
    const lines = createInterface({ input: this.process.stdout! });
    lines.on('line', line => this.lines.push(JSON.parse(line)));
    const exit = new Promise<number | null>(resolve => this.process.once('exit', resolve));
    this.ended = new Promise<void>(resolve => lines.once('close', resolve)).then(() => exit);
    service.later(async () => {
      if (this.process.exitCode === null) this.process.kill('SIGKILL');
      await this.ended;
    });
  }

  of(line: string): Line[] {
    return this.lines.filter(one => one.line === line);
  }

  total(counter: string): number {
    return this.of('tick').reduce((sum, one) => sum + one[counter], 0);
  }

  /** What it has dealt with: partition and sequence. */
  get done(): string[] {
    return this.of('tick').flatMap(one => one.processed.flatMap(sequences));
  }

  /** By the command. */
  stop(): Promise<number | null> {
    this.process.stdin!.write('{"command": "stop"}\n');
    return this.ended;
  }
}

function sequences({ partition, from, to }: { partition: number; from: number; to: number }): string[] {
  return Array.from({ length: to - from }, (_, index) => `${partition} ${from + index}`);
}

describe('every record is accounted for', () => {
  for (const client of Object.keys(CLIENTS)) {
    test(`worker on ${client}`, async t => {
      const service = await Service.of(t);
      const broker = service.kafka;
      const [topic, dead] = [await broker.topic(1), await broker.topic(1)];
      const retry = { attempts: 2, backoff_us: 1000, dead_letter: dead };
      const worker = new Worker(service, await spec(topic, { delivery: { retry } }, client));
      const flags: Record<number, number> = { 40: POISON, 50: SLOW };
      const values = numbers(300)
        .map(Number)
        .map(number =>
          record(number, { flags: flags[number] ?? 0, key: number % 3, keySequence: Math.floor(number / 3) }),
        );
      values.push(record(120, { key: 0, keySequence: 40 }), record(0, { run: TAG + 1 }), Buffer.from('not ours'));
      await broker.produce(topic, values);
      const through = () => worker.total('records') + worker.total('foreign') === 303;
      await eventually(through, { withinMs: 60_000, what: 'all are through' });
      assert.equal(await worker.stop(), 0);
      const kinds = worker.lines.map(one => one.line);
      assert.deepEqual([kinds[0], kinds.at(-1)], ['ready', 'end']);
      assert.ok(worker.lines[0].client.startsWith(`${client} `) && worker.lines[0].protocol === 1);
      assert.deepEqual(worker.lines.at(-1).reason, { reason: 'stopped' });
      assert.deepEqual(worker.of('assigned').at(-1).partitions, [[topic, 0]]);
      const totals = ['records', 'foreign', 'repeated', 'reordered', 'failed', 'dead_letters'];
      assert.deepEqual(
        totals.map(name => worker.total(name)),
        [301, 2, 1, 0, 1, 1],
      );
      assert.ok(worker.total('batches') >= 4);
      assert.deepEqual(
        worker.done.sort(),
        numbers(300)
          .map(number => `0 ${number}`)
          .sort(),
        'each once',
      );
      const last = worker.of('tick').at(-1);
      assert.equal(last.in_hand, 0);
      assert.ok(last.resident_bytes > 10e6 && last.cpu_seconds > 0);
      const positions = worker.of('tick').flatMap(one => one.positions);
      const at = { topic, partition: 0, processed: 303, polled: 303, committed: 303 };
      assert.deepEqual(positions.at(-1), at);
      const latencies = build({ highestTrackableValue: 24 * 3600e6, numberOfSignificantValueDigits: 3 });
      for (const { latency } of worker.of('tick')) if (latency) latencies.add(decodeFromCompressedBase64(latency));
      assert.equal(latencies.totalCount, 301);
      assert.ok(latencies.maxValue > 200_000);
      assert.deepEqual(await broker.committed(`g-${topic}`, topic), { 0: 303 });
      const letters = await broker.read(dead, 1);
      assert.deepEqual(letters[0]!.value, values[40]);
    });
  }
});

test('histograms are such as every implementation reads', () => {
  const histogram = build({ highestTrackableValue: 24 * 3600e6, numberOfSignificantValueDigits: 3 });
  for (const us of [1234, 99_999]) histogram.recordValue(us);
  const encoded = Buffer.from(encode(hdr, histogram), 'base64');
  assert.equal(encoded.readInt32BE(4), encoded.length - 8);
  const inner = inflateSync(encoded.subarray(8));
  assert.deepEqual([inner.readInt32BE(8), inner.readDoubleBE(32)], [0, 1], 'offset and ratio');
  assert.equal(decodeFromCompressedBase64(encode(hdr, histogram)).totalCount, 2);
});

describe('other ways to commit run through', () => {
  for (const commit of ['after-record', 'on-receipt', 'interval']) {
    test(`worker that commits ${commit}`, async t => {
      const service = await Service.of(t);
      const topic = await service.kafka.topic(2);
      const worker = new Worker(service, await spec(topic, { delivery: { commit } }));
      await service.kafka.produce(
        topic,
        numbers(50)
          .map(Number)
          .map(number => record(number)),
        { partition: 0 },
      );
      await eventually(() => worker.total('records') === 50, { withinMs: 60_000 });
      assert.equal(await worker.stop(), 0);
      assert.equal((await service.kafka.committed(`g-${topic}`, topic))[0], 50);
    });
  }
});

test('an unbounded hand-over piles up', async t => {
  const service = await Service.of(t);
  const topic = await service.kafka.topic(1);
  const work = { concurrency: 'unbounded', per_record: { kind: 'constant', us: 20_000 } };
  const given = await spec(topic, { work, delivery: { commit: 'on-receipt' }, per_record_factor: 3 });
  const worker = new Worker(service, given);
  await service.kafka.produce(
    topic,
    numbers(200)
      .map(Number)
      .map(number => record(number)),
  );
  await eventually(() => worker.of('tick').some(one => one.in_hand > 50), { withinMs: 60_000 });
  await worker.stop();
  assert.deepEqual(await service.kafka.committed(`g-${topic}`, topic), { 0: 200 }, 'committed at the hand-over');
  assert.ok(worker.total('records') < 200, 'and what was in hand is lost, as that way to commit loses it');
});

test('SIGTERM is a stop, and a killed worker has said what it did', async t => {
  const service = await Service.of(t);
  const topic = await service.kafka.topic(1);
  const worker = new Worker(service, await spec(topic));
  await service.kafka.produce(
    topic,
    numbers(20)
      .map(Number)
      .map(number => record(number)),
  );
  await eventually(() => worker.total('records') === 20, { withinMs: 60_000 });
  worker.process.kill('SIGTERM');
  assert.equal(await worker.ended, 0);
  assert.equal(worker.lines.at(-1).line, 'end');
  const killed = new Worker(service, await spec(topic));
  await service.kafka.produce(
    topic,
    numbers(20)
      .map(Number)
      .map(number => record(20 + number)),
  );
  await eventually(() => killed.total('records') === 20, { withinMs: 60_000 });
  killed.process.kill('SIGKILL');
  await killed.ended;
  assert.deepEqual(killed.of('end'), []);
});

test('a stall is answered and kept', async t => {
  const service = await Service.of(t);
  const topic = await service.kafka.topic(1);
  const worker = new Worker(service, await spec(topic));
  const stall = { from_us: nowUs(), to_us: nowUs() + 10_000_000 };
  worker.process.stdin!.write(`nonsense is skipped\n${JSON.stringify({ command: 'stall', ...stall })}\n`);
  await eventually(() => worker.of('stall').length === 1, { withinMs: 60_000 });
  const { from_us, to_us } = worker.of('stall')[0];
  assert.deepEqual({ from_us, to_us }, stall);
  await service.kafka.produce(topic, [record(0), record(1)]);
  await eventually(() => worker.total('records') === 2, { withinMs: 60_000 });
  assert.ok(worker.of('tick').find(one => one.records > 0).at_us >= to_us);
  assert.equal(await worker.stop(), 0);
});

test('another protocol, and what it does not know, is refused', async t => {
  const service = await Service.of(t);
  const refusals: [object, RegExp][] = [
    [{ protocol: 2 }, /the spec is of protocol 2, this worker's is 1$/],
    [{ weather: 'fine' }, /the spec has weather, which this worker does not know/],
    [{ properties: { group_id: 'g' }, sections: {} }, /another client is declared/],
    [
      { sections: { client: { weather: 'fine' } } },
      /the spec has client weather = fine, and this worker would leave it out/,
    ],
  ];
  for (const [change, says] of refusals) {
    const worker = new Worker(service, await spec('t', change as Record<string, unknown>));
    assert.equal(await worker.ended, 1);
    assert.match(worker.lines.at(-1).reason.message, says);
  }
});

test('where the cluster is comes under the names of librdkafka', () => {
  const environment: NodeJS.ProcessEnv = {};
  const given = { 'bootstrap.servers': 'a:1', 'security.protocol': 'sasl_ssl', 'sasl.mechanism': 'PLAIN' };
  setEnvironment({ ...given, 'sasl.username': '007', 'sasl.password': 'true' }, environment);
  assert.deepEqual(environment, {
    KAFKA_BOOTSTRAP_SERVERS: 'a:1',
    KAFKA_SECURITY_PROTOCOL: 'sasl_ssl',
    KAFKA_SASL_MECHANISM: 'PLAIN',
    KAFKA_SASL_USERNAME: '007',
    KAFKA_SASL_PASSWORD: 'true',
  });
});

test('numbers are kept as intervals', () => {
  const found = new Numbers();
  for (const number of [5, 6, 3, 4, 9, 1, 2, 8, 7, 0]) {
    assert.ok(found.add(number));
    assert.ok(!found.add(number));
  }
  assert.deepEqual(found.intervals, [[0, 10]]);
});

test('draws and ticks are those of the harness', () => {
  assert.equal(splitMix(0n), 0xe220a8397b1dcdafn); // SplitMix64's first output for seed 0
  // As docs/worker-protocol.md has them.
  const ticks = { start_us: 0, every_ms: 250, jitter_ms: 50, seed: 7n };
  assert.deepEqual(
    [0, 1, 2].map(k => tickAt(ticks, k)),
    [-11_017, 261_850, 518_236],
  );
  const known: [number, number][] = [
    [1e-16, -8.222082216130435],
    [0.001, -3.090232306167813],
    [0.3, -0.5244005127080407],
    [0.5, 0],
    [0.99, 2.3263478740408408],
    [1 - 1e-12, 7.0344869100478356],
  ];
  for (const [p, z] of known) assert.ok(Math.abs(quantile(p) - z) < 1e-14, `${p}`);
});

test('it accounts for a load as lagproof sends it', async t => {
  // `lagproof load` on one side, this worker on the other: what was acknowledged is what was processed.
  const service = await Service.of(t);
  const topic = await service.kafka.topic(2);
  const given = await spec(topic, { work: { concurrency: { bounded: 4 } } });
  given.ticks.start_us += 3_000_000;
  const worker = new Worker(service, given);
  const load = {
    protocol: 1,
    run: 'test',
    tag: TAG,
    shard: { index: 0, of: 1 },
    seed: 7,
    properties: { 'bootstrap.servers': service.kafka.bootstrap, acks: 'all' },
    topics: [
      {
        topic,
        partitions: 2,
        stretches: [{ from_rate: 200, to_rate: 200, seconds: 3 }],
        size: { mean: 200, max: 400, compression_ratio: 1 },
        key: { cardinality: 20, zipf: 0 },
        poison_at_us: [500_000, 1_000_000, 1_500_000],
        slow_at_us: [1_200_000, 1_800_000],
      },
    ],
    ticks: given.ticks,
  };
  const sender = spawn(LAGPROOF, ['load'], { stdio: ['pipe', 'pipe', 'inherit'] });
  const status = new Promise(resolve => sender.once('exit', resolve));
  sender.stdin.write(`${JSON.stringify(load)}\n`);
  const said: Line[] = [];
  for await (const line of createInterface({ input: sender.stdout })) said.push(JSON.parse(line));
  assert.equal(await status, 0);
  const sent = said.filter(one => one.line === 'tick').flatMap(one => one.acknowledged.flatMap(sequences));
  assert.equal(sent.length, said.at(-1).acknowledged);
  assert.ok(sent.length >= 500);
  await eventually(() => worker.total('records') >= sent.length, { withinMs: 60_000 });
  assert.equal(await worker.stop(), 0);
  assert.deepEqual(worker.done.sort(), sent.sort());
  assert.deepEqual([worker.total('failed'), worker.total('repeated'), worker.total('reordered')], [3, 0, 0]);
});
