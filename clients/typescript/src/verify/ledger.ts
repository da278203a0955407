/** What a worker has done since its last tick, by sequence numbers. */

import { deflateSync, inflateSync } from 'node:zlib';
import type * as Hdr from 'hdr-histogram-js';
import type { ConsumedRecord } from '../feed.js';
import { type Header, headerOf, NO_KEY, Numbers, nowUs } from './protocol.js';

const DAY_US = 24 * 3600 * 1_000_000;

interface Stream {
  topic: string;
  partition: number;
  shard: number;
  ever: Numbers;
  since: Numbers;
}

/** Each record is entered once its processing has ended. */
export class Ledger {
  private readonly streams = new Map<string, Stream>();
  private readonly keys = new Map<string, number>();
  private errors = new Map<string, { message: string; times: number }>();
  private counts = fresh();
  private latency: Hdr.Histogram;

  constructor(
    private readonly tag: number,
    private readonly hdr: typeof Hdr,
  ) {
    this.latency = this.histogram();
  }

  private histogram(): Hdr.Histogram {
    return this.hdr.build({
      lowestDiscernibleValue: 1,
      highestTrackableValue: DAY_US,
      numberOfSignificantValueDigits: 3,
      useWebAssembly: false,
    });
  }

  /** The header of a record of this run. */
  ours(value: Buffer | null): Header | null {
    const header = headerOf(value);
    return header?.run === this.tag ? header : null;
  }

  /** A record is through. */
  enter(record: ConsumedRecord, header: Header | null, { failed = 0, dead = 0 } = {}): void {
    const { counts } = this;
    if (header === null) {
      counts.foreign += 1;
      return;
    }
    counts.records += 1;
    counts.bytes += record.value!.length;
    counts.failed += failed;
    counts.dead_letters += dead;
    this.latency.recordValue(Math.max(1, Math.min(nowUs() - header.dueUs, DAY_US)));
    const { topic, partition } = record;
    const { shard, sequence, key, keySequence } = header;
    const name = `${topic} ${partition} ${shard}`;
    let stream = this.streams.get(name);
    if (stream === undefined) {
      stream = { topic, partition, shard, ever: new Numbers(), since: new Numbers() };
      this.streams.set(name, stream);
    }
    if (!stream.ever.add(sequence)) {
      counts.repeated += 1;
      return;
    }
    stream.since.add(sequence);
    if (key !== NO_KEY) {
      const of = `${topic} ${shard} ${key}`;
      const last = this.keys.get(of) ?? 0;
      if (keySequence < last) counts.reordered += 1;
      this.keys.set(of, Math.max(last, keySequence + 1));
    }
  }

  /** A batch came, so long after the poll before. */
  batch(gapUs: number): void {
    this.counts.batches += 1;
    this.counts.longest_poll_gap_us = Math.max(this.counts.longest_poll_gap_us, gapUs);
  }

  /** Something went wrong, and goes on. */
  error(code: string, message: string): void {
    this.errors.set(code, { message, times: (this.errors.get(code)?.times ?? 0) + 1 });
  }

  /** What a tick says of the time since the last one, and the errors since then. */
  take(): { tick: object; errors: Map<string, { message: string; times: number }> } {
    const { counts, latency, errors } = this;
    this.counts = fresh();
    this.errors = new Map();
    const processed: object[] = [];
    for (const stream of this.streams.values()) {
      const { topic, partition, shard } = stream;
      for (const [from, to] of stream.since.intervals) processed.push({ topic, partition, shard, from, to });
      stream.since = new Numbers();
    }
    const encoded = latency.totalCount > 0 ? encode(this.hdr, latency) : '';
    this.latency = this.histogram();
    return { tick: { processed, latency: encoded, ...counts }, errors };
  }
}

/** The header in front of what is deflated: a cookie and a length. */
const OUTER_BYTES = 8;
/** Where the header inside holds the offset of its counts, and the ratio of its values to whole numbers. */
const OFFSET_AT = 8;
const RATIO_AT = 32;

/**
 * A histogram in HdrHistogram's V2 format. hdr-histogram-js 3.0.1 writes 1 for the offset and 5e-324 for the ratio; its
 * counts are those of offset 0 and ratio 1, and every other implementation takes it at its word.
 */
export function encode(hdr: typeof Hdr, histogram: Hdr.Histogram): string {
  const outer = Buffer.from(hdr.encodeIntoCompressedBase64(histogram), 'base64');
  const inner = inflateSync(outer.subarray(OUTER_BYTES));
  inner.writeInt32BE(0, OFFSET_AT);
  inner.writeDoubleBE(1, RATIO_AT);
  const deflated = deflateSync(inner);
  const header = Buffer.from(outer.subarray(0, OUTER_BYTES));
  header.writeInt32BE(deflated.length, 4);
  return Buffer.concat([header, deflated]).toString('base64');
}

function fresh() {
  return {
    records: 0,
    bytes: 0,
    repeated: 0,
    reordered: 0,
    foreign: 0,
    failed: 0,
    dead_letters: 0,
    batches: 0,
    longest_poll_gap_us: 0,
  };
}
