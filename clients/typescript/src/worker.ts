#!/usr/bin/env node
/**
 * `lagproof-worker`: a worker of `lagproof verify` on this package and the client that the service really uses.
 *
 * It reads its spec as one line of JSON on standard input and writes sample lines to standard output; the end of the
 * input, a `stop` command, SIGTERM, or a reader that is gone stop it in good order. It needs `hdr-histogram-js`.
 */

import { createInterface } from 'node:readline';
import type * as Hdr from 'hdr-histogram-js';
import { kafkajsVersion } from './clients.js';
import { confluentVersion } from './confluent.js';
import { LagproofError, nameOf } from './errors.js';
import { setLogger } from './log.js';
import { memoryMegabytes } from './metrics.js';
import { Harnessed } from './verify/harnessed.js';
import { cpuWaitSeconds, Lines, nowUs, PROTOCOL, tickAt } from './verify/protocol.js';
import { readSpec, setEnvironment } from './verify/spec.js';

/** Writes a tick at each moment from the next one on, and a last one when it is told to stop. */
class Sampler {
  private number = 0;
  private timer: NodeJS.Timeout | undefined;

  constructor(
    private readonly consumer: Harnessed,
    private readonly lines: Lines,
  ) {
    while (tickAt(consumer.spec.ticks, this.number) <= nowUs()) this.number += 1;
    this.next();
  }

  /** Handlers wait, or burn a few milliseconds at a time: the event loop is free for ticks. */
  private next(): void {
    const wait = (tickAt(this.consumer.spec.ticks, this.number) - nowUs()) / 1000;
    this.timer = setTimeout(
      () => {
        this.tick();
        this.next();
      },
      Math.max(0, wait),
    );
  }

  stop(): void {
    clearTimeout(this.timer);
    this.tick();
  }

  private tick(): void {
    const { consumer, lines } = this;
    const positions = consumer.where();
    const { tick, errors } = consumer.ledger.take();
    const { user, system } = process.cpuUsage();
    for (const [code, { message, times }] of errors) lines.write('error', { code, message, times });
    lines.write('tick', {
      tick: this.number,
      positions,
      in_hand: consumer.inHandCount,
      resident_bytes: Math.floor(memoryMegabytes() * 1e6),
      cpu_seconds: (user + system) / 1e6,
      cpu_wait_seconds: cpuWaitSeconds(),
      ...tick,
    });
    this.number += 1;
  }
}

function histograms(): typeof Hdr {
  try {
    return require('hdr-histogram-js');
  } catch (error) {
    throw new LagproofError('lagproof-worker needs hdr-histogram-js: npm install hdr-histogram-js', { cause: error });
  }
}

/** Does what a line of the input says, but for stopping. */
function obey(consumer: Harnessed, line: string): 'stop' | 'go on' {
  try {
    const told = JSON.parse(line);
    if (told.command === 'stop') return 'stop';
    if (told.command === 'stall') consumer.stall(told.from_us, told.to_us);
  } catch {
    process.stderr.write(`skipped a line that is no command: ${line}\n`);
  }
  return 'go on';
}

async function work(input: AsyncIterator<string>, lines: Lines, stopped: { stop: () => void }): Promise<void> {
  const first = await input.next();
  const spec = readSpec(first.done ? '{}' : first.value);
  setEnvironment(spec.properties);
  const hdr = histograms();
  const consumer = new Harnessed(spec, lines, hdr);
  const trouble = (text: string): void => {
    process.stderr.write(`${text}\n`);
    consumer.ledger.error('lagproof', text.slice(0, 500));
  };
  setLogger({ error: trouble, warn: trouble, info: () => {}, debug: () => {} });
  stopped.stop = () => consumer.stop();
  void (async () => {
    for (let line = await input.next(); !line.done; line = await input.next()) {
      if (obey(consumer, line.value) === 'stop') break;
    }
    consumer.stop();
  })();
  const client = 'groupId' in spec.properties ? kafkajsVersion() : confluentVersion();
  lines.write('ready', { protocol: PROTOCOL, client });
  const sampler = new Sampler(consumer, lines);
  try {
    await consumer.run();
  } finally {
    sampler.stop();
  }
}

async function main(): Promise<number> {
  const stopped = { stop: (): void => process.exit(1) };
  const lines = new Lines(() => stopped.stop());
  const input = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
  let reason: { reason: string; message?: string } = { reason: 'stopped' };
  try {
    await work(input, lines, stopped);
  } catch (error) {
    reason = { reason: 'failed', message: nameOf(error) }; // whatever it is, the last line says so
  }
  lines.write('end', { reason });
  return reason.reason === 'stopped' ? 0 : 1;
}

main().then(status => process.exit(status));
