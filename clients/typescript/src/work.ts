/** One batch in hand: handed to the handler in lanes, order kept per key, and how far each partition is done. */

import type { CircuitBreaker } from './breaker.js';
import type { Position } from './driver.js';
import { HandlerTimeout } from './errors.js';
import type { ConsumedRecord, Slice } from './feed.js';
import { Gate } from './waiting.js';

/** Thrown out of a pause where nothing further should be begun: the record is not done, and nothing is wrong. */
export class Interrupted extends Error {}

/** How far a run of handlers over a list of records is, and whether it should begin another one. */
export class Cursor {
  stop = false;
  private readonly aborter = new AbortController();

  constructor(
    /** The record that is in the handler; the list's length once all are through. */
    public at: number,
  ) {}

  /** Tells the handler that nobody waits for it any more. */
  get signal(): AbortSignal {
    return this.aborter.signal;
  }

  abort(reason: Error): void {
    this.stop = true;
    this.aborter.abort(reason);
  }
}

/** What a handler failed with. */
export interface Failure {
  error: unknown;
}

/** Handles records from `cursor.at` on and moves it along; answers what the record there failed with, or null. */
export type Handle = (records: readonly ConsumedRecord[], cursor: Cursor) => Promise<Failure | null>;
/** Sees a failed record through: when it ends, the record is done. */
export type Recover = (record: ConsumedRecord, error: unknown) => Promise<void>;

/** One partition's records of a batch, and which are done. */
export class Part {
  private readonly done: Uint8Array;
  private first = 0;

  constructor(readonly slice: Slice) {
    this.done = new Uint8Array(slice.records.length);
  }

  get records(): readonly ConsumedRecord[] {
    return this.slice.records;
  }

  /** The records from `start` to before `end` are done. */
  mark(start: number, end: number): void {
    this.done.fill(1, start, end);
  }

  /** One past the last record of which all before it are done as well; null where the first is not. */
  position(): number | null {
    const undone = this.done.indexOf(0, this.first);
    this.first = undone < 0 ? this.done.length : undone;
    if (this.first === this.done.length) return this.slice.end;
    return this.first === 0 ? null : Number(this.records[this.first - 1]!.offset) + 1;
  }

  /** How many are not done. */
  get left(): number {
    let left = 0;
    for (let at = this.first; at < this.done.length; at++) left += this.done[at] === 0 ? 1 : 0;
    return left;
  }
}

/** What runs one after the other; several lanes run at once. */
class Lane {
  cursor = new Cursor(0);
  /** What the cursor runs over, from `start` on; null where lanes take single records. */
  part: Part | null = null;
  start = 0;
  isRecovering = false;
  isDone = false;
  steps = 0;
  seen = '';
  since = 0;
  /** Ends a wait for the handler that runs. */
  leave: ((error: Error) => void) | null = null;
}

/** What a batch needs to know of its consumer. */
export interface Terms {
  handle: Handle;
  recover: Recover;
  breaker: CircuitBreaker;
  /** The most milliseconds that one record may take. */
  limitMs: number;
  /** Awaited after each record. */
  afterRecord: ((work: Work) => Promise<void>) | null;
  /** Whether after this error the rest of the partition's records are handed over one by one. */
  isolates: (error: unknown) => boolean;
}

/** A batch in hand. */
export class Work {
  readonly parts: readonly Part[];
  /** When it began, by `performance.now()`. */
  readonly began = performance.now();
  /** Milliseconds in handlers, summed over lanes. */
  busyMs = 0;
  /** How many records it has. */
  readonly records: number;
  isStopping = false;
  /** Whether nobody waits for what is in handlers any more. */
  isAbandoned = false;
  private readonly leaving = new Set<() => void>();
  private readonly stopped = new Gate();
  private readonly ended = new Gate();
  private lanes: Lane[] = [];

  constructor(
    slices: readonly Slice[],
    private readonly terms: Terms,
  ) {
    this.parts = slices.map(slice => new Part(slice));
    this.records = slices.reduce((sum, slice) => sum + slice.records.length, 0);
  }

  /** How many of its records are not done. */
  get left(): number {
    this.look();
    return this.parts.reduce((sum, part) => sum + part.left, 0);
  }

  /** What can be committed now. */
  positions(): Position[] {
    this.look();
    const found: Position[] = [];
    for (const part of this.parts) {
      const offset = part.position();
      const { topic, partition } = part.slice;
      if (offset !== null) found.push({ topic, partition, offset });
    }
    return found;
  }

  /** What lanes are through with since they last said so. */
  private look(): void {
    for (const lane of this.lanes) lane.part?.mark(lane.start, lane.cursor.at);
  }

  /** Begins no further record; those in handlers go on. */
  stop(): void {
    this.isStopping = true;
    this.stopped.set();
    for (const lane of this.lanes) lane.cursor.stop = true;
  }

  /** Sleeps. Throws Interrupted once nothing further should be begun. */
  async pause(ms: number): Promise<void> {
    if (await this.stopped.wait(ms)) throw new Interrupted();
  }

  /** Waits for something. Throws Interrupted once nothing further should be begun. */
  async until(something: Promise<unknown>): Promise<void> {
    await Promise.race([something, this.stopped.wait()]);
    if (this.isStopping) throw new Interrupted();
  }

  /** Waits until nothing is in a handler any more. False where something still is after `ms`. */
  idle(ms: number): Promise<boolean> {
    return this.ended.wait(ms);
  }

  /** Waits for no handler any more, and tells them so. Their records are not done. */
  abandon(): void {
    this.stop();
    this.isAbandoned = true;
    for (const leave of this.leaving) leave();
    for (const lane of this.lanes) {
      lane.cursor.abort(new Error('the consumer waits no longer'));
      lane.leave?.(new Interrupted());
    }
  }

  /** Calls it when the batch is abandoned, until the answer is called. */
  onAbandon(leave: () => void): () => void {
    this.leaving.add(leave);
    return () => this.leaving.delete(leave);
  }

  /** Until all is done, or nothing further is begun after `stop`. Throws what `recover` threw. */
  async run(concurrency: number | null): Promise<void> {
    try {
      if (concurrency === 1) {
        await this.inLanes(1, lane => this.inOrder(lane));
      } else {
        const chains = this.chains();
        const lanes = Math.min(concurrency ?? chains.length, chains.length);
        await this.inLanes(lanes, lane => this.fromChains(lane, chains));
      }
    } finally {
      this.ended.set();
    }
  }

  private async inLanes(count: number, run: (lane: Lane) => Promise<void>): Promise<void> {
    this.lanes = Array.from({ length: count }, () => new Lane());
    const timer = setInterval(() => this.endOverdue(), Math.min(this.terms.limitMs / 10, 5000));
    let failure: Failure | null = null;
    const timed = async (lane: Lane): Promise<void> => {
      const began = performance.now();
      try {
        await run(lane);
      } catch (error) {
        if (!(error instanceof Interrupted)) {
          this.stop();
          failure ??= { error };
        }
      } finally {
        lane.isDone = true;
        this.busyMs += performance.now() - began;
      }
    };
    try {
      await Promise.all(this.lanes.map(timed));
    } finally {
      clearInterval(timer);
    }
    if (failure) throw (failure as Failure).error;
  }

  private endOverdue(): void {
    const now = performance.now();
    for (const lane of this.lanes) {
      const seen = `${lane.steps} ${lane.cursor.at}`;
      if (lane.seen !== seen || lane.isRecovering || lane.isDone) [lane.seen, lane.since] = [seen, now];
      else if (now - lane.since >= this.terms.limitMs) {
        const late = new HandlerTimeout(this.terms.limitMs);
        lane.cursor.abort(late);
        lane.leave?.(late);
      }
    }
  }

  /** Everything in the order in which it came. */
  private async inOrder(lane: Lane): Promise<void> {
    const { afterRecord, isolates } = this.terms;
    for (const part of this.parts) {
      const count = part.records.length;
      let singly = afterRecord !== null;
      for (let at = 0; at < count && !this.isStopping; ) {
        const records = singly ? part.records.slice(0, at + 1) : part.records;
        [lane.part, lane.start] = [part, at];
        const failure = await this.guarded(lane, records, at);
        let end = lane.cursor.at;
        part.mark(at, end);
        lane.part = null;
        if (failure) {
          singly = singly || isolates(failure.error);
          await this.recovered(lane, part.records[end]!, failure.error);
          part.mark(end, end + 1);
          end += 1;
        }
        if (afterRecord && end > at) await afterRecord(this);
        at = end;
      }
    }
  }

  /** Records of one key in their order, each key by itself; records without a key are each by themselves. */
  private chains(): [Part, number][][] {
    const chains: [Part, number][][] = [];
    for (const part of this.parts) {
      const byKey = new Map<string, [Part, number][]>();
      part.records.forEach((record, index) => {
        const key = record.key === null ? undefined : record.key.toString('latin1');
        let chain = key === undefined ? undefined : byKey.get(key);
        if (chain === undefined) {
          chain = [];
          chains.push(chain);
          if (key !== undefined) byKey.set(key, chain);
        }
        chain.push([part, index]);
      });
    }
    return chains.reverse(); // taken from the end
  }

  private async fromChains(lane: Lane, chains: [Part, number][][]): Promise<void> {
    const { breaker, afterRecord } = this.terms;
    for (let chain = chains.pop(); chain && !this.isStopping; chain = chains.pop()) {
      for (const [part, index] of chain) {
        if (breaker.isOpen) await Promise.race([breaker.closed(), this.stopped.wait()]);
        if (this.isStopping) return;
        const failure = await this.guarded(lane, [part.records[index]!], 0);
        if (failure) await this.recovered(lane, part.records[index]!, failure.error);
        else if (lane.cursor.at === 0) return;
        part.mark(index, index + 1);
        if (afterRecord) await afterRecord(this);
      }
    }
  }

  private async recovered(lane: Lane, record: ConsumedRecord, error: unknown): Promise<void> {
    lane.isRecovering = true;
    try {
      await this.terms.recover(record, error);
    } finally {
      lane.isRecovering = false;
    }
  }

  /** Handles from `at` on; says what it ended with. One that takes too long is left to itself, and has failed. */
  private async guarded(lane: Lane, records: readonly ConsumedRecord[], at: number): Promise<Failure | null> {
    const cursor = new Cursor(at);
    cursor.stop = this.isStopping;
    lane.cursor = cursor;
    lane.steps += 1;
    const handling = this.terms.handle(records, cursor);
    return new Promise((resolve, reject) => {
      lane.leave = error => {
        // A fresh cursor: what the handler still does counts no more.
        lane.cursor = new Cursor(cursor.at);
        lane.leave = null;
        if (error instanceof Interrupted) reject(error);
        else resolve({ error });
      };
      const { leave } = lane;
      const isLeft = (): boolean => lane.leave !== leave;
      handling.then(
        failure => {
          if (isLeft()) return;
          lane.leave = null;
          resolve(failure);
        },
        error => {
          if (isLeft()) return;
          lane.leave = null;
          resolve({ error });
        },
      );
    });
  }
}
