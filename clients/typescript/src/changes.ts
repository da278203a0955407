/** How a change of a row reaches a replica that runs; `clients/cases/changes.json` holds what the compiler says. */

import { isDeepStrictEqual } from 'node:util';
import { KAFKAJS_LACKS, lower, rebalanceTimeout } from './lowering.js';
import type { Settings } from './settings.js';

/**
 * How a change reaches replicas that run, the heaviest last.
 *
 * - `nothing`: the client has no such setting.
 * - `hot`: in force with the next batch, without a restart.
 * - `recreate`: the replica leaves its group and joins it again with a new consumer, one replica at a time.
 * - `stop-all`: old and new replicas can't be in one group: all stop, then all start. Never done to running services.
 */
export type Apply = 'nothing' | 'hot' | 'recreate' | 'stop-all';

const ORDER: readonly Apply[] = ['nothing', 'hot', 'recreate', 'stop-all'];
/** What kafkajs's lowering has no key of its own for. */
const NO_KEY = new Set(Object.keys(KAFKAJS_LACKS));

/** Whether the first is heavier than the second. */
export function heavier(apply: Apply, than: Apply): boolean {
  return ORDER.indexOf(apply) > ORDER.indexOf(than);
}

/** How all of it together reaches the replica. */
export function worst(found: ReadonlyMap<string, Apply>): Apply {
  return [...found.values()].reduce<Apply>((most, one) => (heavier(one, most) ? one : most), 'nothing');
}

/** What differs, by its key in the settings document, as the client that runs sees it. */
export function changes(before: Settings, after: Settings): Map<string, Apply> {
  const found = new Map<string, Apply>();
  const differs = (key: string, old: unknown, now: unknown, apply: Apply): void => {
    if (!isDeepStrictEqual(old, now)) found.set(key, apply);
  };
  const kafkajs = before.client === 'kafkajs';
  differs('client', before.client, after.client, 'stop-all');
  differs('group', before.group, after.group, 'stop-all');
  differs('group_protocol', before.groupProtocol, after.groupProtocol, kafkajs ? 'nothing' : 'recreate');
  differs('instance_id', before.instanceId, after.instanceId, kafkajs ? 'nothing' : 'recreate');
  differs('topics', before.topics, after.topics, 'recreate');
  if (before.client === after.client) {
    for (const key of [...new Set([...Object.keys(before.consumer), ...Object.keys(after.consumer)])].sort()) {
      if (!isDeepStrictEqual(before.consumer[key], after.consumer[key])) {
        found.set(`consumer.${key}`, ofSetting(before, after, key));
      }
    }
  }
  const [old, now] = [before.delivery, after.delivery];
  // Both clients are told at their start whether they commit by themselves.
  differs('delivery.commit', old.commit, now.commit, 'recreate');
  const timer = now.commit === 'interval' ? 'recreate' : 'nothing';
  differs('delivery.commit_interval_ms', old.commitIntervalMs, now.commitIntervalMs, timer);
  differs('delivery.isolation', old.isolation, now.isolation, 'recreate');
  differs('delivery.retry', old.retry, now.retry, 'hot');
  differs('concurrency', before.concurrency, after.concurrency, 'hot');
  differs('handler', before.handler, after.handler, 'hot');
  differs('raw', before.raw[before.client] ?? {}, after.raw[before.client] ?? {}, 'recreate');
  return found;
}

function ofSetting(before: Settings, after: Settings, key: string): Apply {
  const kafkajs = before.client === 'kafkajs';
  if (key === 'max_poll_records') return kafkajs ? 'hot' : 'recreate';
  if (key === 'partition_assignment_strategy') {
    const [old, now] = [assignorsOf(before), assignorsOf(after)];
    if (isDeepStrictEqual(old, now)) return 'nothing';
    return old.length === 0 || now.length === 0 || old.some(name => now.includes(name)) ? 'recreate' : 'stop-all';
  }
  if (kafkajs && key === 'max_poll_interval_ms') return isSameWait(before, after) ? 'hot' : 'recreate';
  return kafkajs && NO_KEY.has(key) ? 'nothing' : !kafkajs && key === 'rebalance_timeout_ms' ? 'nothing' : 'recreate';
}

/**
 * Whether the group waits as long as before for a busy member. That is what kafkajs is given max_poll_interval as; where
 * a row says that time itself, only the limit on handlers is left of it, which is read with each batch.
 */
export function isSameWait(before: Settings, after: Settings): boolean {
  return rebalanceTimeout(before.consumer) === rebalanceTimeout(after.consumer);
}

/** kafkajs has one only, which is never given to it. */
function assignorsOf(settings: Settings): string[] {
  const list = lower(settings).consumer['partition.assignment.strategy'] as string | undefined;
  return list?.split(',') ?? [];
}
