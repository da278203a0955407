"""Making the consumer anew for changes that need it: one replica at a time, under a lease in the database."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable

from .instance import Instance

log = logging.getLogger("lagproof")

LEASE_SECONDS = 60.0
ASK_EVERY = 2.0
SETTLE_SECONDS = 60.0


async def take_turn(instance: Instance, generation: int, lag: Callable[[], Awaitable[int | None]]) -> int | None:
    """Waits for this replica's turn; answers the group's lag when the rollout began.

    Never ends while the rollout is halted or another replica has its turn: cancel it when the settings change again.
    """
    said: str | None = None
    while True:
        try:
            lease = await instance.take_lease(generation, await lag(), LEASE_SECONDS)
        except Exception as error:
            why = f"the database can't be asked for its turn to restart ({str(error) or type(error).__name__})"
        else:
            if lease.granted:
                return lease.lag_before
            if lease.halted is not None:
                why = (
                    f"the rollout of generation {generation} was halted: {lease.halted}. It goes on as it is; a newer "
                )
                why += "change, or SELECT lagproof.resume_rollout_v1('…'), starts it again"
            else:
                why = f"waits for {lease.holder} to be through with its restart"
        if why != said:
            said = why
            log.warning("%s: %s", instance.service_name, why)
            await instance.say("waiting", why)
        await asyncio.sleep(ASK_EVERY * random.uniform(0.8, 1.2))


async def settle(
    instance: Instance,
    generation: int,
    lag_before: int | None,
    allowance: int,
    lag: Callable[[], Awaitable[int | None]],
) -> str | None:
    """Waits until the group's lag is back to where it was; answers why not, where it is not in time.

    `allowance` is what lag may be above it: records that are in hand anyway.
    """
    most = (lag_before or 0) * 3 // 2 + allowance
    now: int | None = None
    for _ in range(int(SETTLE_SECONDS / ASK_EVERY)):
        now = await lag()
        if now is not None and now <= most:
            return None
        await asyncio.sleep(ASK_EVERY)
        try:
            await instance.take_lease(generation, now, LEASE_SECONDS)
        except Exception as error:
            log.warning("%s: could not keep its turn: %s", instance.service_name, error)
    if now is None:
        return f"the group's lag could not be told {SETTLE_SECONDS:g} s after the restart of {instance.name}"
    return (
        f"lag rose: {lag_before if lag_before is not None else 'unknown'} before, {now} records {SETTLE_SECONDS:g} s after "
        f"the restart of {instance.name} (at most {most} expected)"
    )
