/** Confluent's JavaScript client, for rows that declare confluent-javascript. */

import type { Consumer } from 'kafkajs';
import { checkOptions, type KafkaOptions, sayNotes } from './clients.js';
import { BadRow, LagproofError, messageOf, SameInstance } from './errors.js';
import { type Lowered, lower } from './lowering.js';
import { bootstrap, forLibrdkafka } from './security.js';
import { expand, type Settings } from './settings.js';

/** What of the package is used here: its API is kafkajs's, with librdkafka's properties. */
export interface ConfluentModule {
  KafkaJS: { Kafka: new (config: object) => { consumer(properties: Record<string, unknown>): Consumer } };
  /** Its API of callbacks, on which the other one stands. */
  KafkaConsumer: { prototype: Callbacks };
}

/** A consumer of callbacks. */
interface Callbacks {
  connect(...given: unknown[]): unknown;
  on(event: 'event.log', heard: (line: { fac: string; message: string }) => void): unknown;
  consume(count: number, done: (error: Refusal | null, records?: unknown) => void): void;
}

/** librdkafka's error. */
interface Refusal {
  code: number;
  message: string;
}

/** What happens to its partitions, by librdkafka's callback. */
export type Rebalanced = (kind: 'assign' | 'revoke', places: { topic: string; partition: number }[]) => void;

/** It ended by itself; called once. */
export type Failed = (error: Error) => void;

/** The package. Throws BadRow where it is not installed. */
export async function loadConfluent(serviceName: string): Promise<ConfluentModule> {
  const name = '@confluentinc/kafka-javascript'; // by a variable: it is no dependency that the compiler could see
  try {
    const found = (await import(name)) as ConfluentModule & { default?: ConfluentModule };
    return found.default ?? found; // what is only spread into its exports has no name of its own
  } catch (error) {
    throw new BadRow(
      serviceName,
      'client',
      `its profile declares confluent-javascript, and ${name} can't be loaded (${messageOf(error)})`,
      `npm install ${name}`,
      { cause: error },
    );
  }
}

/** The installed package, with its version. */
export function confluentVersion(): string {
  return `confluent-javascript ${require('@confluentinc/kafka-javascript/package.json').version}`;
}

/**
 * A consumer with every setting of the row, not connected. `failed` hears what a new try does not change.
 *
 * Throws BadRow where the client refuses it.
 */
export function makeConfluent(
  module: ConfluentModule,
  settings: Settings,
  options: KafkaOptions,
  rebalanced?: Rebalanced,
  failed?: Failed,
): { consumer: Consumer; lowered: Lowered } {
  checkOptions(options);
  const lowered = lower(settings);
  sayNotes(settings, lowered);
  const properties: Record<string, unknown> = { 'client.id': `lagproof-${settings.serviceName}`, ...lowered.consumer };
  if (options.clientId !== undefined) properties['client.id'] = options.clientId;
  if (settings.instanceId !== null) {
    properties['group.instance.id'] = expand(settings.instanceId, settings.serviceName);
  }
  Object.assign(properties, forLibrdkafka(), { 'bootstrap.servers': bootstrap(options.brokers).join(',') });
  if (rebalanced) {
    properties.rebalance_cb = (error: { code: number }, places: { topic: string; partition: number }[]) =>
      rebalanced(error.code === ASSIGN ? 'assign' : 'revoke', places);
  }
  // What it warns of, it tries again by itself. It takes no logger without a block that changes other defaults.
  properties.log_level ??= ERRORS;
  try {
    const consumer = new module.KafkaJS.Kafka({}).consumer(properties);
    if (failed) listen(module, consumer, settings, String(properties['group.instance.id']), failed);
    return { consumer, lowered };
  } catch (error) {
    const problem = `confluent-javascript refuses it: ${messageOf(error)}`;
    throw new BadRow(settings.serviceName, 'consumer', problem, '', { cause: error });
  }
}

/**
 * Has `failed` hear what librdkafka gives up for. The package's consumer logs such an error as any other, asks on, and
 * gets nothing for ever; it is heard from the consumer of callbacks inside, which is seen only while it connects.
 */
function listen(module: ConfluentModule, consumer: Consumer, settings: Settings, id: string, failed: Failed): void {
  const { serviceName } = settings;
  let isOver = false;
  const end = (error: Error): void => {
    if (!isOver) failed(error);
    isOver = true;
  };
  const hear = (inside: Callbacks): void => {
    inside.on('event.log', ({ fac, message }) => {
      if (fac !== 'FATAL') return;
      if (message.includes('group.instance.id')) end(new SameInstance(serviceName, id, `the broker says: ${message}`));
      else end(new LagproofError(`${serviceName}: Kafka's client gave up: ${message}`));
    });
    const consume = inside.consume.bind(inside);
    inside.consume = (count, done) =>
      consume(count, (error, records) => {
        if (error && REFUSALS.has(error.code)) {
          end(new LagproofError(`${serviceName}: Kafka refuses it: ${error.message}`, { cause: error }));
        } else if (error?.code === FATAL) {
          // Why is said by the log's line, which may come a moment later.
          setTimeout(() => end(new LagproofError(`${serviceName}: Kafka's client gave up: ${error.message}`)), 1000);
        }
        done(error, records);
      });
  };
  const connect = consumer.connect.bind(consumer);
  consumer.connect = () => {
    const { prototype } = module.KafkaConsumer;
    const own = prototype.connect;
    prototype.connect = function (this: Callbacks, ...given) {
      hear(this);
      return own.apply(this, given);
    };
    try {
      return connect(); // it makes the one inside before it waits for anything
    } finally {
      prototype.connect = own;
    }
  };
}

/** librdkafka's code for an error after which it does nothing more. */
const FATAL = -150;
/** Kafka's codes for a topic, a group or a cluster that this login may not use. */
const REFUSALS = new Set([29, 30, 31]);
/** librdkafka's code for "assign partitions". */
const ASSIGN = -175;
/** librdkafka's level (syslog's) for errors. */
const ERRORS = 3;
