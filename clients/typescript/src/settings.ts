/** A row's settings as data: what `lagproof.read_config_v1()` answers. */

import { BadRow } from './errors.js';
import { Reader } from './reader.js';

export const COMMITS = ['after-batch', 'after-record', 'on-receipt', 'interval'] as const;
export const HANDLERS = ['inline', 'thread', 'event-loop'] as const;
export const CLIENTS = ['librdkafka', 'java', 'aiokafka', 'kafkajs', 'confluent-javascript'] as const;
const PROTOCOLS = ['classic', 'consumer'] as const;
const ISOLATIONS = ['read-committed', 'read-uncommitted'] as const;
const ASSIGNORS = ['range', 'roundrobin', 'sticky', 'cooperative-sticky'];

/** When offsets are committed. */
export type Commit = (typeof COMMITS)[number];
/** How the profile says that handlers run. In Node all of them run in the event loop. */
export type Handler = (typeof HANDLERS)[number];
/** A Kafka client. */
export type Client = (typeof CLIENTS)[number];
/** A value of a setting. */
export type Value = string | number | boolean | readonly string[];

/** What happens to records that fail. */
export interface Retry {
  /** Tries in all, the first among them. */
  readonly attempts: number;
  /** The pause before the second try; it doubles. */
  readonly backoffMs: number;
  /** The topic where a record goes after the last. */
  readonly deadLetter: string | null;
}

/** When offsets are committed, and what happens to records that fail. */
export interface Delivery {
  readonly commit: Commit;
  readonly commitIntervalMs: number;
  readonly isolation: (typeof ISOLATIONS)[number];
  readonly retry: Retry | null;
}

/** Everything that a running service needs. Times in milliseconds, sizes in bytes. */
export interface Settings {
  readonly serviceName: string;
  readonly client: Client;
  readonly group: string;
  readonly topics: readonly string[];
  /** By the row's column names; what is absent is left to the client. */
  readonly consumer: Readonly<Record<string, Value>>;
  readonly delivery: Delivery;
  /** Records at once; null is unbounded. */
  readonly concurrency: number | null;
  readonly handler: Handler;
  readonly groupProtocol: (typeof PROTOCOLS)[number];
  /** As declared, its variables not put in yet. */
  readonly instanceId: string | null;
  /** Settings under the clients' own names, by client. */
  readonly raw: Readonly<Record<string, Readonly<Record<string, Value>>>>;
  /** The whole document as read. */
  readonly document: unknown;
}

/** A service's row at one moment. */
export interface Config {
  readonly settings: Settings;
  readonly serviceName: string;
  /** Most records in one batch. */
  readonly maxPollRecords: number;
  /** The profile's version; null: the row has no profile. */
  readonly version: number | null;
  /** Grows with every change of any row. */
  readonly generation: number;
  /** Differs where anything differs. */
  readonly etag: string;
  /** The last-good file that it comes from, where the database was away. */
  readonly fromFile: string | null;
}

/** Most records in one batch. */
export function maxPollRecords(settings: Settings): number {
  return (settings.consumer.max_poll_records as number | undefined) ?? 500;
}

/** Longest time between two polls, and for one record. */
export function maxPollIntervalMs(settings: Settings): number {
  return (settings.consumer.max_poll_interval_ms as number | undefined) ?? 300_000;
}

/** A row. */
export function configOf(
  settings: Settings,
  row: { version: number | null; generation: number; etag: string },
  fromFile: string | null = null,
): Config {
  const { version, generation, etag } = row;
  const { serviceName } = settings;
  return { settings, serviceName, maxPollRecords: maxPollRecords(settings), version, generation, etag, fromFile };
}

/**
 * Puts environment variables in: `${POD_NAME}`.
 *
 * Throws BadRow where one is not set: an id without it would be the same for every replica.
 */
export function expand(text: string, serviceName: string, environment: NodeJS.ProcessEnv = process.env): string {
  return text.replace(/\$\{([A-Za-z_][A-Za-z0-9_]*)\}/g, (_, name: string) => {
    const found = environment[name];
    if (!found) {
      throw new BadRow(
        serviceName,
        'instance_id',
        `'${text}' needs the environment variable ${name}, which is not set`,
        "Set it to something that differs a replica, such as the pod's name",
      );
    }
    return found;
  });
}

/**
 * A settings document as data. Keys that this version does not know are kept and do nothing.
 *
 * Throws BadRow with the key that is wrong.
 */
export function readSettings(serviceName: string, document: unknown): Settings {
  const whole = new Reader(serviceName, 'settings', document);
  const section = whole.section('consumer');
  // Rows that older scripts wrote may have consumer settings beside the other keys.
  const flat = Object.entries(whole.data).filter(([key, value]) => CONSUMER_KEYS.has(key) && value != null);
  const group = whole.text('group');
  return {
    serviceName,
    client: whole.word('client', CLIENTS, 'kafkajs'),
    group: group ?? whole.wrong('group', 'is missing', 'Every consumer needs a group'),
    topics: whole.texts('topics'),
    consumer: consumerOf(serviceName, { ...Object.fromEntries(flat), ...section.data }),
    delivery: deliveryOf(whole.section('delivery')),
    concurrency: whole.data.concurrency === 'unbounded' ? null : whole.integer('concurrency', 1, 1),
    handler: whole.word('handler', HANDLERS, 'inline'),
    groupProtocol: whole.word('group_protocol', PROTOCOLS, 'classic'),
    instanceId: whole.text('instance_id'),
    raw: rawOf(whole.section('raw').data),
    document: whole.data,
  };
}

const NUMBERS: Readonly<Record<string, number>> = {
  max_poll_records: 1,
  session_timeout_ms: 1,
  heartbeat_interval_ms: 1,
  max_poll_interval_ms: 1,
  rebalance_timeout_ms: 1,
  fetch_min_bytes: 1,
  fetch_max_wait_ms: 0,
  fetch_max_bytes: 1,
  max_partition_fetch_bytes: 1,
  message_max_bytes: 1,
  receive_message_max_bytes: 1,
  queued_min_messages: 1,
  queued_max_bytes: 1,
  fetch_queue_backoff_ms: 0,
  request_timeout_ms: 1,
  retry_backoff_ms: 1,
  retry_backoff_max_ms: 1,
  reconnect_backoff_ms: 0,
  reconnect_backoff_max_ms: 0,
  connections_max_idle_ms: 0,
  receive_buffer_bytes: 0,
  statistics_interval_ms: 0,
  metadata_max_age_ms: 1,
};
const SWITCHES = ['check_crcs', 'allow_auto_create_topics'];
const TEXTS = ['auto_offset_reset', 'group_remote_assignor', 'client_rack'];
const CONSUMER_KEYS = new Set([...Object.keys(NUMBERS), ...SWITCHES, ...TEXTS, 'partition_assignment_strategy']);

function consumerOf(serviceName: string, data: Record<string, unknown>): Record<string, Value> {
  const reader = new Reader(serviceName, 'consumer', data);
  const consumer = Object.fromEntries(Object.entries(data).filter(([, value]) => value != null));
  for (const [key, least] of Object.entries(NUMBERS)) {
    if (key in consumer) reader.integer(key, 0, least);
  }
  for (const key of SWITCHES) {
    if (key in consumer && typeof consumer[key] !== 'boolean') {
      reader.wrong(key, `${JSON.stringify(consumer[key])} is neither true nor false`, 'Write true or false');
    }
  }
  for (const key of TEXTS) reader.text(key);
  const reset = consumer.auto_offset_reset as string | undefined;
  if (reset !== undefined && !/^(earliest|latest|none|by_duration:.*)$/.test(reset)) {
    reader.wrong('auto_offset_reset', `'${reset}' is unknown`, 'It must be earliest, latest or none');
  }
  if ('partition_assignment_strategy' in consumer) {
    consumer.partition_assignment_strategy = assignorsOf(reader, consumer.partition_assignment_strategy);
  }
  return consumer as Record<string, Value>;
}

function assignorsOf(reader: Reader, given: unknown): string[] {
  const listed = typeof given === 'string' ? given.split(',').map(name => name.trim()) : given;
  const names = Array.isArray(listed) ? listed.filter(name => name !== '') : [];
  if (names.length === 0 || names.some(name => !ASSIGNORS.includes(name))) {
    reader.wrong(
      'partition_assignment_strategy',
      `${JSON.stringify(given)} names an assignor that is unknown`,
      `It must be of ${ASSIGNORS.join(', ')}`,
    );
  }
  return names;
}

function deliveryOf(reader: Reader): Delivery {
  let retry: Retry | null = null;
  if (reader.data.retry != null) {
    const section = reader.section('retry');
    retry = {
      attempts: section.integer('attempts', 1, 1),
      backoffMs: section.number('backoff_ms', 0),
      deadLetter: section.text('dead_letter'),
    };
  }
  return {
    commit: reader.word('commit', COMMITS, 'interval'),
    commitIntervalMs: reader.integer('commit_interval_ms', 5000, 0),
    isolation: reader.word('isolation', ISOLATIONS, 'read-uncommitted'),
    retry,
  };
}

function rawOf(data: Record<string, unknown>): Settings['raw'] {
  const sections = Object.entries(data).filter(([, keys]) => typeof keys === 'object' && keys !== null);
  return Object.fromEntries(sections) as Settings['raw'];
}
