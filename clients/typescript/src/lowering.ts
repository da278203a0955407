/**
 * What a row's settings become for a JavaScript client, as `lagproof compile` does it.
 *
 * `clients/cases/lowering.json` holds what the compiler does; the tests compare every case.
 */

import { lowerToConfluent } from './confluentLowering.js';
import { BadRow } from './errors.js';
import type { Settings, Value } from './settings.js';

/** A setting that did not go straight through. */
export interface Note {
  readonly key: string;
  readonly loss: 'dropped' | 'substituted';
  readonly text: string;
}

/** What the client is given, by where it is given. */
export interface Lowered {
  /** Options of `new Kafka`; dotted keys are nested there. */
  readonly client: Record<string, Value>;
  /** Options of `kafka.consumer`. */
  readonly consumer: Record<string, Value>;
  /** Options of `consumer.subscribe`. */
  readonly subscribe: { topics: readonly string[]; fromBeginning?: boolean };
  /** Options of `consumer.run`. */
  readonly run: Record<string, Value>;
  /** What this package honours, since the client can't. */
  readonly loader: Record<string, Value>;
  readonly notes: Note[];
}

const ENVIRONMENTS =
  /^(ssl|sasl|security|https|bootstrap|metadata_broker_list|enable_ssl|enable_sasl|oauthbearer|brokers)(_|$)/;
const NO_QUEUE = 'the client has no queue: it drains one response before the next';
/** What kafkajs has nothing for, and why. */
export const KAFKAJS_LACKS: Readonly<Record<string, string>> = {
  group_remote_assignor: 'the client has the classic protocol only',
  message_max_bytes: 'the client has no such limit',
  receive_message_max_bytes: 'the client has no such limit',
  queued_min_messages: NO_QUEUE,
  queued_max_bytes: NO_QUEUE,
  fetch_queue_backoff_ms: NO_QUEUE,
  reconnect_backoff_ms: 'the client pauses by retry_backoff when it reconnects too',
  reconnect_backoff_max_ms: 'the client pauses by retry_backoff_max when it reconnects too',
  connections_max_idle_ms: 'the client keeps idle connections open',
  receive_buffer_bytes: 'the client leaves the buffer to the system',
  check_crcs: 'the client verifies no checksums',
  statistics_interval_ms: 'the client reports through events, at any time',
};
/** Set to this, they only say that something is not wanted, which a client without it does not do either. */
const OFF: Readonly<Record<string, Value>> = {
  check_crcs: false,
  statistics_interval_ms: 0,
  connections_max_idle_ms: 0,
  receive_buffer_bytes: 0,
};
const SAME: Readonly<Record<string, string>> = {
  session_timeout_ms: 'sessionTimeout',
  heartbeat_interval_ms: 'heartbeatInterval',
  fetch_min_bytes: 'minBytes',
  fetch_max_wait_ms: 'maxWaitTimeInMs',
  fetch_max_bytes: 'maxBytes',
  max_partition_fetch_bytes: 'maxBytesPerPartition',
  client_rack: 'rackId',
  metadata_max_age_ms: 'metadataMaxAge',
  allow_auto_create_topics: 'allowAutoTopicCreation',
};
/** Where kafkajs takes what it has under names of its own. */
export const RAW_SECTIONS: Readonly<Record<string, 'client' | 'consumer' | 'run'>> = {
  authenticationTimeout: 'client',
  clientId: 'client',
  connectionTimeout: 'client',
  enforceRequestTimeout: 'client',
  reauthenticationThreshold: 'client',
  'retry.factor': 'client',
  'retry.multiplier': 'client',
  'retry.retries': 'consumer',
  maxInFlightRequests: 'consumer',
  autoCommitThreshold: 'run',
  eachBatchAutoResolve: 'run',
  partitionsConsumedConcurrently: 'run',
};
/** kafkajs's own rebalanceTimeout, which the edition fills in: nobody chose it. */
const REBALANCE_MS = 60_000;

/**
 * The settings for the client that they declare.
 *
 * Throws BadRow where that is no JavaScript client, or where a raw setting is the environment's or unknown.
 */
export function lower(settings: Settings): Lowered {
  for (const key of Object.keys(settings.raw[settings.client] ?? {})) {
    if (ENVIRONMENTS.test(key.replaceAll('.', '_'))) {
      throw new BadRow(
        settings.serviceName,
        `raw.${settings.client}.${key}`,
        'where the cluster is and how one logs in comes from the environment, never from the table',
        'Take it out of the profile and set KAFKA_BOOTSTRAP_SERVERS, KAFKA_SECURITY_PROTOCOL, KAFKA_SASL_… instead',
      );
    }
  }
  if (settings.client === 'kafkajs') return lowerToKafkajs(settings);
  if (settings.client === 'confluent-javascript') return lowerToConfluent(settings);
  throw new BadRow(
    settings.serviceName,
    'client',
    `its profile declares ${settings.client}, which is no client of JavaScript's: its settings mean something else here`,
    'Set client = "kafkajs" (or "confluent-javascript") in its profile, or run the service with what it declares',
  );
}

function lowerToKafkajs(settings: Settings): Lowered {
  const given = settings.consumer;
  const out: Lowered = {
    client: {},
    consumer: {},
    subscribe: { topics: settings.topics },
    run: {},
    loader: {},
    notes: [],
  };
  const { client, consumer, notes } = out;
  if (given.request_timeout_ms !== undefined) client.requestTimeout = given.request_timeout_ms;
  const edition: Pauses = [300, 30_000];
  const pauses = backoff(given, 'retry_backoff', edition, edition, notes);
  if (pauses) [client['retry.initialRetryTime'], client['retry.maxRetryTime']] = pauses;
  consumer.groupId = settings.group;
  if (settings.groupProtocol === 'consumer') {
    notes.push({ key: 'group_protocol', loss: 'dropped', text: 'the client has the classic protocol only' });
  }
  if (settings.instanceId !== null) {
    notes.push({ key: 'instance_id', loss: 'dropped', text: 'the client has no static membership' });
  }
  if (given.max_poll_records !== undefined) out.loader.max_poll_records = given.max_poll_records;
  for (const [key, name] of Object.entries(SAME)) {
    if (given[key] !== undefined) consumer[name] = given[key];
  }
  const rebalance = rebalanceTimeout(given);
  if (rebalance !== undefined) consumer.rebalanceTimeout = rebalance;
  const assignors = given.partition_assignment_strategy as readonly string[] | undefined;
  if (assignors && !(assignors.length === 1 && assignors[0] === 'roundrobin')) {
    const text = 'the client has roundrobin only, which stands for it';
    notes.push({ key: 'partition_assignment_strategy', loss: 'substituted', text });
  }
  consumer.readUncommitted = settings.delivery.isolation === 'read-uncommitted';
  if (given.auto_offset_reset !== undefined) out.subscribe.fromBeginning = eitherEnd(given, notes) === 'earliest';
  const { commit } = settings.delivery;
  out.run.autoCommit = commit === 'after-batch' || commit === 'interval';
  if (commit === 'interval') out.run.autoCommitInterval = commitInterval(settings);
  for (const [key, why] of Object.entries(KAFKAJS_LACKS)) {
    if (given[key] !== undefined && given[key] !== OFF[key]) notes.push({ key, loss: 'dropped', text: why });
  }
  rawOfKafkajs(settings, out);
  return out;
}

/** kafkajs ignores in silence what it does not know, so it is refused here. */
function rawOfKafkajs(settings: Settings, out: Lowered): void {
  for (const [key, value] of Object.entries(settings.raw.kafkajs ?? {})) {
    const section = RAW_SECTIONS[key];
    if (section === undefined) {
      throw new BadRow(
        settings.serviceName,
        `raw.kafkajs.${key}`,
        'kafkajs has no such option, and would ignore it in silence',
        `Take it out of the profile; it must be one of ${Object.keys(RAW_SECTIONS).join(', ')}`,
      );
    }
    out[section][key] = value;
  }
}

/**
 * In every other client the poll interval is also the time that the group waits for a member to rejoin. Here that is
 * all that is left of it, unless somebody chose a rebalance timeout.
 */
export function rebalanceTimeout(given: Settings['consumer']): Value | undefined {
  const { rebalance_timeout_ms: own, max_poll_interval_ms: poll } = given;
  return poll !== undefined && (own === undefined || own === REBALANCE_MS) ? poll : own;
}

type Pauses = [first: number, longest: number];

/**
 * A first and a longest pause, the longest not below the first; both are given, or neither. `own` are the client's own,
 * `edition` the ones that are filled in where nobody chose any.
 */
export function backoff(
  given: Settings['consumer'],
  key: string,
  own: Pauses,
  edition: Pauses,
  notes: Note[],
): Pauses | undefined {
  const first = given[`${key}_ms`] as number | undefined;
  const longest = given[`${key}_max_ms`] as number | undefined;
  if (first === undefined) return longest === undefined ? undefined : [Math.min(longest, own[0]), longest];
  if (longest === undefined) return [first, Math.max(first, own[1])];
  if (first <= longest) return [first, longest];
  if (first === edition[0]) return [longest, longest];
  if (longest !== edition[1]) {
    const text = `raised to ${first} ms, which is ${key}: the longest pause can't be below the first`;
    notes.push({ key: `${key}_max_ms`, loss: 'substituted', text });
  }
  return [first, first];
}

/** Where to start, for a client that can start at either end only; says so where that is not what was asked for. */
function eitherEnd(given: Settings['consumer'], notes: Note[]): 'earliest' | 'latest' {
  const reset = given.auto_offset_reset;
  if (reset === 'earliest' || reset === 'latest') return reset;
  const why = reset === 'none' ? "can't stop there" : "can't look back by time";
  const text = `the client ${why}: it starts at the oldest record, which skips nothing`;
  notes.push({ key: 'auto_offset_reset', loss: 'substituted', text });
  return 'earliest';
}

/** Milliseconds between commits by the timer. Zero is no interval in any client, and means "off" in some. */
export function commitInterval(settings: Settings): number {
  return Math.min(Math.max(settings.delivery.commitIntervalMs, 1), 86_400_000);
}

/** Dotted keys as nested objects: `retry.factor` → `{ retry: { factor } }`. */
export function nested(flat: Record<string, Value>): Record<string, unknown> {
  const found: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(flat)) {
    const [outer, inner] = key.split('.', 2) as [string, string | undefined];
    if (inner === undefined) found[outer] = value;
    else found[outer] = { ...(found[outer] as object | undefined), [inner]: value };
  }
  return found;
}
