/** Batches that the client pushes, as something that can be polled; kept in hand until they are done. */

import type { EachBatchPayload, KafkaMessage } from 'kafkajs';
import { messageOf } from './errors.js';
import { log } from './log.js';
import { sleep, Wake } from './waiting.js';

/** A record as handlers see it: kafkajs's message, and where it stood. */
export type ConsumedRecord = KafkaMessage & { topic: string; partition: number };

/** Records of one partition, in their order. */
export interface Slice {
  readonly topic: string;
  readonly partition: number;
  /** One past the newest record of the partition when these were fetched. */
  readonly highWatermark: string;
  readonly records: readonly ConsumedRecord[];
  /** One past the last record; past control records too, where nothing else is left of the fetched ones. */
  readonly end: number;
}

/** What of a client's batch payload the feed needs: kafkajs and kafka-javascript both have it. */
export type Payload = Pick<EachBatchPayload, 'batch' | 'resolveOffset' | 'heartbeat' | 'isStale'>;

interface Part {
  readonly payload: Payload;
  readonly records: readonly ConsumedRecord[];
  taken: number;
  done: number;
  isSettled: boolean;
  settle(error?: unknown): void;
}

/**
 * Stands between a client's `run` and who polls. While a record is in hand its partition's batch stays open: nothing more
 * is fetched from that broker, heartbeats are sent, and what is not done when the group rebalances is dropped.
 */
export class Feed {
  private parts: Part[] = [];
  private readonly arrived = new Wake();
  private timer: NodeJS.Timeout | undefined;
  private revoking: Promise<void> | null = null;
  private ended = false;
  private readonly owner = new WeakMap<Slice, Part>();

  /**
   * `revoked` is awaited before partitions are given back: what is in hand is to be finished and committed in it. Where
   * `isAlive` says no, no more heartbeats are sent, and the group gives the partitions to others.
   */
  constructor(
    private readonly heartbeatMs: number,
    private readonly revoked: () => Promise<void>,
    private readonly isAlive: () => boolean = () => true,
  ) {}

  /** Whether something is there that nobody has taken. */
  get isWaiting(): boolean {
    return this.parts.some(part => part.taken < part.records.length);
  }

  /** What the client calls with each batch; returns when the batch is done or dropped. */
  readonly eachBatch = (payload: Payload): Promise<void> => {
    if (this.ended) return Promise.resolve();
    const { batch } = payload;
    const { topic, partition } = batch;
    const records = batch.messages as unknown as ConsumedRecord[];
    for (const record of records) {
      record.topic = topic;
      record.partition = partition;
    }
    return new Promise((resolve, reject) => {
      const settle = (error?: unknown): void => {
        part.isSettled = true;
        this.parts = this.parts.filter(one => one !== part);
        if (this.parts.length === 0) clearInterval(this.timer);
        if (error === undefined) resolve();
        else reject(error);
      };
      const part: Part = { payload, records, taken: 0, done: 0, isSettled: false, settle };
      if (this.parts.length === 0) this.timer = setInterval(() => void this.beat(), this.heartbeatMs / 2);
      this.parts.push(part);
      this.arrived.wake();
    });
  };

  /** At most `most` records that are there, waiting `timeoutMs` for the first one only. */
  async poll(most: number, timeoutMs: number): Promise<Slice[]> {
    const until = Date.now() + timeoutMs;
    for (;;) {
      const slices = this.take(most);
      const left = until - Date.now();
      if (slices.length > 0 || left <= 0 || this.ended) return slices;
      await this.arrived.wait(left);
    }
  }

  /** Ends a wait for records. */
  wake(): void {
    this.arrived.wake();
  }

  private take(most: number): Slice[] {
    const slices: Slice[] = [];
    if (this.revoking) return slices;
    let left = most;
    for (const part of this.parts) {
      if (left === 0) break;
      const count = Math.min(left, part.records.length - part.taken);
      if (count === 0) continue;
      const records = count === part.records.length ? part.records : part.records.slice(part.taken, part.taken + count);
      part.taken += count;
      left -= count;
      const { topic, partition, highWatermark } = part.payload.batch;
      const last = part.taken === part.records.length ? part.payload.batch.lastOffset() : records[count - 1]!.offset;
      const slice = { topic, partition, highWatermark, records, end: Number(last) + 1 };
      this.owner.set(slice, part);
      slices.push(slice);
    }
    return slices;
  }

  /** These are through: a batch that has nothing left lets its client go on. */
  done(slices: readonly Slice[]): void {
    for (const slice of slices) {
      const { records } = slice;
      const part = this.owner.get(slice);
      if (part === undefined || part.isSettled) continue; // dropped meanwhile
      part.done += records.length;
      part.payload.resolveOffset(records[records.length - 1]!.offset);
      if (part.done === part.records.length) part.settle();
    }
  }

  /** Drops everything: it is read again from what is committed. With `revoke` first, what is in hand is finished. */
  async drop(error?: unknown): Promise<void> {
    if (this.revoking === null && this.parts.length > 0) {
      this.revoking = this.finish(error).finally(() => {
        this.revoking = null;
      });
    }
    await this.revoking;
  }

  private async finish(error: unknown): Promise<void> {
    const parts = [...this.parts];
    let finished = false;
    const finishing = this.revoked()
      .catch(problem => log.error(`what was in hand could not be finished: ${messageOf(problem)}`))
      .finally(() => {
        finished = true;
      });
    // The group waits for its members, and counts their heartbeats.
    while (!finished) {
      await Promise.race([finishing, sleep(this.heartbeatMs)]);
      if (!finished) parts[0]!.payload.heartbeat().catch(() => {});
    }
    for (const part of parts) part.settle(error);
  }

  /** Takes nothing more and lets everything go at once; nothing of it counts as done. */
  end(): void {
    this.ended = true;
    for (const part of [...this.parts]) part.settle();
    this.arrived.wake();
  }

  private async beat(): Promise<void> {
    const part = this.parts[0];
    if (part === undefined || this.revoking || !this.isAlive()) return;
    try {
      await part.payload.heartbeat();
    } catch (error) {
      log.debug(`heartbeat: ${messageOf(error)}`);
      await this.drop(error);
    }
  }
}
