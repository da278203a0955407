/** Confluent's JavaScript client, for rows that declare confluent-javascript. */

import type { Consumer } from 'kafkajs';
import { checkOptions, type KafkaOptions, sayNotes } from './clients.js';
import { BadRow, messageOf } from './errors.js';
import { type Lowered, lower } from './lowering.js';
import { bootstrap, forLibrdkafka } from './security.js';
import { expand, type Settings } from './settings.js';

/** What of the package is used here: its API is kafkajs's, with librdkafka's properties. */
export interface ConfluentModule {
  KafkaJS: { Kafka: new (config: object) => { consumer(properties: Record<string, unknown>): Consumer } };
}

/** What happens to its partitions, by librdkafka's callback. */
export type Rebalanced = (kind: 'assign' | 'revoke', places: { topic: string; partition: number }[]) => void;

/** The package. Throws BadRow where it is not installed. */
export async function loadConfluent(serviceName: string): Promise<ConfluentModule> {
  const name = '@confluentinc/kafka-javascript'; // by a variable: it is no dependency that the compiler could see
  try {
    const found = (await import(name)) as ConfluentModule & { default?: ConfluentModule };
    return found.KafkaJS ? found : found.default!;
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
 * A consumer with every setting of the row, not connected.
 *
 * Throws BadRow where the client refuses it.
 */
export function makeConfluent(
  module: ConfluentModule,
  settings: Settings,
  options: KafkaOptions,
  rebalanced?: Rebalanced,
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
    return { consumer: new module.KafkaJS.Kafka({}).consumer(properties), lowered };
  } catch (error) {
    const problem = `confluent-javascript refuses it: ${messageOf(error)}`;
    throw new BadRow(settings.serviceName, 'consumer', problem, '', { cause: error });
  }
}

/** librdkafka's code for "assign partitions". */
const ASSIGN = -175;
/** librdkafka's level (syslog's) for errors. */
const ERRORS = 3;
