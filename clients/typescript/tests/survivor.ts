/** A service as a process of its own, to be killed: writes `topic partition offset value` of each record it processed. */

import { openSync, writeSync } from 'node:fs';
import { Pool } from 'pg';
import { BaseKafkaConsumer, type ConsumedRecord } from '../src/index.js';
import { sleep } from '../src/waiting.js';

const [service, database, bootstrap, out] = process.argv.slice(2) as [string, string, string, string];

class Survivor extends BaseKafkaConsumer {
  override metricsEveryMs = 1000;
  // Written whole and at once, so that a kill leaves whole lines: one write a record.
  private readonly out = openSync(out, 'a');

  override async process(record: ConsumedRecord): Promise<void> {
    await sleep(1);
    writeSync(this.out, `${record.topic} ${record.partition} ${record.offset} ${record.value}\n`);
  }
}

async function main(): Promise<void> {
  const pool = new Pool({ connectionString: database, max: 3 });
  await new Survivor(service, { pool, kafka: { brokers: [bootstrap] } }).run();
  await pool.end();
}

main().catch(error => {
  console.error(error);
  process.exitCode = 1;
});
