/** One connection a pool that listens for changed rows, however many consumers share the pool. */

import { connection, type DatabaseClient, type DatabasePool } from './database.js';
import { messageOf } from './errors.js';
import { log } from './log.js';
import { Gate, Wake } from './waiting.js';

const CHANNEL = 'lagproof_config';
const ASK_EVERY_MS = 60_000;
const ofPool = new WeakMap<DatabasePool, Ears>();

/** Listens on a connection of a pool, and wakes whoever waits for a service's row. */
export class Ears {
  /** Whether the database says by itself when something changed. */
  listening = false;
  private waiting: { serviceName: string; look: Wake }[] = [];
  private running: Promise<void> | null = null;
  private stopped = false;
  private readonly pause = new Wake();
  private gone = new Gate();

  private constructor(private readonly pool: DatabasePool) {}

  /** The ears of that pool. */
  static of(pool: DatabasePool): Ears {
    let ears = ofPool.get(pool);
    if (ears === undefined) {
      ears = new Ears(pool);
      ofPool.set(pool, ears);
    }
    return ears;
  }

  /** Wakes `look` whenever that service's row changed, or may have. */
  add(serviceName: string, look: Wake): void {
    this.waiting.push({ serviceName, look });
    if (this.running === null) this.running = this.listen();
    else if (this.listening) look.wake();
  }

  /** Wakes it no more; the last one gives the connection back. */
  async remove(look: Wake): Promise<void> {
    this.waiting = this.waiting.filter(one => one.look !== look);
    if (this.waiting.length > 0) return;
    ofPool.delete(this.pool);
    this.stopped = true;
    this.gone.set();
    this.pause.wake();
    await this.running;
  }

  private heard(payload: string | undefined): void {
    let name: string | null = null; // an empty payload says "look again"
    try {
      name = JSON.parse(payload ?? '').service_name ?? null;
    } catch {}
    for (const { serviceName, look } of this.waiting) {
      if (name === null || name === serviceName) look.wake();
    }
  }

  private async listen(): Promise<void> {
    let pause = 1000;
    while (!this.stopped) {
      try {
        const client = await connection(this.pool);
        this.gone = new Gate();
        const left = await this.listenOn(client);
        if (left) pause = 1000;
      } catch (error) {
        log.debug(`LISTEN ended: ${messageOf(error)}`);
      }
      this.listening = false;
      if (!this.stopped) await this.pause.wait(pause * (0.8 + Math.random() * 0.4));
      pause = Math.min(pause * 2, 30_000);
    }
  }

  /** Until the connection is gone or nobody waits; asked now and then, since a dead network says nothing. */
  private async listenOn(client: DatabaseClient): Promise<boolean> {
    let failure: Error | undefined;
    const gone = (error?: Error): void => {
      failure = error ?? new Error('the connection ended');
      this.gone.set();
    };
    const heard = (message: { channel: string; payload?: string }): void => {
      if (message.channel === CHANNEL) this.heard(message.payload);
    };
    client.on('error', gone);
    client.on('end', gone);
    client.on('notification', heard);
    try {
      await client.query({ text: `LISTEN ${CHANNEL}`, query_timeout: 10_000 });
      this.listening = !this.stopped;
      for (const { look } of this.waiting) look.wake(); // what changed while nobody listened
      while (!this.stopped && !(await this.gone.wait(ASK_EVERY_MS))) {
        await client.query({ text: 'SELECT 1', query_timeout: 10_000 });
      }
      if (failure === undefined) await client.query({ text: `UNLISTEN ${CHANNEL}`, query_timeout: 3000 });
      return true;
    } catch (error) {
      failure = error as Error;
      throw error;
    } finally {
      client.removeListener('error', gone);
      client.removeListener('end', gone);
      client.removeListener('notification', heard);
      client.release(failure);
    }
  }
}
