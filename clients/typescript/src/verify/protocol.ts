/** The protocol between `lagproof verify` and its workers: a spec line in, sample lines out. Times are Unix microseconds. */

import { readdirSync, readFileSync } from 'node:fs';

export const PROTOCOL = 1;
export const POISON = 1;
export const SLOW = 2;
export const NO_KEY = 0xffffffff;
/** The header's length; see docs/worker-protocol.md. */
export const HEADER_BYTES = 40;
const MASK = (1n << 64n) - 1n;

/** The time. */
export function nowUs(): number {
  return Math.floor((performance.timeOrigin + performance.now()) * 1000);
}

/** One output of SplitMix64, in 64 bits without a sign. */
export function splitMix(state: bigint): bigint {
  let z = (state + 0x9e3779b97f4a7c15n) & MASK;
  z = ((z ^ (z >> 30n)) * 0xbf58476d1ce4e5b9n) & MASK;
  z = ((z ^ (z >> 27n)) * 0x94d049bb133111ebn) & MASK;
  return z ^ (z >> 31n);
}

/** The upper 53 bits as a number from 0 to below 1. */
export function fraction(bits: bigint): number {
  return Number(bits >> 11n) / 2 ** 53;
}

/** When to write lines. */
export interface Ticks {
  start_us: number;
  every_ms: number;
  jitter_ms: number;
  seed: bigint;
}

/** When tick `k` is: the same moment in every process. */
export function tickAt(ticks: Ticks, k: number): number {
  const jitter = (fraction(splitMix((ticks.seed + BigInt(k)) & MASK)) * 2 - 1) * ticks.jitter_ms * 1000;
  return ticks.start_us + k * ticks.every_ms * 1000 + Math.trunc(jitter);
}

/** A set of numbers as intervals, nearly always added to at its end. */
export class Numbers {
  readonly intervals: [from: number, to: number][] = [];

  /** Adds one; says whether it was new. */
  add(number: number): boolean {
    const { intervals } = this;
    let at = intervals.length - 1;
    while (at >= 0 && intervals[at]![0] > number) at -= 1;
    // `at` is the last that begins at or before it.
    const before = intervals[at];
    const after = intervals[at + 1];
    if (before && number < before[1]) return false;
    if (before && before[1] === number) {
      before[1] += 1;
      if (after && after[0] === number + 1) {
        before[1] = after[1];
        intervals.splice(at + 1, 1);
      }
    } else if (after && after[0] === number + 1) {
      after[0] = number;
    } else {
      intervals.splice(at + 1, 0, [number, number + 1]);
    }
    return true;
  }
}

/** What a record says of itself. */
export interface Header {
  flags: number;
  run: number;
  shard: number;
  sequence: number;
  dueUs: number;
  key: number;
  keySequence: number;
}

/** A record's header; null where no harness wrote it. */
export function headerOf(value: Buffer | null): Header | null {
  if (value === null || value.length < HEADER_BYTES || value.toString('latin1', 0, 3) !== 'LGP') return null;
  return {
    flags: value.readUInt8(3),
    run: value.readUInt32BE(4),
    shard: value.readUInt32BE(8),
    sequence: Number(value.readBigUInt64BE(12)),
    dueUs: Number(value.readBigInt64BE(20)),
    key: value.readUInt32BE(28),
    keySequence: Number(value.readBigUInt64BE(32)),
  };
}

/** Writes lines of JSON to standard output; a reader that is gone means "stop". */
export class Lines {
  constructor(gone: () => void) {
    process.stdout.on('error', gone);
  }

  /** One line, whole. */
  write(line: string, fields: object): void {
    process.stdout.write(`${JSON.stringify({ line, at_us: nowUs(), ...fields })}\n`);
  }
}

/** Seconds that the thread which waited longest was ready to run and did not; null where the system does not tell it. */
export function cpuWaitSeconds(): number | null {
  try {
    const threads = readdirSync('/proc/self/task');
    const waits = threads.map(thread => {
      const stat = readFileSync(`/proc/self/task/${thread}/schedstat`, 'utf8');
      return Number(stat.split(' ')[1]);
    });
    return Math.max(...waits) / 1e9;
  } catch {
    return null;
  }
}
