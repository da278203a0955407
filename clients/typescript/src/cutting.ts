/** A client's `run` with batches cut to max_poll_records, and heartbeats while handlers run. */

import type { Batch, ConsumerRunConfig, EachBatchPayload, KafkaMessage } from 'kafkajs';
import { log } from './log.js';

/** What is in force now, asked before each batch. */
export interface Limits {
  readonly serviceName: string;
  readonly maxPollRecords: number;
  readonly maxPollIntervalMs: number;
  readonly heartbeatMs: number;
}

/** Commits what a client does not commit by itself. */
export type CommitPiece = (topic: string, partition: number, offset: string) => Promise<void>;

/**
 * The run configuration that cuts batches, and keeps the membership while handlers run. With `commit`, pieces are
 * committed by it rather than by kafkajs.
 */
export function cut(
  config: ConsumerRunConfig,
  limits: () => Limits,
  commit: CommitPiece | null = null,
): ConsumerRunConfig {
  const { eachBatch, eachMessage } = config;
  if (eachBatch) {
    // Whoever resolves by himself goes on doing so; else it is done here, a cut batch at a time.
    const resolves = config.eachBatchAutoResolve !== false;
    const commits = config.autoCommit !== false && !config.autoCommitInterval && !config.autoCommitThreshold;
    return {
      ...config,
      eachBatchAutoResolve: false,
      eachBatch: payload =>
        inPieces(payload, eachBatch, limits, resolves, commit ?? (commits ? uncommitted(payload) : null)),
    };
  }
  if (eachMessage) {
    return { ...config, eachMessage: payload => alive(() => eachMessage(payload), payload.heartbeat, limits()) };
  }
  return config;
}

/** kafkajs commits what is resolved and not committed yet. */
function uncommitted(payload: EachBatchPayload): CommitPiece {
  return () => payload.commitOffsetsIfNecessary(payload.uncommittedOffsets());
}

async function inPieces(
  payload: EachBatchPayload,
  eachBatch: (payload: EachBatchPayload) => Promise<void>,
  limits: () => Limits,
  resolves: boolean,
  commit: CommitPiece | null,
): Promise<void> {
  const { topic, partition, messages } = payload.batch;
  let resolved = -1n;
  let paused = false;
  const given: Pick<EachBatchPayload, 'resolveOffset' | 'pause'> = {
    resolveOffset: offset => {
      resolved = BigInt(offset) > resolved ? BigInt(offset) : resolved;
      payload.resolveOffset(offset);
    },
    pause: () => {
      paused = true;
      return payload.pause();
    },
  };
  for (let at = 0; at < messages.length; ) {
    const now = limits();
    const piece = messages.slice(at, at + now.maxPollRecords);
    const last = piece[piece.length - 1]!.offset;
    const batch = piece.length === messages.length ? payload.batch : new Piece(payload.batch, piece);
    await alive(() => eachBatch({ ...payload, ...given, batch }), payload.heartbeat, now);
    if (payload.isStale()) return; // it was sought elsewhere
    if (resolves) payload.resolveOffset(last);
    else if (resolved < BigInt(last)) return; // its handler left off: what it did not resolve comes again
    at += piece.length;
    if (commit) await commit(topic, partition, String(BigInt(last) + 1n));
    else await payload.commitOffsetsIfNecessary();
    if (at === messages.length) return;
    await payload.heartbeat();
    if (paused || !payload.isRunning()) return;
  }
}

/** kafkajs sends heartbeats only where it is told to: here, while a handler runs, for as long as max_poll_interval. */
async function alive(handle: () => Promise<void>, heartbeat: () => Promise<void>, limits: Limits): Promise<void> {
  const began = Date.now();
  const timer = setInterval(() => {
    if (Date.now() - began > limits.maxPollIntervalMs) {
      clearInterval(timer);
      log.error(
        `${limits.serviceName}: a handler has not ended after ${limits.maxPollIntervalMs / 1000} s, the most that ` +
          'max_poll_interval allows: no more heartbeats are sent, and the group gives its partitions to others. Lower ' +
          'max_poll_records, or raise max_poll_interval',
      );
    } else {
      // Where the group rebalances, the client's own heartbeat after the handler says so again.
      heartbeat().catch(() => {});
    }
  }, limits.heartbeatMs / 2);
  try {
    await handle();
  } finally {
    clearInterval(timer);
  }
}

/** A part of a fetched batch, as a batch. */
class Piece implements Batch {
  readonly topic: string;
  readonly partition: number;
  readonly highWatermark: string;

  constructor(
    whole: Batch,
    readonly messages: KafkaMessage[],
  ) {
    this.topic = whole.topic;
    this.partition = whole.partition;
    this.highWatermark = whole.highWatermark;
  }

  isEmpty(): boolean {
    return false;
  }

  firstOffset(): string {
    return this.messages[0]!.offset;
  }

  lastOffset(): string {
    return this.messages[this.messages.length - 1]!.offset;
  }

  offsetLag(): string {
    return this.behind(this.lastOffset());
  }

  offsetLagLow(): string {
    return this.behind(this.firstOffset());
  }

  private behind(offset: string): string {
    const lag = BigInt(this.highWatermark) - 1n - BigInt(offset);
    return String(lag > 0n ? lag : 0n);
  }
}
