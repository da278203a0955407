/** Numbered records at an even pace, whatever becomes of them. */

import type { Producer } from 'kafkajs';
import { sleep } from '../src/waiting.js';
import type { Kafka } from './kafka.js';

export class Load {
  sent = 0;
  /** Those that the broker has acknowledged: what may not be lost. */
  readonly acked = new Set<string>();
  private isOver = false;
  private readonly sending: Promise<void>;

  constructor(
    private readonly kafka: Kafka,
    private readonly topic: string,
    private readonly rate: number,
    private readonly keys = 50,
  ) {
    this.sending = this.send();
  }

  /** Sends no more; everything sent has arrived. */
  async stop(): Promise<void> {
    this.isOver = true;
    await this.sending;
  }

  private async send(): Promise<void> {
    const producer = this.kafka.producer();
    await producer.connect();
    const began = Date.now();
    const pending = new Set<Promise<void>>();
    while (!this.isOver) {
      const due = Math.floor(((Date.now() - began) / 1000) * this.rate);
      if (due > this.sent) {
        const values = Array.from({ length: due - this.sent }, (_, index) => String(this.sent + index));
        this.sent = due;
        const sending = this.sendThese(producer, values).finally(() => pending.delete(sending));
        pending.add(sending);
      }
      await sleep(10);
    }
    await Promise.all(pending);
    await producer.disconnect();
  }

  private async sendThese(producer: Producer, values: string[]): Promise<void> {
    const messages = values.map(value => ({ value, key: `key-${Number(value) % this.keys}` }));
    try {
      await producer.send({ topic: this.topic, acks: -1, messages });
    } catch {
      return; // not acknowledged: nobody is owed it
    }
    for (const value of values) this.acked.add(value);
  }
}
