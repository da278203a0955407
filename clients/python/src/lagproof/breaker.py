"""Waiting for a downstream that is down, rather than failing record after record."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from typing import Any

log = logging.getLogger("lagproof")

FIRST_PAUSE = 1.0
LONGEST_PAUSE = 60.0


class CircuitBreaker:
    """Open while the downstream is down. One record at a time tries whether it is up again, after pauses that double."""

    def __init__(self, service_name: str, first: float = FIRST_PAUSE, longest: float = LONGEST_PAUSE) -> None:
        self._service_name = service_name
        self._first = first
        self._longest = longest
        self._pause = first
        self._closed = asyncio.Event()
        self._closed.set()
        self._probe = asyncio.Lock()

    @property
    def is_open(self) -> bool:
        """Whether nothing new should be begun."""
        return not self._closed.is_set()

    async def closed(self) -> None:
        """Until the downstream is up."""
        await self._closed.wait()

    async def retry(
        self,
        attempt: Callable[[], Awaitable[None]],
        downstream: tuple[type[BaseException], ...],
        error: BaseException,
        sleep: Callable[[float], Awaitable[None]],
        unless_stopped: Callable[[Coroutine[Any, Any, Any]], Awaitable[None]],
    ) -> None:
        """Repeats `attempt`, whose `error` said that the downstream is down, until it says something else.

        Returns when it succeeded; raises what it raised that is not of the downstream, and what `sleep` raises and
        `unless_stopped`, which awaits what it is given.
        """
        if not self.is_open:
            log.error(
                "%s: downstream is down (%s: %s): circuit open; records are kept and partitions paused",
                self._service_name,
                type(error).__name__,
                error,
            )
            self._closed.clear()
        while True:
            async with self._turn(unless_stopped):
                if not self.is_open:
                    # Somebody else's probe succeeded meanwhile: one try without a pause.
                    try:
                        await attempt()
                    except downstream:
                        self._closed.clear()
                        continue
                    return
                try:
                    await sleep(self._pause)
                except BaseException:
                    self._closed.set()  # nobody tries any more: whoever comes next finds out anew
                    raise
                try:
                    await attempt()
                except downstream as again:
                    self._pause = min(self._pause * 2, self._longest)
                    log.warning(
                        "%s: downstream is still down (%s): next try in %g s", self._service_name, again, self._pause
                    )
                    continue
                except BaseException:
                    self._close()
                    raise
                self._close()
                return

    @contextlib.asynccontextmanager
    async def _turn(self, unless_stopped: Callable[[Coroutine[Any, Any, Any]], Awaitable[None]]) -> AsyncIterator[None]:
        try:
            await unless_stopped(self._probe.acquire())
        except BaseException:
            self._closed.set()  # as above, and whoever waits until it is closed hears of the stop
            raise
        try:
            yield
        finally:
            self._probe.release()

    def _close(self) -> None:
        log.warning("%s: downstream answers: circuit closed", self._service_name)
        self._pause = self._first
        self._closed.set()
