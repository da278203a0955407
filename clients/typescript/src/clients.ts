/** Making the Kafka client that a row declares. */

import { type Consumer, Kafka, type LogEntry, logLevel } from 'kafkajs';
import { BadRow, messageOf, NoTopics } from './errors.js';
import { log, warnOnce } from './log.js';
import { type Lowered, lower, nested } from './lowering.js';
import { bootstrap, forKafkajs } from './security.js';
import type { Settings } from './settings.js';

/** Where the cluster is. Security comes from the environment (see `security.ts`). */
export interface KafkaOptions {
  /** host:port each; left out, those of KAFKA_BOOTSTRAP_SERVERS. */
  brokers?: readonly string[];
  /** What the broker's logs and quotas call this client; left out, `lagproof-` and the service's name. */
  clientId?: string;
}

const NOISE = /rebalanc|Response (Heartbeat|JoinGroup|SyncGroup|Metadata)/i;

/** The kafkajs that is installed, with its version. */
export function kafkajsVersion(): string {
  return `kafkajs ${require('kafkajs/package.json').version}`;
}

/** The topics that the call names, else the row's. Throws NoTopics where there is none. */
export function topicsOf(settings: Settings, given?: readonly string[]): string[] {
  const topics = given && given.length > 0 ? [...given] : [...settings.topics];
  if (topics.length === 0) throw new NoTopics(settings.serviceName);
  const declared = [...settings.topics].sort().join(', ');
  if (settings.topics.length > 0 && [...topics].sort().join(', ') !== declared) {
    warnOnce(
      `${settings.serviceName}: reads ${topics.join(', ')}, and its profile declares ${declared}: proofs and alerts are ` +
        'about the declared ones',
    );
  }
  return topics;
}

/** Throws where the call says what only the environment may say, or what nothing reads. */
export function checkOptions(options: KafkaOptions): void {
  const unknown = Object.keys(options).filter(key => key !== 'brokers' && key !== 'clientId');
  if (unknown.length > 0) {
    throw new TypeError(
      `${unknown.join(', ')}: only brokers and clientId can be given here. Security comes from the environment ` +
        "(KAFKA_SECURITY_PROTOCOL, KAFKA_SASL_…), everything else from the service's row",
    );
  }
}

/** A kafkajs client for a service; `settings` are those of `new Kafka` that its row gives. */
export function makeKafka(serviceName: string, options: KafkaOptions, settings: Record<string, unknown> = {}): Kafka {
  checkOptions(options);
  return new Kafka({
    clientId: `lagproof-${serviceName}`,
    ...settings,
    ...(options.clientId === undefined ? {} : { clientId: options.clientId }),
    ...forKafkajs(),
    brokers: bootstrap(options.brokers),
    logLevel: logLevel.WARN,
    logCreator: () => entry => said(serviceName, entry),
  });
}

/** What kafkajs logs: its errors as warnings, since it tries again by itself; what belongs to any rebalance quietly. */
function said(serviceName: string, { level, log: entry }: LogEntry): void {
  const error = typeof entry.error === 'string' ? ` (${entry.error})` : '';
  const text = `${serviceName}: kafkajs: ${entry.message}${error}`;
  if (level === logLevel.ERROR && !NOISE.test(text)) log.warn(text);
  else log.debug(text);
}

/** A consumer of kafkajs with every setting of the row, not connected. */
export interface Made {
  kafka: Kafka;
  consumer: Consumer;
  lowered: Lowered;
}

/**
 * Makes one. `over` is what its user decides.
 *
 * Throws BadRow where the row is for another client, or the client refuses it.
 */
export function makeKafkajs(settings: Settings, options: KafkaOptions, over: Record<string, unknown> = {}): Made {
  const lowered = lower(settings);
  if (settings.client !== 'kafkajs') {
    throw new BadRow(
      settings.serviceName,
      'client',
      `its profile declares ${settings.client}, and this is kafkajs`,
      'Set client = "kafkajs" in its profile',
    );
  }
  sayNotes(settings, lowered);
  const kafka = makeKafka(settings.serviceName, options, nested(lowered.client));
  const given = nested(lowered.consumer) as { groupId: string; retry?: object };
  // Its own default of retries is for consumers that set no retry at all: setting half of it must not lose it.
  const retry = { retries: 5, ...given.retry, ...(over.retry as object | undefined) };
  try {
    return { kafka, consumer: kafka.consumer({ ...given, ...over, retry }), lowered };
  } catch (error) {
    throw new BadRow(settings.serviceName, 'consumer', `kafkajs refuses it: ${messageOf(error)}`, '', { cause: error });
  }
}

/** Says once what did not go straight through. */
export function sayNotes(settings: Settings, lowered: Lowered): void {
  for (const note of lowered.notes) {
    warnOnce(`${settings.serviceName}: ${note.key} is ${note.loss}: ${note.text}`);
  }
}
