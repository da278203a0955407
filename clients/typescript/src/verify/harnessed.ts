/** The base consumer with the harness's records for its handler. */

import type * as Hdr from 'hdr-histogram-js';
import { BaseKafkaConsumer } from '../baseConsumer.js';
import { loadConfluent } from '../confluent.js';
import { KafkaConsumerConfigLoader } from '../consumerConfigLoader.js';
import type { DatabasePool } from '../database.js';
import { keyOf, type Place } from '../driver.js';
import type { OnPoison } from '../failures.js';
import type { ConsumedRecord } from '../feed.js';
import type { Follows } from '../following.js';
import type { Config } from '../settings.js';
import { sleep } from '../waiting.js';
import type { Work } from '../work.js';
import { Ledger } from './ledger.js';
import { type Lines, nowUs, POISON } from './protocol.js';
import { configOfSpec, costMs, type Spec } from './spec.js';

/** How long the processor is burnt at a time: ticks come through between. */
const BURN_MS = 5;
/** Sleeps are a millisecond at least: short ones are owed, and slept together. */
const SHORTEST_SLEEP_MS = 2;

/** What the handler of a poison record throws. */
class Poison extends Error {
  override name = 'Poison';
}

/** Runs with what it was given, and follows no database. */
class Fixed implements Follows {
  readonly name = '';
  readonly isTurn = false;
  readonly fenced = null;
  constructor(readonly config: Config) {}
  async start(): Promise<void> {}
  async restart(): Promise<void> {}
  async stop(): Promise<void> {}
}

/** Spends each record's cost, enters it in the ledger, and says which partitions it has. */
export class Harnessed extends BaseKafkaConsumer {
  override metricsEveryMs = 0;
  override graceMs = 5000;
  // As the protocol has it: without retries and dead letters a record that fails is skipped.
  override onPoison: OnPoison = 'skip';
  readonly ledger: Ledger;
  inHandCount = 0;
  private readonly polled = new Map<string, number>();
  private readonly held: Buffer[] = [];
  private readonly queue: ConsumedRecord[] = [];
  private readonly isUnbounded: boolean;
  private isDraining = false;
  private owed = 0;
  /** Stretches in which nothing is finished, Unix time. */
  private readonly stalls: [from: number, to: number][];
  private polledAt = performance.now();

  constructor(
    readonly spec: Spec,
    private readonly lines: Lines,
    hdr: typeof Hdr,
  ) {
    // Nothing of the database is ever asked.
    const loader = new KafkaConsumerConfigLoader({} as DatabasePool);
    const clientId = spec.properties['client.id'];
    super(spec.service, { loader, kafka: clientId === undefined ? {} : { clientId } });
    this.ledger = new Ledger(spec.tag, hdr);
    this.isUnbounded = spec.work.concurrency === 'unbounded';
    const start = spec.ticks.start_us;
    this.stalls = spec.work.stalls_us.map(([from, to]) => [start + from, start + to]);
  }

  protected override async follow(): Promise<Follows> {
    const config = configOfSpec(this.spec);
    if (config.settings.client === 'confluent-javascript') this.confluent = await loadConfluent(this.serviceName);
    return new Fixed(config);
  }

  override isDownstreamError(): boolean {
    return false;
  }

  // ---- records

  override async batchBegins(work: Work): Promise<void> {
    this.ledger.batch(Math.floor((performance.now() - this.polledAt) * 1000));
    for (const { slice } of work.parts) this.polled.set(keyOf(slice), slice.end);
    if (!this.isUnbounded) {
      // What the batch before held is given back with this one.
      this.held.length = 0;
      this.inHandCount = 0;
    }
    this.inHandCount += work.records;
    const extra = this.spec.per_record_factor - 1;
    if (extra > 0) {
      let bytes = 0;
      for (const { records } of work.parts) for (const { value } of records) bytes += value?.length ?? 0;
      this.held.push(Buffer.alloc(Math.floor(bytes * extra), 1));
    }
    this.polledAt = performance.now();
    await this.spend(this.spec.work.per_batch_us / 1000);
  }

  override async process(record: ConsumedRecord): Promise<void> {
    if (!this.isUnbounded) return this.handle(record);
    this.queue.push(record);
    if (!this.isDraining) void this.drain();
  }

  /** Behind an unbounded hand-over: one free place. */
  private async drain(): Promise<void> {
    this.isDraining = true;
    for (let record = this.queue.shift(); record; record = this.queue.shift()) {
      try {
        await this.handle(record);
      } catch {
        this.recordFailed(record, false);
      }
    }
    this.held.length = 0;
    this.isDraining = false;
  }

  private async handle(record: ConsumedRecord): Promise<void> {
    const header = this.ledger.ours(record.value);
    if (header !== null) await this.spend(costMs(this.spec, record, header));
    await this.stalled();
    if (header !== null && header.flags & POISON) throw new Poison('it was sent as poison');
    this.inHandCount = Math.max(0, this.inHandCount - 1);
    this.ledger.enter(record, header);
  }

  private async spend(ms: number): Promise<void> {
    const burn = ms * this.spec.work.cpu_share;
    for (let left = burn; left > 0; left -= BURN_MS) {
      const until = performance.now() + Math.min(left, BURN_MS);
      while (performance.now() < until);
      if (left > BURN_MS) await new Promise(setImmediate);
    }
    this.owed += ms - burn;
    if (this.owed < SHORTEST_SLEEP_MS) return;
    const due = this.owed;
    this.owed = 0;
    const began = performance.now();
    await sleep(due);
    this.owed += due - (performance.now() - began);
  }

  /** Nothing is finished in that stretch; answers that it is so. */
  stall(from: number, to: number): void {
    this.stalls.push([from, to]);
    this.lines.write('stall', { from_us: from, to_us: to });
  }

  private async stalled(): Promise<void> {
    for (let at = nowUs(); ; at = nowUs()) {
      const ends = this.stalls.filter(([from, to]) => from <= at && at < to).map(([, to]) => to);
      if (ends.length === 0) return;
      await sleep((Math.max(...ends) - at) / 1000);
    }
  }

  override recordFailed(record: ConsumedRecord, isDead: boolean): void {
    this.inHandCount = Math.max(0, this.inHandCount - 1);
    this.ledger.enter(record, this.ledger.ours(record.value), { failed: 1, dead: isDead ? 1 : 0 });
  }

  // ---- partitions

  override partitionsAssigned(places: readonly Place[]): void {
    this.lines.write('assigned', { partitions: places.map(({ topic, partition }) => [topic, partition]) });
  }

  override partitionsRevoked(places: readonly Place[]): void {
    for (const place of places) this.polled.delete(keyOf(place));
    if (places.length === 0) return;
    this.lines.write('revoked', { partitions: places.map(({ topic, partition }) => [topic, partition]) });
  }

  /** How far it is in the partitions that it holds, as of now. */
  where(): object[] {
    if (this.client === null) return [];
    const processed = new Map(this.positions);
    for (const position of this.work?.positions() ?? []) processed.set(keyOf(position), position);
    return [...this.client.assignment.values()].map(place => ({
      topic: place.topic,
      partition: place.partition,
      processed: processed.get(keyOf(place))?.offset ?? null,
      polled: this.polled.get(keyOf(place)) ?? null,
      committed: this.commits.known.get(keyOf(place)) ?? null,
    }));
  }
}
