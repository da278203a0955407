/** What a row's settings become for @confluentinc/kafka-javascript: librdkafka's keys, without a `kafkaJS` block. */

import { backoff, commitInterval, type Lowered } from './lowering.js';
import type { Settings, Value } from './settings.js';

const SAME: Readonly<Record<string, string>> = {
  max_poll_records: 'js.consumer.max.batch.size',
  fetch_min_bytes: 'fetch.min.bytes',
  max_partition_fetch_bytes: 'max.partition.fetch.bytes',
  queued_min_messages: 'queued.min.messages',
  fetch_queue_backoff_ms: 'fetch.queue.backoff.ms',
  connections_max_idle_ms: 'connections.max.idle.ms',
  receive_buffer_bytes: 'socket.receive.buffer.bytes',
  client_rack: 'client.rack',
  check_crcs: 'check.crcs',
  statistics_interval_ms: 'statistics.interval.ms',
  metadata_max_age_ms: 'topic.metadata.refresh.interval.ms',
  allow_auto_create_topics: 'allow.auto.create.topics',
};
/** The package doubles max.poll.interval.ms, and librdkafka takes a day at most. */
const DOUBLED = 2;
const MOST_POLL_MS = 86_400_000 / DOUBLED;
const MOST_SOCKET_MS = 300_000;
const MESSAGE_MAX = 1_000_000;
const LEAST_FETCH = 1_000;
const RESPONSE_OVERHEAD = 512;

/** Its properties. The package stores offsets itself, and refuses `enable.auto.offset.store`. */
export function lowerToConfluent(settings: Settings): Lowered {
  const given = settings.consumer;
  const out: Lowered = {
    client: {},
    consumer: {},
    subscribe: { topics: settings.topics },
    run: {},
    loader: {},
    notes: [],
  };
  const { consumer, notes } = out;
  consumer['group.id'] = settings.group;
  if (settings.instanceId !== null && !settings.instanceId.includes('${')) {
    consumer['group.instance.id'] = settings.instanceId;
  }
  consumer['group.protocol'] = settings.groupProtocol;
  coordination(settings, out);
  offsetReset(given, out);
  patience(given, out);
  sizes(given, out);
  for (const [key, name] of Object.entries(SAME)) {
    if (given[key] !== undefined) consumer[name] = given[key];
  }
  const queued = numberOf(given, 'queued_max_bytes');
  if (queued !== undefined) {
    const units = Math.max(Math.floor(queued / 1000), 1);
    if (units * 1000 !== queued) {
      const text = `rounded to ${units * 1000} bytes: the client takes whole units of 1,000`;
      notes.push({ key: 'queued_max_bytes', loss: 'substituted', text });
    }
    consumer['queued.max.messages.kbytes'] = units;
  }
  const retry = backoff(given, 'retry_backoff', [100, 1_000], [300, 30_000], notes);
  if (retry) [consumer['retry.backoff.ms'], consumer['retry.backoff.max.ms']] = retry;
  const reconnect = backoff(given, 'reconnect_backoff', [100, 10_000], [100, 10_000], notes);
  if (reconnect) [consumer['reconnect.backoff.ms'], consumer['reconnect.backoff.max.ms']] = reconnect;
  const timer = settings.delivery.commit === 'interval';
  consumer['enable.auto.commit'] = timer;
  if (timer) consumer['auto.commit.interval.ms'] = commitInterval(settings);
  consumer['isolation.level'] = settings.delivery.isolation.replace('-', '_');
  Object.assign(consumer, settings.raw['confluent-javascript'] ?? {});
  return out;
}

function coordination(settings: Settings, out: Lowered): void {
  const given = settings.consumer;
  const { consumer, notes } = out;
  const classic = settings.groupProtocol === 'classic';
  if (classic) {
    if (given.session_timeout_ms !== undefined) consumer['session.timeout.ms'] = given.session_timeout_ms;
    if (given.heartbeat_interval_ms !== undefined) consumer['heartbeat.interval.ms'] = given.heartbeat_interval_ms;
  }
  const declared = numberOf(given, 'max_poll_interval_ms') ?? 300_000;
  const least = classic ? Math.ceil((numberOf(given, 'session_timeout_ms') ?? 45_000) / DOUBLED) : 0;
  const interval = Math.min(Math.max(declared, least), MOST_POLL_MS);
  if (interval !== declared) {
    const text =
      interval > declared
        ? `raised to ${interval} ms: the client refuses one below session_timeout`
        : `lowered to ${interval} ms: the client doubles it, and takes no more than a day`;
    notes.push({ key: 'max_poll_interval_ms', loss: 'substituted', text });
  }
  consumer['max.poll.interval.ms'] = interval;
  if (given.rebalance_timeout_ms !== undefined) {
    const text = 'the client has none: the group waits for max_poll_interval';
    notes.push({ key: 'rebalance_timeout_ms', loss: 'dropped', text });
  }
  const assignors = (given.partition_assignment_strategy ?? []) as readonly string[];
  if (classic) {
    if (given.group_remote_assignor !== undefined) {
      const text = 'only group_protocol = "consumer" has it';
      notes.push({ key: 'group_remote_assignor', loss: 'dropped', text });
    }
    assign(assignors, out);
    return;
  }
  if (assignors.length > 0) {
    const text = 'the broker assigns under group_protocol = "consumer": see remote_assignor';
    notes.push({ key: 'partition_assignment_strategy', loss: 'dropped', text });
  }
  if (given.group_remote_assignor !== undefined) consumer['group.remote.assignor'] = given.group_remote_assignor;
}

function assign(assignors: readonly string[], out: Lowered): void {
  const names: string[] = [];
  let cooperative: boolean | undefined;
  for (const assignor of assignors) {
    const kind = assignor === 'sticky' || assignor === 'cooperative-sticky';
    const name = kind ? 'cooperative-sticky' : assignor;
    cooperative ??= kind;
    // The first decides how the group rebalances: librdkafka refuses a list of both kinds.
    if (cooperative === kind && !names.includes(name)) names.push(name);
  }
  if (names.length === 0) return;
  const joined = names.join(',');
  if (assignors.includes('sticky')) {
    const text = `the client has no sticky: ${joined} stands for it, as sticky but cooperative`;
    out.notes.push({ key: 'partition_assignment_strategy', loss: 'substituted', text });
  } else if (names.length < assignors.length) {
    const text = `the client takes no list of eager and cooperative ones: only ${joined} is left of it`;
    out.notes.push({ key: 'partition_assignment_strategy', loss: 'substituted', text });
  }
  out.consumer['partition.assignment.strategy'] = joined;
}

function offsetReset(given: Settings['consumer'], out: Lowered): void {
  const reset = given.auto_offset_reset;
  if (reset === undefined) return;
  let end: Value = reset;
  if (reset === 'none') {
    end = 'error'; // what others call none
  } else if (reset !== 'earliest' && reset !== 'latest') {
    const text = "the client can't look back by time: it starts at the oldest record, which skips nothing";
    out.notes.push({ key: 'auto_offset_reset', loss: 'substituted', text });
    end = 'earliest';
  }
  out.consumer['auto.offset.reset'] = end;
}

/** The fetch wait and the request timeout, with the second between them without which librdkafka warns. */
function patience(given: Settings['consumer'], out: Lowered): void {
  let wait = numberOf(given, 'fetch_max_wait_ms');
  let timeout = numberOf(given, 'request_timeout_ms');
  const realWait = wait ?? 500;
  if (realWait + 1_000 > (timeout ?? 60_000)) {
    timeout = Math.min(realWait + 1_000, MOST_SOCKET_MS);
    wait = Math.min(realWait, timeout - 1_000);
    if (wait < realWait) {
      const text = `lowered to ${wait} ms: the client waits for an answer ${MOST_SOCKET_MS} ms at most`;
      out.notes.push({ key: 'fetch_max_wait_ms', loss: 'substituted', text });
    }
    const text = `raised to ${timeout} ms: the client wants it a second above fetch_max_wait`;
    out.notes.push({ key: 'request_timeout_ms', loss: 'substituted', text });
  }
  if (wait !== undefined) out.consumer['fetch.wait.max.ms'] = wait;
  if (timeout !== undefined) out.consumer['socket.timeout.ms'] = timeout;
}

/** librdkafka wants message ≤ fetch, and fetch + 512 ≤ response. */
function sizes(given: Settings['consumer'], out: Lowered): void {
  const { consumer, notes } = out;
  let fetch = numberOf(given, 'fetch_max_bytes');
  if (fetch !== undefined) {
    if (fetch < LEAST_FETCH) {
      fetch = LEAST_FETCH;
      const text = `raised to ${LEAST_FETCH} bytes, the least that the client takes`;
      notes.push({ key: 'fetch_max_bytes', loss: 'substituted', text });
    }
    consumer['fetch.max.bytes'] = fetch;
  }
  const most = fetch ?? 52_428_800;
  const message = numberOf(given, 'message_max_bytes');
  if (message !== undefined && message > most) {
    const text = `lowered to ${most} bytes, which is fetch_max: the client refuses one above it`;
    notes.push({ key: 'message_max_bytes', loss: 'substituted', text });
  }
  if (message !== undefined || most < MESSAGE_MAX) {
    consumer['message.max.bytes'] = Math.min(message ?? MESSAGE_MAX, most);
  }
  const response = numberOf(given, 'receive_message_max_bytes');
  if (response !== undefined) {
    const least = most + RESPONSE_OVERHEAD;
    if (response < least) {
      const text = `raised to ${least} bytes: the client refuses one below fetch_max + 512`;
      notes.push({ key: 'receive_message_max_bytes', loss: 'substituted', text });
    }
    consumer['receive.message.max.bytes'] = Math.max(response, least);
  }
}

function numberOf(given: Settings['consumer'], key: string): number | undefined {
  return given[key] as number | undefined;
}
