/** Real servers, started with the first test that needs them, and a service a test. */

import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, type TestContext } from 'node:test';
import { Client, Pool } from 'pg';
import { setLogger } from '../src/log.js';
import { Kafka } from './kafka.js';
import { Postgres } from './postgres.js';

let postgresServer: Promise<Postgres> | undefined;
let kafkaServer: Promise<Kafka> | undefined;

export function postgres(): Promise<Postgres> {
  postgresServer ??= Postgres.start();
  return postgresServer;
}

export function kafka(): Promise<Kafka> {
  kafkaServer ??= Kafka.start();
  return kafkaServer;
}

after(async () => {
  await (await kafkaServer)?.stop();
  await (await postgresServer)?.stop();
});

/** What was logged since the test began. */
export const logged: string[] = [];

const keep = (level: string) => (text: string) => {
  logged.push(`${level} ${text}`);
  if (process.env.LAGPROOF_LOG === 'debug') process.stderr.write(`${new Date().toISOString()} ${level} ${text}\n`);
};
setLogger({ error: keep('ERROR'), warn: keep('WARN'), info: keep('INFO'), debug: keep('DEBUG') });

/** Whether a line was logged that has all of these in it. */
export function wasLogged(...parts: string[]): boolean {
  return logged.some(line => parts.every(part => line.includes(part)));
}

/** A seeded service, with a database of its own; its pool logs in as a service does, with no more rights than that. */
export class Service {
  name = `svc-${randomBytes(4).toString('hex')}`;
  version = 0;
  private readonly ending: (() => Promise<void>)[] = [];

  private constructor(
    readonly postgres: Postgres,
    readonly kafka: Kafka,
    readonly database: string,
    readonly pool: Pool,
    readonly folder: string,
  ) {}

  static async of(test: TestContext): Promise<Service> {
    logged.length = 0;
    const [server, broker] = await Promise.all([postgres(), kafka()]);
    const database = server.database();
    if (server.psql("SELECT count(*) FROM pg_roles WHERE rolname = 'app'") === '0') {
      server.psql('CREATE ROLE app LOGIN IN ROLE lagproof_service');
    }
    const folder = mkdtempSync(join(tmpdir(), 'lagproof-ts-'));
    process.env.LAGPROOF_STATE_DIR = join(folder, 'state');
    const pool = new Pool({ connectionString: server.url(database, 'app'), max: 4 });
    const service = new Service(server, broker, database, pool, folder);
    test.after(async () => {
      for (const end of service.ending.reverse()) await end();
      await server.up();
      await pool.end();
      rmSync(folder, { recursive: true });
    });
    return service;
  }

  /** Done when the test is over, however it ends. */
  later(end: () => Promise<void>): void {
    this.ending.push(end);
  }

  get stateDir(): string {
    return join(this.folder, 'state');
  }

  get group(): string {
    return `group-${this.name}`;
  }

  get brokers(): { brokers: string[] } {
    return { brokers: [this.kafka.bootstrap] };
  }

  /** Seeds it, or seeds it again with another version. */
  async seed(topics: readonly string[], settings: Record<string, unknown> = {}): Promise<void> {
    this.version += 1;
    const document = {
      client: 'kafkajs',
      group: this.group,
      group_protocol: 'classic',
      topics,
      delivery: { commit: 'after-batch', commit_interval_ms: 5000, isolation: 'read-committed' },
      concurrency: 1,
      handler: 'inline',
      ...settings,
      consumer: {
        max_poll_records: 500,
        session_timeout_ms: 10000,
        heartbeat_interval_ms: 500,
        max_poll_interval_ms: 60000,
        auto_offset_reset: 'earliest',
        fetch_max_wait_ms: 100,
        retry_backoff_ms: 100,
        ...(settings.consumer as object | undefined),
      },
    };
    const doc = JSON.stringify({ settings: document, context: {} });
    const values = [this.name, this.version, `digest-${this.version}`, doc];
    await this.owner('SELECT lagproof.seed_service_v1($1, $2, $3, $4::jsonb)', values);
  }

  /** Asks as the owner; answers the first value. */
  // biome-ignore lint/suspicious/noExplicitAny: what the query says
  async owner(sql: string, values: unknown[] = []): Promise<any> {
    const client = new Client({ connectionString: this.postgres.url(this.database) });
    await client.connect();
    try {
      const { rows } = await client.query(sql, values);
      return rows.length > 0 ? Object.values(rows[0])[0] : undefined;
    } finally {
      await client.end();
    }
  }

  /** What a person does. */
  async update(columns: Record<string, unknown>): Promise<void> {
    const sets = Object.keys(columns).map((column, index) => `${column} = $${index + 2}`);
    const sql = `UPDATE pipeline_consumer_configs SET ${sets.join(', ')} WHERE service_name = $1`;
    await this.owner(sql, [this.name, ...Object.values(columns)]);
  }

  /** The row's generation now. */
  async generation(): Promise<number> {
    return Number(
      await this.owner('SELECT generation FROM pipeline_consumer_configs WHERE service_name = $1', [this.name]),
    );
  }
}
