/** What this package needs of a database pool; pg's has it. */

import { type LagproofError, messageOf, NoRights, NotMigrated } from './errors.js';
import { log } from './log.js';

/** A query as pg takes it; `query_timeout` is in milliseconds. */
export interface DatabaseQuery {
  text: string;
  values?: unknown[];
  query_timeout?: number;
}

/** Rows as they come. */
export interface DatabaseResult {
  // biome-ignore lint/suspicious/noExplicitAny: rows are what the query says
  rows: any[];
}

/** A connection of the pool. */
export interface DatabaseClient {
  query(query: DatabaseQuery): Promise<DatabaseResult>;
  release(error?: Error | boolean): void;
  // biome-ignore lint/suspicious/noExplicitAny: as in EventEmitter
  on(event: string, listener: (...args: any[]) => void): unknown;
  // biome-ignore lint/suspicious/noExplicitAny: as in EventEmitter
  removeListener(event: string, listener: (...args: any[]) => void): unknown;
}

/** A `pg.Pool`. */
export interface DatabasePool {
  connect(): Promise<DatabaseClient>;
  // biome-ignore lint/suspicious/noExplicitAny: as in EventEmitter
  on(event: any, listener: (...args: any[]) => void): unknown;
  readonly options?: { readonly max?: number };
}

const PATIENCE_MS = 10_000;
// Connection troubles, shutdowns, too many connections: what says that the database is away rather than wrong.
const AWAY = /^(08...|57P0[1-3]|53300)$/;
const heard = new WeakSet<DatabasePool>();

/**
 * Runs one query, and gives up after `withinMs`. A pool whose idle connections break raises an event that ends the
 * process where nobody listens: from the first query on somebody does.
 */
export async function ask(
  pool: DatabasePool,
  text: string,
  values: unknown[] = [],
  withinMs = PATIENCE_MS,
  // biome-ignore lint/suspicious/noExplicitAny: rows are what the query says
): Promise<any[]> {
  const began = Date.now();
  const client = await connection(pool, withinMs);
  // A connection that breaks says so twice: to the query, and as an event.
  const broken = (error: Error): void => log.debug(`database: ${error.message}`);
  client.on('error', broken);
  let failure: Error | undefined;
  try {
    const left = Math.max(1, withinMs - (Date.now() - began));
    return (await client.query({ text, values, query_timeout: left })).rows;
  } catch (error) {
    failure = error as Error;
    throw error;
  } finally {
    client.removeListener('error', broken);
    client.release(failure && !isRefusal(failure) ? failure : undefined);
  }
}

/** A connection, within the time; one that comes later goes back. */
export function connection(pool: DatabasePool, withinMs = PATIENCE_MS): Promise<DatabaseClient> {
  if (!heard.has(pool)) {
    heard.add(pool);
    pool.on('error', (error: Error) => log.debug(`database: an idle connection ended: ${error.message}`));
  }
  return new Promise((resolve, reject) => {
    let late = false;
    const timer = setTimeout(() => {
      late = true;
      reject(new Error(`no connection within ${withinMs / 1000} s`));
    }, withinMs);
    pool.connect().then(
      client => {
        clearTimeout(timer);
        if (late) client.release();
        else resolve(client);
      },
      error => {
        clearTimeout(timer);
        reject(error);
      },
    );
  });
}

/** Whether the server answered, with an error of its own. */
function isRefusal(error: unknown): boolean {
  return error instanceof Error && 'severity' in error && !isAway(error);
}

/** Whether an error says that the database is away rather than wrong. */
export function isAway(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  if ('severity' in error) return AWAY.test(String((error as { code?: unknown }).code));
  return !(error instanceof TypeError || error instanceof ReferenceError || error instanceof SyntaxError);
}

/** What a refusal of the database means here; the error itself where it means nothing special. */
export function explain(error: unknown): LagproofError | unknown {
  const code = error instanceof Error && 'severity' in error ? (error as { code?: unknown }).code : undefined;
  if (code === '42501') return new NoRights(messageOf(error), { cause: error });
  if (code === '42P01' || code === '42883' || code === '3F000') {
    return new NotMigrated(messageOf(error).split(' does not exist')[0]!, { cause: error });
  }
  return error;
}
