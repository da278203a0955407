/**
 * What BaseKafkaConsumer costs over a bare kafkajs loop with the same settings: paired runs, alternating, A B B A.
 *
 * usage: node build/bench/overhead.js [--rounds N]     prints a table; exit status 1 where the claim is missed
 */

import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { availableParallelism, loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { Pool } from 'pg';
import { makeKafkajs } from '../src/clients.js';
import { BaseKafkaConsumer, type ConsumedRecord, KafkaConsumerConfigLoader } from '../src/index.js';
import { setLogger } from '../src/log.js';
import { Kafka } from '../tests/kafka.js';
import { Postgres } from '../tests/postgres.js';

const CLAIM = 0.1;
const SIZES: [bytes: number, count: number][] = [
  [100, 300_000],
  [10_000, 20_000],
];
const MOST = 500;
const settings = (topic: string, group: string) => ({
  client: 'kafkajs',
  group,
  topics: [topic],
  concurrency: 1,
  delivery: { commit: 'after-batch', commit_interval_ms: 5000, isolation: 'read-committed' },
  consumer: {
    max_poll_records: MOST,
    auto_offset_reset: 'earliest',
    fetch_max_wait_ms: 100,
    max_poll_interval_ms: 60_000,
  },
});

interface Side {
  seconds: number;
  cpu: number;
}

/** The trivial handler, which both sides await. */
async function handler(_record: unknown): Promise<void> {}

/** Measures from the first batch to the last commit. */
class Watch {
  private began = 0;
  private cpu = process.cpuUsage();

  start(): void {
    if (this.began > 0) return;
    this.began = performance.now();
    this.cpu = process.cpuUsage();
  }

  stop(): Side {
    const { user, system } = process.cpuUsage(this.cpu);
    return { seconds: (performance.now() - this.began) / 1000, cpu: (user + system) / 1e6 };
  }
}

async function based(pool: Pool, kafka: Kafka, name: string, count: number): Promise<Side> {
  const watch = new Watch();
  let left = count;
  let side: Side | null = null;
  class Based extends BaseKafkaConsumer {
    override process(record: ConsumedRecord): Promise<void> {
      left -= 1;
      return handler(record);
    }
    override async batchBegins(): Promise<void> {
      watch.start();
      if (side === null && left <= MOST) void this.last();
    }
    private async last(): Promise<void> {
      while (left > 0 || this.work !== null || this.commits.isBusy) await new Promise(setImmediate);
      side = watch.stop();
      this.stop();
    }
  }
  const loader = new KafkaConsumerConfigLoader(pool);
  await new Based(name, { loader, kafka: { brokers: [kafka.bootstrap] } }).run({ handleSignals: false });
  return side!;
}

/** The loop that one writes by hand: so many records, handled and committed. */
async function bare(pool: Pool, kafka: Kafka, name: string, count: number): Promise<Side> {
  const config = await new KafkaConsumerConfigLoader(pool).loadConfig(name);
  const { consumer } = makeKafkajs(config.settings, { brokers: [kafka.bootstrap] });
  await consumer.connect();
  await consumer.subscribe({ topics: [...config.settings.topics], fromBeginning: true });
  const watch = new Watch();
  let left = count;
  const side = await new Promise<Side>((resolve, reject) => {
    consumer
      .run({
        autoCommit: false,
        eachBatchAutoResolve: false,
        eachBatch: async ({ batch, resolveOffset, heartbeat }) => {
          watch.start();
          const { topic, partition, messages } = batch;
          for (let at = 0; at < messages.length; at += MOST) {
            const piece = messages.slice(at, at + MOST);
            for (const message of piece) {
              left -= 1;
              await handler(message);
            }
            const last = piece[piece.length - 1]!.offset;
            resolveOffset(last);
            await consumer.commitOffsets([{ topic, partition, offset: String(Number(last) + 1) }]);
            await heartbeat();
          }
          if (left === 0) resolve(watch.stop());
        },
      })
      .catch(reject);
  });
  await consumer.disconnect();
  return side;
}

function median(values: number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return (sorted[(sorted.length - 1) >> 1]! + sorted[sorted.length >> 1]!) / 2;
}

async function measure(rounds: number): Promise<number> {
  const quiet = (): void => {};
  setLogger({ error: console.error, warn: quiet, info: quiet, debug: quiet });
  const folder = mkdtempSync(join(tmpdir(), 'lagproof-bench-'));
  process.env.LAGPROOF_STATE_DIR = folder;
  const [postgres, kafka] = [await Postgres.start(), await Kafka.start()];
  const pool = new Pool({ connectionString: postgres.url(postgres.database()), max: 4 });
  let missed = 0;
  const load = loadavg()[0]!.toFixed(1);
  console.log(
    `${availableParallelism()} cores, load ${load}; paired runs, batches of at most ${MOST}, commit a batch; Node ` +
      process.version,
  );
  console.log('record    records   bare /s   base /s   median of pairs: time    CPU     claim');
  let number = 0;
  for (const [size, count] of SIZES) {
    const topic = await kafka.topic(4);
    const values = Array.from({ length: Math.min(1000, 500_000 / size) }, () => randomBytes(size));
    for (let sent = 0; sent < count; sent += values.length) {
      await kafka.produce(topic, values, { partition: (sent / values.length) % 4 });
    }
    const pairs: [bare: Side, base: Side][] = [];
    for (let round = 0; round <= rounds; round++) {
      const found = new Map<typeof bare, Side>();
      for (const side of round % 2 === 0 ? [bare, based] : [based, bare]) {
        const name = `bench-${++number}`;
        const doc = JSON.stringify({ settings: settings(topic, name), context: {} });
        await pool.query("SELECT lagproof.seed_service_v1($1, 1, 'digest', $2::jsonb)", [name, doc]);
        found.set(side, await side(pool, kafka, name, count));
      }
      if (round > 0) pairs.push([found.get(bare)!, found.get(based)!]); // the first pair warms up
    }
    const slower = median(pairs.map(([before, after]) => after.seconds / before.seconds - 1));
    const cpu = median(pairs.map(([before, after]) => after.cpu / before.cpu - 1));
    const [rate, baseRate] = [0, 1].map(side => median(pairs.map(pair => count / pair[side]!.seconds))) as [
      number,
      number,
    ];
    const isMet = slower < CLAIM;
    missed += isMet ? 0 : 1;
    const percent = (share: number): string => `${share >= 0 ? '+' : ''}${(share * 100).toFixed(1)}%`;
    console.log(
      `${String(size).padStart(6)} B  ${String(count).padStart(8)}  ${rate.toFixed(0).padStart(8)}  ` +
        `${baseRate.toFixed(0).padStart(8)}   ${percent(slower).padStart(21)}  ${percent(cpu).padStart(6)}     ` +
        `< ${CLAIM * 100}%: ${isMet ? 'met' : 'MISSED'}`,
    );
  }
  await pool.end();
  await kafka.stop();
  await postgres.stop();
  rmSync(folder, { recursive: true });
  return missed > 0 ? 1 : 0;
}

const { values } = parseArgs({ options: { rounds: { type: 'string', default: '6' } } });
measure(Number(values.rounds)).then(status => {
  process.exitCode = status;
});
