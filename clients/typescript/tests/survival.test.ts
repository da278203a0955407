/** Processes killed, the broker and the database restarted under load: nothing lost, by sequence numbers. */

import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import { sleep } from '../src/waiting.js';
import { eventually } from './kafka.js';
import { Load } from './load.js';
import { Service } from './service.js';

/** A process that consumes. */
class Replica {
  private readonly out: string;
  readonly process: ChildProcess;
  readonly ended: Promise<number | string | null>;

  constructor(service: Service, number: number) {
    this.out = join(service.folder, `out-${number}`);
    const log = openSync(join(service.folder, `log-${number}`), 'a');
    const words = [service.name, service.postgres.url(service.database, 'app'), service.kafka.bootstrap, this.out];
    this.process = spawn(process.execPath, [join(__dirname, 'survivor.js'), ...words], {
      stdio: ['ignore', log, log],
    });
    this.ended = new Promise(resolve => {
      this.process.once('exit', (status, signal) => resolve(signal ?? status));
    });
    service.later(async () => {
      if (this.process.exitCode === null) this.process.kill('SIGKILL');
      await this.ended;
    });
  }

  /** What it processed, in its order. */
  get values(): string[] {
    if (!existsSync(this.out)) return [];
    const lines = readFileSync(this.out, 'utf8').split('\n').slice(0, -1);
    return lines.map(line => line.split(' ')[3]!);
  }
}

describe('nothing is lost', () => {
  for (const trouble of ['kill -9', 'broker', 'database'] as const) {
    test(trouble, t => survives(t, trouble));
  }
});

async function survives(t: TestContext, trouble: 'kill -9' | 'broker' | 'database'): Promise<void> {
  const service = await Service.of(t);
  const { kafka, postgres } = service;
  const topic = await kafka.topic(4);
  await service.seed([topic], { consumer: { session_timeout_ms: 6000, heartbeat_interval_ms: 500 }, concurrency: 4 });
  const replicas = [new Replica(service, 0), new Replica(service, 1)];
  const seen = (): string[] => replicas.flatMap(one => one.values);
  const load = new Load(kafka, topic, 200);
  service.later(() => load.stop());
  await eventually(() => replicas.every(one => one.values.length > 0), { withinMs: 60_000 });
  if (trouble === 'kill -9') {
    replicas[0]!.process.kill('SIGKILL');
    assert.equal(await replicas[0]!.ended, 'SIGKILL');
    replicas.push(new Replica(service, 2));
    await eventually(() => replicas[2]!.values.length > 0, { withinMs: 60_000 });
  } else if (trouble === 'broker') {
    await kafka.tell('kill');
    await sleep(2000);
    await kafka.tell('resume');
  } else {
    await postgres.crash();
    await sleep(3000);
    const before = seen().length;
    await eventually(() => seen().length > before + 50, { what: 'it goes on without the database' });
    await postgres.restart();
    await service.update({ max_poll_records: 7 });
    const generation = await service.generation();
    const said = 'SELECT count(*) FROM lagproof.acknowledgements WHERE service_name = $1 AND generation = $2';
    await eventually(async () => (await service.owner(said, [service.name, generation])) === '2', { withinMs: 90_000 });
  }
  const at = seen().length;
  await eventually(() => seen().length > at + 200, { withinMs: 90_000 });
  await load.stop();
  assert.ok(load.acked.size > 0);
  const missing = (): string[] => {
    const found = new Set(seen());
    return [...load.acked].filter(value => !found.has(value));
  };
  await eventually(() => missing().length === 0, { withinMs: 90_000, what: 'every record is processed' });
  for (const { process } of replicas) if (process.exitCode === null) process.kill('SIGTERM');
  const statuses = await Promise.all(replicas.map(one => one.ended));
  assert.deepEqual(statuses, trouble === 'kill -9' ? ['SIGKILL', 0, 0] : [0, 0]);
  const values = seen();
  assert.deepEqual(missing(), []);
  assert.deepEqual(await kafka.committed(service.group, topic), await kafka.ends(topic));
  const repeated = values.length - new Set(values).size;
  t.diagnostic(`${trouble}: ${load.acked.size} acknowledged, ${missing().length} lost, ${repeated} processed twice`);
}
