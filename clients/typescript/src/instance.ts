/** Who this replica is, and what it tells the database. */

import { randomBytes } from 'node:crypto';
import { hostname } from 'node:os';
import { ask, type DatabasePool } from './database.js';
import { messageOf, SameInstance } from './errors.js';
import { log } from './log.js';
import type { Config } from './settings.js';
import { sleep } from './waiting.js';

const REPORT = 'SELECT lagproof.report_instance_v1($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) AS other';
const TAKE = 'SELECT granted, holder, halted, lag_before FROM lagproof.take_restart_lease_v1($1, $2, $3, $4, $5)';
const RELEASE = 'SELECT lagproof.release_restart_lease_v1($1, $2, $3, $4)';
const EVERY_MS = 5000;
const SILENCE_MS = 15_000;

export type State = 'starting' | 'running' | 'waiting' | 'restarting' | 'refused' | 'last-good' | 'stopped';

/** Whether this replica may make its consumer anew now. */
export interface Lease {
  granted: boolean;
  holder: string | null;
  halted: string | null;
  lagBefore: number | null;
}

/** A running replica. Its reports never stop the service: a database that is away is the watcher's business. */
export class Instance {
  /** Host and process; the static member id where it has one. */
  name = unique();
  isStatic = false;
  /** What it runs with. */
  running: Config | null = null;
  /** The newest that it has read. */
  seen: Config | null = null;
  state: State = 'starting';
  detail: string | null = null;
  /** Set where another process has taken this name over. */
  fenced: SameInstance | null = null;
  private readonly process = unique();
  private timer: NodeJS.Timeout | undefined;
  private trouble = false;

  constructor(
    private readonly pool: DatabasePool,
    readonly serviceName: string,
    public client: string,
  ) {}

  /**
   * The first report. Where another process has this static id it waits until that one has been silent long enough.
   *
   * Throws SameInstance where that one goes on reporting.
   */
  async claim(): Promise<void> {
    let other = await this.report();
    for (let waited = 0; other !== null; waited += 1000) {
      if (waited === 0) {
        log.warn(
          `${this.serviceName}: static member id '${this.name}' was in use seconds ago by ${other}: waiting until that ` +
            'one is silent',
        );
      }
      if (waited > SILENCE_MS + EVERY_MS) throw new SameInstance(this.serviceName, this.name, other);
      await sleep(1000);
      other = await this.report();
    }
  }

  /** Begins to report every few seconds. */
  start(): void {
    this.timer = setInterval(async () => {
      const other = await this.report();
      if (other !== null && this.fenced === null) {
        this.fenced = new SameInstance(this.serviceName, this.name, other);
        log.error(this.fenced.message);
      }
    }, EVERY_MS);
  }

  /** Says that it has stopped. */
  async stop(): Promise<void> {
    clearInterval(this.timer);
    [this.state, this.detail] = ['stopped', null];
    await this.report(3000);
  }

  /** Says another state at once. */
  async say(state: State, detail: string | null = null): Promise<void> {
    [this.state, this.detail] = [state, detail];
    await this.report();
  }

  /** What it runs with from now on. */
  runs(config: Config, state: State = 'running', detail: string | null = null): void {
    this.running = config;
    this.state = config.fromFile === null ? state : 'last-good';
    this.detail = config.fromFile ?? detail;
  }

  /** Says what it runs with. Answers the other process that has the same name, if one has. */
  async report(withinMs = 10_000): Promise<string | null> {
    const { running } = this;
    const seen = this.seen ?? running;
    const values = [
      this.serviceName,
      this.name,
      this.process,
      this.client,
      running?.generation ?? null,
      seen?.generation ?? null,
      running?.version ?? null,
      this.state,
      this.detail,
      `${SILENCE_MS} milliseconds`,
    ];
    try {
      const [row] = await ask(this.pool, REPORT, values, withinMs);
      this.trouble = false;
      return row.other;
    } catch (error) {
      if (!this.trouble) {
        this.trouble = true;
        log.warn(`${this.serviceName}: could not report what runs here: ${messageOf(error)}`);
      }
      return null;
    }
  }

  /** Asks for the turn to restart, or for it to go on. Throws what the database throws. */
  async takeLease(generation: number, lag: number | null, seconds: number): Promise<Lease> {
    const [row] = await ask(this.pool, TAKE, [this.serviceName, this.name, generation, lag, `${seconds} seconds`]);
    const lagBefore = row.lag_before === null ? null : Number(row.lag_before);
    return { granted: row.granted, holder: row.holder, halted: row.halted, lagBefore };
  }

  /** Ends the turn; with a failure the rollout stops. A database that is away lets the turn run out by itself. */
  async releaseLease(generation: number, failure: string | null): Promise<void> {
    try {
      await ask(this.pool, RELEASE, [this.serviceName, this.name, generation, failure]);
    } catch (error) {
      log.warn(`${this.serviceName}: could not give its turn back, it runs out by itself: ${messageOf(error)}`);
    }
  }
}

function unique(): string {
  return `${hostname()}:${process.pid}:${randomBytes(4).toString('hex')}`;
}
