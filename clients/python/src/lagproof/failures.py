"""What becomes of a record whose handler failed."""

from __future__ import annotations

import asyncio
import enum
import logging
from typing import TYPE_CHECKING, Any

from .breaker import CircuitBreaker
from .cut import StrayCancellation
from .dead_letters import DeadLetters
from .errors import HandlerTimeout, PoisonRecord
from .handling import Handling
from .work import Interrupted, Work

if TYPE_CHECKING:
    from .base_consumer import BaseKafkaConsumer

log = logging.getLogger("lagproof")


class OnPoison(enum.Enum):
    """What happens to a record that failed for good where no dead-letter topic is declared."""

    STOP = "stop"
    """`run` ends with PoisonRecord; nothing from that record on is committed, so that nothing is lost."""
    SKIP = "skip"
    """It is logged, counted as failed, and passed by."""


class Failures:
    """Sees failed records through: tries them again, waits for a downstream, puts them away."""

    def __init__(self, owner: BaseKafkaConsumer, handling: Handling, breaker: CircuitBreaker) -> None:
        self._owner = owner
        self._handling = handling
        self._breaker = breaker
        self._dead_letters = DeadLetters(owner.service_name, owner.bootstrap_servers)

    async def close(self) -> None:
        """Ends the dead letters' producer."""
        await self._dead_letters.close()

    async def see_through(self, record: Any, error: BaseException, work: Work) -> None:
        """A record whose first try failed. Returns when it is done; raises PoisonRecord, and Interrupted."""
        owner = self._owner
        retry = owner.settings.delivery.retry
        tries, attempts = 1, retry.attempts if retry is not None else 1
        while True:
            if isinstance(error, owner.downstream_errors):
                try:
                    await self._breaker.retry(
                        lambda: self._again(record), owner.downstream_errors, error, work.pause, work.unless_stopped
                    )
                    return
                except Interrupted:
                    raise
                except Exception as other:
                    error = other
            if tries >= attempts:
                break
            await work.pause((retry.backoff_ms if retry is not None else 0) / 1000 * 2 ** min(tries - 1, 20))
            tries += 1
            try:
                await self._again(record)
                return
            except Exception as other:
                error = other
        await self._put_away(record, error, tries, work)

    async def _again(self, record: Any) -> None:
        limit = self._owner.settings.max_poll_interval_ms / 1000
        attempt = asyncio.ensure_future(self._handling.one(record))
        try:
            done, _ = await asyncio.wait({attempt}, timeout=limit)
        finally:
            if not attempt.done():
                attempt.cancel()
        if not done:
            raise HandlerTimeout(f"its handler had not ended after {limit:g} s, the most that max_poll_interval allows")
        if attempt.cancelled():
            raise StrayCancellation
        await attempt

    async def _put_away(self, record: Any, error: BaseException, tries: int, work: Work) -> None:
        owner = self._owner
        name, place = owner.service_name, f"{record.topic}[{record.partition}]@{record.offset}"
        what = f"{type(error).__name__}: {error}"
        retry = owner.settings.delivery.retry
        if retry is not None and retry.dead_letter is not None:
            await self._dead_letters.put(retry.dead_letter, record, error, tries, work.pause)
            log.error("%s: %s failed, tries: %d (%s): it is in %s", name, place, tries, what, retry.dead_letter)
            owner.record_failed(record, True)
        elif owner.on_poison is OnPoison.SKIP:
            log.error("%s: %s failed, tries: %d (%s): SKIPPED", name, place, tries, what, exc_info=error)
            owner.record_failed(record, False)
        else:
            raise PoisonRecord(
                f"{name}: {place} failed, tries: {tries} ({what}), and there is nowhere to put it: stopped before it, "
                "nothing is lost. Declare delivery.retry with a dead_letter topic in the profile, or set "
                "on_poison = OnPoison.SKIP"
            ) from error
        owner.counters.failed += 1
