/** A service's settings from the database: read, polled, listened for, kept in a file. */

import { ask, type DatabasePool, explain, isAway } from './database.js';
import { DatabaseAway, LagproofError, messageOf, RetiredService, UnknownService } from './errors.js';
import { fileOf, load, save } from './lastGood.js';
import { Ears } from './listening.js';
import { log } from './log.js';
import { type Config, configOf, readSettings } from './settings.js';
import { Wake } from './waiting.js';

const QUERY = 'SELECT status, version, generation, etag, settings::text AS settings FROM lagproof.read_config_v1($1)';
const KNOWN = "SELECT service_name FROM public.pipeline_consumer_configs WHERE status = 'active'";

/**
 * A service's row as it is now.
 *
 * Throws UnknownService, RetiredService, BadRow, NotMigrated, NoRights; what `isAway` knows where the database can't be
 * reached.
 */
export async function read(pool: DatabasePool, serviceName: string): Promise<Config> {
  try {
    const [row] = await ask(pool, QUERY, [serviceName]);
    if (row === undefined) {
      const known = await ask(pool, KNOWN);
      throw new UnknownService(
        serviceName,
        known.map(one => one.service_name),
      );
    }
    if (row.status === 'retired') throw new RetiredService(serviceName, row.version);
    const settings = readSettings(serviceName, JSON.parse(row.settings));
    return configOf(settings, { version: row.version, generation: Number(row.generation), etag: row.etag });
  } catch (error) {
    throw explain(error);
  }
}

/** The row; where the database is away, the last good one, said loudly. Throws DatabaseAway where there is neither. */
export async function readOrLastGood(pool: DatabasePool, serviceName: string, folder: string): Promise<Config> {
  let config: Config;
  try {
    config = await read(pool, serviceName);
  } catch (error) {
    if (error instanceof LagproofError || !isAway(error)) throw error;
    const file = fileOf(serviceName, folder);
    const row = await load(serviceName, folder);
    if (row === null) throw new DatabaseAway(serviceName, messageOf(error), file, { cause: error });
    log.error(
      `${serviceName}: THE DATABASE IS AWAY (${messageOf(error)}): starting with the last good settings, generation ` +
        `${row.generation}, of ${file}. Changes made since are unknown; they are taken as soon as it answers`,
    );
    return configOf(readSettings(serviceName, row.settings), row, file);
  }
  await keep(config, folder);
  return config;
}

/** Writes the last-good file; a folder that can't be written to is said once a change and stops nothing. */
async function keep(config: Config, folder: string): Promise<void> {
  const { version, generation, etag, settings } = config;
  try {
    await save(config.serviceName, { version, generation, etag, settings: settings.document }, folder);
  } catch (error) {
    log.warn(
      `${config.serviceName}: the last good settings could not be kept in ${folder} (${messageOf(error)}): a start while ` +
        'the database is down would fail. Set LAGPROOF_STATE_DIR to a folder that can be written to',
    );
  }
}

/**
 * Looks for another row every `everyMs`, and at once where the database says so (LISTEN).
 *
 * `changed` is called with each new Config. Troubles are logged once each, and end with the next good answer.
 */
export class Watcher {
  private readonly look = new Wake();
  private trouble: string | null = null;
  private running: Promise<void> | null = null;
  private stopped = false;
  private ears: Ears | null = null;

  constructor(
    private readonly pool: DatabasePool,
    private config: Config,
    private readonly changed: (config: Config) => void,
    private readonly folder: string,
    private readonly everyMs: number,
  ) {}

  /** Whether the database says by itself when something changed. */
  get listening(): boolean {
    return this.ears?.listening ?? false;
  }

  /** Begins to look. */
  start(): void {
    const name = this.config.serviceName;
    if ((this.pool.options?.max ?? 10) > 1) {
      this.ears = Ears.of(this.pool);
      this.ears.add(name, this.look);
    } else {
      log.info(
        `${name}: the pool has one connection, which is not kept for LISTEN: changes are found within ` +
          `${this.everyMs / 1000} s. With max: 2 or more they are found at once`,
      );
    }
    this.running = this.poll();
  }

  /** Stops looking. */
  async stop(): Promise<void> {
    this.stopped = true;
    this.look.wake();
    await this.ears?.remove(this.look);
    this.ears = null;
    await this.running;
  }

  private async poll(): Promise<void> {
    while (!this.stopped) {
      // Jitter, so that a thousand replicas that started together do not ask together.
      const pause = this.config.fromFile === null ? this.everyMs : Math.min(this.everyMs, 5000);
      await this.look.wait(pause * (0.9 + Math.random() * 0.2));
      if (!this.stopped) await this.once();
    }
  }

  private async once(): Promise<void> {
    const { serviceName: name, generation } = this.config;
    let config: Config;
    try {
      config = await read(this.pool, name);
    } catch (error) {
      if (this.stopped) return;
      if (error instanceof LagproofError) this.say(`${error.message}. It goes on with generation ${generation}`);
      else {
        this.say(
          `${name}: the database is away (${messageOf(error)}): it goes on with generation ${generation} and takes ` +
            'changes as soon as it answers',
        );
      }
      return;
    }
    if (this.trouble !== null) {
      this.trouble = null;
      log.warn(`${name}: the database answers again`);
    }
    if (this.stopped || (config.etag === this.config.etag && this.config.fromFile === null)) return;
    this.config = config;
    await keep(config, this.folder);
    try {
      this.changed(config);
    } catch (error) {
      log.error(`${name}: generation ${config.generation} could not be taken: ${messageOf(error)}`);
    }
  }

  private say(trouble: string): void {
    if (trouble !== this.trouble) {
      this.trouble = trouble;
      log.error(trouble);
    }
  }
}
