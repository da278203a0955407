/** The consumer to subclass: `BaseKafkaConsumer`. */

import { CircuitBreaker } from './breaker.js';
import { type KafkaOptions, topicsOf } from './clients.js';
import { Commits } from './commits.js';
import { type ConfluentModule, loadConfluent } from './confluent.js';
import { ConfluentDriver } from './confluentDriver.js';
import { KafkaConsumerConfigLoader } from './consumerConfigLoader.js';
import type { DatabasePool } from './database.js';
import { DeadLetters } from './deadLetters.js';
import { type Driver, type DriverEvents, end, KafkajsDriver, keyOf, type Position, startDriver } from './driver.js';
import { nameOf, Stopped } from './errors.js';
import { Failures } from './failures.js';
import type { Slice } from './feed.js';
import { Following, type Follows } from './following.js';
import { Handling } from './handling.js';
import { Hooks } from './hooks.js';
import { Instance } from './instance.js';
import { log } from './log.js';
import { Counters } from './metrics.js';
import { isFatal, isOfTheClient, Offsets } from './offsets.js';
import { Recorder } from './recording.js';
import { type Config, expand, maxPollIntervalMs, maxPollRecords, type Settings } from './settings.js';
import { Signals } from './signals.js';
import { Gate, within } from './waiting.js';
import { Watchdog } from './watchdog.js';
import { Work } from './work.js';

/** What a base consumer is made from. */
export interface BaseConsumerOptions {
  /** A `pg.Pool`; or `loader`. */
  pool?: DatabasePool;
  /** A loader that several consumers share. */
  loader?: KafkaConsumerConfigLoader;
  /** What to read; left out, the row's topics. */
  topics?: readonly string[];
  /** Where the cluster is; left out, KAFKA_BOOTSTRAP_SERVERS says it. */
  kafka?: KafkaOptions;
}

/**
 * A consumer that runs as its row says and follows changes of it.
 *
 * ```ts
 * class MotionFilter extends BaseKafkaConsumer {
 *   async process(record) { … }
 * }
 * await new MotionFilter('motion-event-filter', { pool }).run();
 * ```
 *
 * Override `process` (one record) or `processBatch` (at most max_poll_records). A handler that throws is tried again as
 * the row's `retry` says, then its record goes to the dead-letter topic. `DownstreamUnavailable`, and what
 * `isDownstreamError` says, opens the circuit breaker instead: the record is kept, nothing more is fetched, and one
 * record at a time tries whether the downstream is up again.
 *
 * Offsets are committed when records are processed, unless the row says otherwise (`commit`). A crash repeats at most
 * what was in hand; nothing is lost.
 */
export abstract class BaseKafkaConsumer extends Hooks {
  readonly loader: KafkaConsumerConfigLoader;
  readonly counters = new Counters();
  /** By partition that it holds: one past the last record that is processed. */
  readonly positions = new Map<string, Position>();
  protected readonly breaker: CircuitBreaker;
  protected readonly commits: Commits;
  protected following: Follows | null = null;
  private readonly kafka: KafkaOptions;
  private readonly givenTopics: readonly string[] | undefined;
  private readonly handling: Handling;
  private readonly deadLetters: DeadLetters;
  private readonly failures: Failures;
  private readonly stopping = new Gate();
  private readonly isReady = new Gate();
  private readonly assigned = new Gate();
  protected confluent: ConfluentModule | null = null;
  private driver: Driver | null = null;
  private offsets: Offsets | null = null;
  private current: Work | null = null;
  private handed: Promise<void> = Promise.resolve();

  constructor(
    readonly serviceName: string,
    options: BaseConsumerOptions,
  ) {
    super();
    if (!options.loader && !options.pool) throw new TypeError('give pool, a pg.Pool, or loader');
    this.loader = options.loader ?? new KafkaConsumerConfigLoader(options.pool!);
    this.kafka = options.kafka ?? {};
    this.givenTopics = options.topics;
    this.breaker = new CircuitBreaker(serviceName);
    this.commits = new Commits(serviceName);
    const overrides = this.processBatch !== Hooks.prototype.processBatch;
    this.handling = new Handling(
      (record, signal) => this.process(record, signal),
      overrides ? (records, signal) => this.processBatch(records, signal) : null,
    );
    this.deadLetters = new DeadLetters(serviceName, this.kafka);
    this.failures = new Failures(this, this.handling, this.breaker, this.deadLetters);
  }

  // ---- running

  /** What it runs with now. */
  get config(): Config {
    if (this.following === null) throw new Error('run() has not begun');
    return this.following.config;
  }

  /** The settings of that. */
  get settings(): Settings {
    return this.config.settings;
  }

  /** What it reads. */
  get topics(): string[] {
    return topicsOf(this.settings, this.givenTopics);
  }

  /** The batch in hand. */
  get work(): Work | null {
    return this.current;
  }

  /** The client; another one after a restart. */
  get client(): Driver | null {
    return this.driver;
  }

  /** Whether the circuit breaker is open. */
  get isDownstreamDown(): boolean {
    return this.breaker.isOpen;
  }

  /** Whether offsets are committed here, once records are processed. */
  private get commitsProcessed(): boolean {
    return this.settings.delivery.commit !== 'on-receipt';
  }

  /** Ends `run` in good order: what is in hand is finished and committed, and the group left. */
  stop(): void {
    if (this.stopping.isOpen) return;
    this.stopping.set();
    this.commits.stop();
    this.driver?.feed.wake();
    if (this.current) this.hurry(this.current);
  }

  private hurry(work: Work): void {
    if (this.commitsProcessed) work.stop();
    const timer = setTimeout(() => {
      if (this.current !== work) return;
      log.error(
        `${this.serviceName}: ${work.left} records were still in handlers ${this.graceMs / 1000} s after the stop: left to ` +
          'themselves, and read again by who gets them',
      );
      work.abandon();
    }, this.graceMs);
    void work.idle(this.graceMs + 1000).then(() => clearTimeout(timer));
  }

  /** Until it has joined its group for the first time. */
  async ready(): Promise<void> {
    await this.isReady.wait();
  }

  /**
   * Consumes until `stop`, SIGTERM or SIGINT.
   *
   * Throws what `loadConfig` throws, PoisonRecord (see `onPoison`), SameInstance, and Kafka's refusals of access.
   */
  async run({ handleSignals = true }: { handleSignals?: boolean } = {}): Promise<void> {
    const following = await this.follow();
    this.following = following;
    const signals = handleSignals ? new Signals(() => this.stop()) : null;
    const watchdog = new Watchdog(this);
    const recorder = new Recorder(this, following.name);
    try {
      this.offsets = new Offsets(this.serviceName, this.settings.group, this.kafka);
      this.driver = await this.startedDriver();
      await following.start();
      recorder.start();
      watchdog.start();
      await this.started();
      this.isReady.set();
      await this.consume(following);
    } catch (error) {
      if (!(error instanceof Stopped)) throw error; // while no broker answered: there is nothing to finish
    } finally {
      watchdog.stop();
      await recorder.stop();
      if (this.driver) await end(this.driver);
      this.driver = null;
      await following.stop();
      await this.deadLetters.close();
      await this.offsets?.close();
      signals?.restore();
    }
    if (following.fenced) throw following.fenced;
  }

  /** What it runs with, and what follows it; refuses now what could not start later. */
  protected async follow(): Promise<Follows> {
    const config = await this.loader.loadConfig(this.serviceName);
    const { settings } = config;
    topicsOf(settings, this.givenTopics);
    const isConfluent = settings.client === 'confluent-javascript';
    this.confluent = isConfluent ? await loadConfluent(this.serviceName) : null;
    const { client } = this.makeDriver(settings);
    const instance = new Instance(this.loader.pool, this.serviceName, client);
    if (isConfluent && settings.instanceId !== null) {
      [instance.name, instance.isStatic] = [expand(settings.instanceId, this.serviceName), true];
    }
    await instance.claim();
    return new Following(this, instance, config);
  }

  /** A client that has not joined yet. Throws BadRow. */
  protected makeDriver(settings: Settings): Driver {
    const events: DriverEvents = {
      assigned: places => this.given(places),
      revoked: () => this.revoked(),
      gone: places => this.partitionsRevoked(places),
    };
    return this.confluent
      ? new ConfluentDriver(this.confluent, settings, this.kafka, events)
      : new KafkajsDriver(settings, this.kafka, events);
  }

  private startedDriver(): Promise<Driver> {
    this.assigned.clear();
    const make = (): Driver => this.makeDriver(this.settings);
    return startDriver(make, one => one.start(this.topics), this.serviceName, null, this.stopping);
  }

  private async consume(following: Follows): Promise<void> {
    let trouble = 0;
    while (!this.stopping.isOpen && !following.fenced) {
      try {
        if (following.isTurn) await following.restart();
        const driver = this.driver!;
        const slices = await driver.feed.poll(maxPollRecords(this.settings), 250);
        if (slices.length > 0) {
          this.handed = this.inHand(driver, slices);
          await this.handed;
          trouble = 0;
        }
        if (driver.crash) throw driver.crash;
      } catch (error) {
        if (!isOfTheClient(error) || isFatal(error)) throw error;
        trouble = Math.min(Math.max(trouble * 2, 500), 30_000);
        log.error(
          `${this.serviceName}: ${nameOf(error)}: makes its consumer anew in ${trouble / 1000} s; what was not committed ` +
            'is read again',
        );
        if (!(await this.stopping.wait(trouble))) await this.makeAnew();
      }
    }
  }

  /** Leaves the group and joins it again with a new consumer. Between batches only. */
  async makeAnew(): Promise<void> {
    const before = this.driver;
    this.driver = null;
    this.commits.known.clear();
    this.positions.clear();
    if (before) await end(before);
    this.driver = await this.startedDriver();
  }

  /** Until it knows its partitions. False where that takes longer than `ms`. */
  joined(ms: number): Promise<boolean> {
    return this.assigned.wait(ms);
  }

  /** How far the whole group is behind, in records, by what it committed; null where it can't be told now. */
  async lag(): Promise<number | null> {
    return (await this.offsets?.groupLag(this.topics)) ?? null;
  }

  /** By partition that it holds: the next record to process, and the log's end. The position is read first. */
  async behind(): Promise<(Position & { end: number })[]> {
    if (this.driver === null || this.offsets === null) return [];
    const at = new Map(this.positions);
    for (const { slice } of this.work?.parts ?? []) {
      at.set(keyOf(slice), { ...slice, offset: Number(slice.records[0]!.offset) });
    }
    for (const position of this.work?.positions() ?? []) at.set(keyOf(position), position);
    return this.offsets.behind([...this.driver.assignment.values()], at);
  }

  // ---- a batch

  private async inHand(driver: Driver, slices: Slice[]): Promise<void> {
    const { settings } = this;
    const { commit } = settings.delivery;
    if (this.stopping.isOpen && this.commitsProcessed) return; // not begun, and so read again
    if (commit === 'on-receipt') {
      await this.commit(
        driver,
        slices.map(({ topic, partition, end: offset }) => ({ topic, partition, offset })),
      );
    }
    const work: Work = new Work(slices, {
      handle: this.handling.run,
      recover: (record, error) => this.failures.seeThrough(record, error, work),
      breaker: this.breaker,
      limitMs: maxPollIntervalMs(settings),
      afterRecord: commit === 'after-record' ? () => this.commit(driver, work.positions()) : null,
      isolates: error => this.handling.isBatch && !this.isDownstreamError(error),
    });
    this.current = work;
    await this.batchBegins(work);
    if (this.stopping.isOpen) this.hurry(work);
    const timer =
      commit === 'interval'
        ? setInterval(() => {
            this.commit(driver, work.positions()).catch(error => log.debug(`commit: ${nameOf(error)}`));
          }, settings.delivery.commitIntervalMs)
        : undefined;
    try {
      await work.run(this.handling.isBatch ? 1 : settings.concurrency);
      this.counters.processed += work.records - work.left;
    } finally {
      clearInterval(timer);
      this.current = null;
      this.counters.busyMs += work.busyMs;
      const positions = work.positions();
      for (const position of positions) {
        if (driver.assignment.has(keyOf(position))) this.positions.set(keyOf(position), position);
      }
      if (this.commitsProcessed) await this.commit(driver, positions);
    }
    if (work.left === 0) driver.feed.done(slices);
  }

  private commit(driver: Driver, positions: readonly Position[]): Promise<void> {
    return this.commits.commit(driver, positions);
  }

  // ---- rebalances

  /** Before partitions are given back: what is in hand is finished and committed. */
  private async revoked(): Promise<void> {
    const work = this.current;
    if (work) {
      work.stop();
      const { consumer } = this.settings;
      const patience = (consumer.max_poll_interval_ms ?? consumer.rebalance_timeout_ms ?? 60_000) as number;
      if (!(await work.idle(patience * 0.8))) {
        log.warn(
          `${this.serviceName}: ${work.left} records were still in handlers when the group could not wait any longer: ` +
            'left to themselves, and read again by who gets their partitions',
        );
        work.abandon();
      }
    }
    await within(
      this.handed.catch(() => {}),
      15_000,
      undefined,
    );
  }

  private given(places: readonly { topic: string; partition: number }[]): void {
    this.counters.rebalances += 1;
    this.positions.clear();
    this.commits.known.clear();
    this.assigned.set();
    this.partitionsAssigned(places);
    log.info(`${this.serviceName}: has ${places.length} partitions`);
  }
}
