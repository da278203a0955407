/** Making the consumer anew for changes that need it: one replica at a time, under a lease in the database. */

import { messageOf } from './errors.js';
import type { Instance } from './instance.js';
import { log } from './log.js';
import type { Gate } from './waiting.js';

const LEASE_SECONDS = 60;
const SETTLE_MS = 60_000;

/** How often the database is asked, in milliseconds. */
export const pace = { askEveryMs: 2000 };

/**
 * Waits for this replica's turn; answers the group's lag when the rollout began, or null once `given` up.
 *
 * Never ends by itself while the rollout is halted or another replica has its turn.
 */
export async function takeTurn(
  instance: Instance,
  generation: number,
  lag: () => Promise<number | null>,
  given: Gate,
): Promise<{ lagBefore: number | null } | null> {
  let said: string | null = null;
  while (!given.isOpen) {
    let why: string;
    try {
      const lease = await instance.takeLease(generation, await lag(), LEASE_SECONDS);
      if (lease.granted) return { lagBefore: lease.lagBefore };
      why =
        lease.halted === null
          ? `waits for ${lease.holder} to be through with its restart`
          : `the rollout of generation ${generation} was halted: ${lease.halted}. It goes on as it is; a newer change, or ` +
            "SELECT lagproof.resume_rollout_v1('…'), starts it again";
    } catch (error) {
      why = `the database can't be asked for its turn to restart (${messageOf(error)})`;
    }
    if (why !== said && !given.isOpen) {
      said = why;
      log.warn(`${instance.serviceName}: ${why}`);
      await instance.say('waiting', why);
    }
    await given.wait(pace.askEveryMs * (0.8 + Math.random() * 0.4));
  }
  return null;
}

/**
 * Waits until the group's lag is back to where it was; answers why not, where it is not in time.
 *
 * `allowance` is what lag may be above it: records that are in hand anyway. Once it is to stop, nothing more is waited for.
 */
export async function settle(
  instance: Instance,
  generation: number,
  lagBefore: number | null,
  allowance: number,
  lag: () => Promise<number | null>,
  stopping: Gate,
): Promise<string | null> {
  const most = Math.floor((lagBefore ?? 0) * 1.5) + allowance;
  const until = Date.now() + SETTLE_MS;
  let now: number | null = null;
  while (Date.now() < until) {
    now = await lag();
    if (now !== null && now <= most) return null;
    if (await stopping.wait(pace.askEveryMs)) return null;
    try {
      await instance.takeLease(generation, now, LEASE_SECONDS);
    } catch (error) {
      log.warn(`${instance.serviceName}: could not keep its turn: ${messageOf(error)}`);
    }
  }
  if (now === null) {
    return `the group's lag could not be told ${SETTLE_MS / 1000} s after the restart of ${instance.name}`;
  }
  return (
    `lag rose: ${lagBefore ?? 'unknown'} before, ${now} records ${SETTLE_MS / 1000} s after the restart of ` +
    `${instance.name} (at most ${most} expected)`
  );
}
