/** A worker's spec as this package's settings, and what a record costs. */

import type { ConsumedRecord } from '../feed.js';
import { type Lowered, lower, RAW_SECTIONS } from '../lowering.js';
import { type Config, configOf, readSettings, type Settings } from '../settings.js';
import { fraction, type Header, PROTOCOL, SLOW, splitMix, type Ticks } from './protocol.js';
import { quantile } from './quantile.js';

/** What `lagproof verify` asks for; docs/worker-protocol.md says what each means. */
export interface Spec {
  service: string;
  tag: number;
  properties: Record<string, string>;
  sections?: Record<string, Record<string, unknown>>;
  topics: string[];
  max_poll_records: number;
  work: {
    per_record:
      | { kind: 'constant'; us: number }
      | { kind: 'log-normal'; mu: number; sigma: number; max: number | null };
    per_batch_us: number;
    concurrency: { bounded: number } | 'unbounded';
    cpu_share: number;
    slow_us: number;
    stalls_us: [from: number, to: number][];
  };
  delivery: { commit: string; retry: { attempts: number; backoff_us: number; dead_letter: string | null } | null };
  per_record_factor: number;
  seed: bigint;
  ticks: Ticks;
}

const KNOWN = {
  spec: [
    ...['protocol', 'run', 'tag', 'service', 'replica', 'properties', 'sections', 'topics', 'max_poll_records', 'work'],
    ...['delivery', 'per_record_factor', 'seed', 'ticks'],
  ],
  work: ['per_record', 'per_batch_us', 'concurrency', 'handler', 'cpu_share', 'slow_us', 'stalls_us'],
  delivery: ['commit', 'retry'],
};
/** Where the cluster is and how one logs in come under librdkafka's names, and are the environment's here. */
const ENVIRONMENT: Readonly<Record<string, string>> = {
  'bootstrap.servers': 'KAFKA_BOOTSTRAP_SERVERS',
  'security.protocol': 'KAFKA_SECURITY_PROTOCOL',
  'sasl.mechanism': 'KAFKA_SASL_MECHANISM',
  'sasl.mechanisms': 'KAFKA_SASL_MECHANISM',
  'sasl.username': 'KAFKA_SASL_USERNAME',
  'sasl.password': 'KAFKA_SASL_PASSWORD',
  'ssl.ca.location': 'KAFKA_SSL_CA',
  'ssl.certificate.location': 'KAFKA_SSL_CERTIFICATE',
  'ssl.key.location': 'KAFKA_SSL_KEY',
  'ssl.key.password': 'KAFKA_SSL_KEY_PASSWORD',
};
/** kafkajs's options as the row's columns, from which they become exactly these again. */
const KAFKAJS: Readonly<Record<string, string>> = {
  requestTimeout: 'request_timeout_ms',
  'retry.initialRetryTime': 'retry_backoff_ms',
  'retry.maxRetryTime': 'retry_backoff_max_ms',
  sessionTimeout: 'session_timeout_ms',
  heartbeatInterval: 'heartbeat_interval_ms',
  rebalanceTimeout: 'rebalance_timeout_ms',
  minBytes: 'fetch_min_bytes',
  maxWaitTimeInMs: 'fetch_max_wait_ms',
  maxBytes: 'fetch_max_bytes',
  maxBytesPerPartition: 'max_partition_fetch_bytes',
  metadataMaxAge: 'metadata_max_age_ms',
  rackId: 'client_rack',
  allowAutoTopicCreation: 'allow_auto_create_topics',
};

/** The spec. Throws where it is of another protocol, or asks for what this worker does not know. */
export function readSpec(line: string): Spec {
  // Seeds have 64 bits, which JSON's numbers here would round.
  const spec = JSON.parse(line.replace(/"seed":\s*(\d+)/g, '"seed":"$1"'));
  if (spec.protocol !== PROTOCOL) {
    throw new Error(`the spec is of protocol ${spec.protocol}, this worker's is ${PROTOCOL}`);
  }
  for (const [where, known] of [
    [spec, KNOWN.spec],
    [spec.work, KNOWN.work],
    [spec.delivery, KNOWN.delivery],
  ]) {
    const unknown = Object.keys(where).filter(key => !known.includes(key));
    if (unknown.length > 0) {
      const names = unknown.sort().join(', ');
      throw new Error(`the spec has ${names}, which this worker does not know: it is too old for it`);
    }
  }
  return { ...spec, seed: BigInt(spec.seed), ticks: { ...spec.ticks, seed: BigInt(spec.ticks.seed) } };
}

/** Where the cluster is and how to log in, put into the environment. */
export function setEnvironment(properties: Record<string, string>, environment: NodeJS.ProcessEnv = process.env): void {
  for (const [key, name] of Object.entries(ENVIRONMENT)) {
    if (properties[key] !== undefined) environment[name] = properties[key];
  }
}

/**
 * What the base consumer runs with.
 *
 * Throws where the properties are another client's, or what is made of them here is not exactly what was compiled.
 */
export function configOfSpec(spec: Spec): Config {
  const { properties, delivery, work } = spec;
  const sections = compiledSections(spec);
  const own = 'groupId' in properties ? kafkajs(sections) : confluent(properties);
  const { retry } = delivery;
  const settings: Settings = readSettings(spec.service, {
    ...own,
    topics: spec.topics,
    consumer: { ...own.consumer, max_poll_records: spec.max_poll_records },
    delivery: {
      commit: delivery.commit,
      commit_interval_ms: sections.run?.autoCommitInterval,
      isolation: own.isolation,
      retry: retry && {
        attempts: retry.attempts,
        backoff_ms: retry.backoff_us / 1000,
        dead_letter: retry.dead_letter ?? undefined,
      },
    },
    // What is unbounded is handed over at once and handled one by one behind that: the worker's own queue.
    concurrency: typeof work.concurrency === 'string' ? 'unbounded' : work.concurrency.bounded,
  });
  refuseWhatDiffers(sections, lower(settings));
  return configOf(settings, { version: null, generation: 0, etag: '' });
}

type Sections = Record<string, Record<string, unknown>>;

/** What the compiled file holds, by section and with flat keys: `retry.factor`. The cluster's own properties are left out. */
function compiledSections({ properties, sections }: Spec): Sections {
  const isKafkajs = 'groupId' in properties;
  const own = Object.entries(properties).filter(([key]) =>
    isKafkajs ? !key.includes('.') || key.startsWith('retry.') : !(key in ENVIRONMENT),
  );
  const found: Sections = { consumer: Object.fromEntries(own.map(([key, text]) => [key, typed(text, key)])) };
  for (const [section, keys] of Object.entries(sections ?? {})) {
    const flat = Object.entries(keys).flatMap(([key, value]) =>
      typeof value === 'object' && value !== null && !Array.isArray(value)
        ? Object.entries(value).map(([inner, one]) => [`${key}.${inner}`, one])
        : [[key, value]],
    );
    found[section] = Object.fromEntries(flat);
  }
  return found;
}

/** "Exactly these" is what the protocol asks for: what this package would leave out or give otherwise is an error. */
function refuseWhatDiffers(sections: Sections, lowered: Lowered): void {
  const made: Readonly<Record<string, object>> = { ...lowered };
  for (const [section, keys] of Object.entries(sections)) {
    for (const [key, value] of Object.entries(keys)) {
      const given = (made[section] as Record<string, unknown> | undefined)?.[key];
      if (String(given) === String(value)) continue;
      const instead = given === undefined ? 'leave it out' : `make it ${given}`;
      throw new Error(`the spec has ${section} ${key} = ${value}, and this worker would ${instead}`);
    }
  }
}

interface Own {
  client: string;
  group: string;
  isolation: string;
  consumer: Record<string, unknown>;
  raw: Record<string, Record<string, unknown>>;
}

function kafkajs({ client, consumer: given, subscribe, run }: Sections): Own {
  const consumer: Record<string, unknown> = {};
  const raw: Record<string, unknown> = {};
  for (const [key, value] of Object.entries({ ...client, ...given, ...run })) {
    const column = KAFKAJS[key];
    if (column !== undefined) consumer[column] = value;
    else if (key in RAW_SECTIONS) raw[key] = value;
  }
  const wait = consumer.rebalance_timeout_ms;
  if (wait !== undefined) consumer.max_poll_interval_ms = wait;
  const end = subscribe?.fromBeginning;
  if (end !== undefined) consumer.auto_offset_reset = end ? 'earliest' : 'latest';
  return {
    client: 'kafkajs',
    group: String(given?.groupId),
    isolation: given?.readUncommitted === true ? 'read-uncommitted' : 'read-committed',
    consumer,
    raw: { kafkajs: raw },
  };
}

function confluent(properties: Record<string, string>): Own {
  if (!('js.consumer.max.batch.size' in properties)) {
    throw new Error(
      "the spec's properties are not those of kafkajs or confluent-javascript: another client is declared",
    );
  }
  const raw = Object.entries(properties).filter(([key]) => !(key in ENVIRONMENT));
  return {
    client: 'confluent-javascript',
    group: properties['group.id']!,
    isolation: properties['isolation.level'] === 'read_uncommitted' ? 'read-uncommitted' : 'read-committed',
    consumer: { max_poll_interval_ms: Number(properties['max.poll.interval.ms'] ?? 300_000) },
    raw: { 'confluent-javascript': Object.fromEntries(raw.map(([key, text]) => [key, typed(text, key)])) },
  };
}

function typed(text: string, key: string): unknown {
  if (key === 'rackId' || key === 'groupId' || /(^|\.)(id|rack)$/.test(key)) return text;
  if (text === 'true' || text === 'false') return text === 'true';
  return /^-?\d+$/.test(text) ? Number(text) : text;
}

/** What a record costs in milliseconds: the same whoever gets it, drawn from the seed and its stream and number. */
export function costMs(spec: Spec, record: ConsumedRecord, header: Header): number {
  const { per_record: cost, slow_us } = spec.work;
  if (header.flags & SLOW) return slow_us / 1000;
  if (cost.kind === 'constant') return cost.us / 1000;
  let bits = spec.seed;
  for (const part of [spec.topics.indexOf(record.topic), record.partition, header.shard, header.sequence]) {
    bits = splitMix(bits ^ BigInt(part));
  }
  const z = quantile(Math.min(Math.max(fraction(bits), 1e-16), 1 - 1e-16));
  const seconds = Math.exp(cost.mu + cost.sigma * z);
  return Math.min(seconds, cost.max ?? seconds) * 1000;
}
