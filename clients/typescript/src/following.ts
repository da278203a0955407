/** Taking changes of a row into a running consumer, by how heavy they are. */

import type { BaseKafkaConsumer } from './baseConsumer.js';
import { type Apply, changes, heavier, isSameWait, worst } from './changes.js';
import { BadRow, nameOf, type SameInstance } from './errors.js';
import type { Instance, State } from './instance.js';
import { log } from './log.js';
import { lower } from './lowering.js';
import { settle, takeTurn } from './rollout.js';
import { type Config, configOf, maxPollRecords, type Settings, type Value } from './settings.js';
import { Watcher } from './source.js';
import { Gate } from './waiting.js';

/** What a consumer runs with, and what it should run with. */
export interface Follows {
  /** What it runs with now. */
  readonly config: Config;
  readonly name: string;
  /** Whether it is this replica's turn to make its consumer anew: `restart` is to be called between batches. */
  readonly isTurn: boolean;
  /** Set where another process has taken this one's static id over. */
  readonly fenced: SameInstance | null;
  start(): Promise<void>;
  restart(): Promise<void>;
  stop(): Promise<void>;
}

/** The old settings with everything of the new ones that needs no new consumer. */
export function withHotParts(old: Settings, now: Settings): Settings {
  const consumer: Record<string, Value> = { ...old.consumer };
  for (const key of hotSettings(old, now)) {
    const value = now.consumer[key];
    if (value === undefined) delete consumer[key];
    else consumer[key] = value;
  }
  return {
    ...old,
    consumer,
    delivery: { ...old.delivery, retry: now.delivery.retry },
    concurrency: now.concurrency,
    handler: now.handler,
  };
}

/** Settings of kafkajs's that this package honours itself. */
function hotSettings(old: Settings, now: Settings): string[] {
  if (old.client !== 'kafkajs') return [];
  return now.client === 'kafkajs' && isSameWait(old, now)
    ? ['max_poll_records', 'max_poll_interval_ms']
    : ['max_poll_records'];
}

/** Follows the row in the database. */
export class Following implements Follows {
  isTurn = false;
  private wanted: Config | null = null;
  private lagBefore: number | null = null;
  private waiting = new Gate();
  private settling: Promise<void> = Promise.resolve();
  private readonly stopping = new Gate();
  private readonly watcher: Watcher;

  constructor(
    private readonly owner: BaseKafkaConsumer,
    private readonly instance: Instance,
    public config: Config,
  ) {
    const { pool, stateDir, pollEveryMs } = owner.loader;
    this.watcher = new Watcher(pool, config, found => this.changed(found), stateDir, pollEveryMs);
  }

  get fenced(): SameInstance | null {
    return this.instance.fenced;
  }

  get name(): string {
    return this.instance.name;
  }

  /** Whether the database says by itself when the row changed. */
  get isListening(): boolean {
    return this.watcher.listening;
  }

  /** Says what runs, and begins to follow. */
  async start(): Promise<void> {
    this.instance.runs(this.config);
    await this.instance.report();
    this.instance.start();
    this.watcher.start();
  }

  /** Follows no more; gives back a turn that it has. */
  async stop(): Promise<void> {
    this.stopping.set();
    this.waiting.set();
    await this.watcher.stop();
    await this.settling;
    if (this.wanted && this.isTurn) await this.instance.releaseLease(this.wanted.generation, null);
    await this.instance.stop();
  }

  private changed(config: Config): void {
    const { serviceName: name, generation } = config;
    const [old, now] = [this.config.settings, config.settings];
    this.instance.seen = config;
    const found = changes(old, now);
    const apply = worst(found);
    const said = [...found].map(([key, how]) => `${key} (${how})`).join(', ') || 'nothing that concerns it';
    log.info(`${name}: generation ${generation} changes ${said}`);
    this.waiting.set(); // whoever waits for a turn for an older generation waits no longer
    [this.isTurn, this.wanted] = [false, null];
    if (!heavier(apply, 'hot')) {
      this.config = config;
      this.instance.runs(config);
      void this.instance.report();
      return;
    }
    // What needs no new consumer is in force at once, whatever becomes of the rest.
    this.config = configOf(withHotParts(old, now), this.config, this.config.fromFile);
    const heavy = [...found].filter(([, how]) => heavier(how, 'hot')).map(([key]) => key);
    const problem = refusal(config, heavy, apply);
    if (problem !== null) {
      log.error(`${name}: ${problem}`);
      void this.instance.say('refused', problem);
      return;
    }
    this.wanted = config;
    const replicas = this.instance.isStatic
      ? 'each replica joins again under its static id: no rebalance, if it is back within session_timeout'
      : 'each replica leaves its group and joins it again: at most 2 rebalances a replica';
    log.warn(
      `${name}: generation ${generation} changes ${heavy.join(', ')}, which needs a new consumer: one replica at a time; ` +
        replicas,
    );
    this.waiting = new Gate();
    void this.waitForTurn(config, this.waiting);
  }

  private async waitForTurn(config: Config, given: Gate): Promise<void> {
    const turn = await takeTurn(this.instance, config.generation, () => this.owner.lag(), given);
    if (turn === null) return;
    if (given.isOpen) {
      await this.instance.releaseLease(config.generation, null);
      return;
    }
    this.lagBefore = turn.lagBefore;
    this.isTurn = true;
    this.owner.client?.feed.wake();
  }

  /** Makes the consumer anew with the wanted settings; with the old ones where that fails, and says so to all. */
  async restart(): Promise<void> {
    const { wanted, owner, config: old } = this;
    this.isTurn = false;
    if (wanted === null) return;
    this.wanted = null;
    await this.instance.say('restarting', `for generation ${wanted.generation}`);
    this.config = wanted;
    let state: State = 'running';
    let failure: string | null = null;
    try {
      await owner.makeAnew();
    } catch (error) {
      failure = `${this.instance.name} could not start with it: ${nameOf(error)}`;
      state = 'refused';
      const name = wanted.serviceName;
      log.error(`${name}: generation ${wanted.generation}: ${failure}; goes back to the settings before`);
      this.config = old;
      await owner.makeAnew();
    }
    this.instance.runs(this.config, state, failure);
    await this.instance.report();
    if (failure === null) this.settling = this.settle(wanted);
    else await this.instance.releaseLease(wanted.generation, failure);
  }

  /** Its turn ends once it consumes again and the group's lag is back; else the rollout stops here. */
  private async settle(config: Config): Promise<void> {
    const { generation, serviceName: name } = config;
    let failure: string | null = null;
    if (!(await Promise.race([this.owner.joined(60_000), this.stopping.wait()]))) {
      failure = `${this.instance.name} had no answer from its group 60 s after its restart`;
    } else {
      const allowance = Math.max(100, 2 * maxPollRecords(config.settings));
      const lag = (): Promise<number | null> => this.owner.lag();
      failure = await settle(this.instance, generation, this.lagBefore, allowance, lag, this.stopping);
    }
    if (failure === null) log.info(`${name}: runs with generation ${generation}`);
    else log.error(`${name}: generation ${generation}: ${failure}: the rollout stops here`);
    await this.instance.releaseLease(generation, failure);
  }
}

function refusal(config: Config, heavy: string[], apply: Apply): string | null {
  if (apply === 'stop-all') {
    return (
      `generation ${config.generation} is REFUSED: ${heavy.join(', ')} can't change while replicas run, since old and new ` +
      'ones would be in one group (or in two). It goes on as it is; to take it, stop all replicas, then start them'
    );
  }
  try {
    lower(config.settings);
  } catch (error) {
    if (error instanceof BadRow) {
      return `generation ${config.generation} is REFUSED: ${error.message}. It goes on as it is`;
    }
    throw error;
  }
  return null;
}
