"""Who this replica is, and what it tells the database."""

from __future__ import annotations

import asyncio
import contextlib
import datetime
import logging
import os
import socket
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from .errors import SameInstance
from .settings import Config

log = logging.getLogger("lagproof")

_REPORT = "SELECT lagproof.report_instance_v1($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)"
_TAKE = "SELECT granted, holder, halted, lag_before FROM lagproof.take_restart_lease_v1($1, $2, $3, $4, $5)"
_RELEASE = "SELECT lagproof.release_restart_lease_v1($1, $2, $3, $4)"
EVERY = 5.0
SILENCE = datetime.timedelta(seconds=15)


def default_name() -> str:
    """Host and process: what it is called without a static id."""
    return f"{socket.gethostname()}:{os.getpid()}:{uuid.uuid4().hex[:6]}"


@dataclass(frozen=True)
class Lease:
    """Whether this replica may make its consumer anew now."""

    granted: bool
    holder: str | None
    halted: str | None
    lag_before: int | None


@dataclass
class Instance:
    """A running replica. Its reports never stop the service: a database that is away is the watcher's business."""

    pool: Any
    service_name: str
    client: str
    name: str = field(default_factory=default_name)
    static: bool = False
    process: str = field(default_factory=lambda: f"{socket.gethostname()}:{os.getpid()}:{uuid.uuid4().hex[:8]}")
    running: Config | None = None
    """What it runs with."""
    seen: Config | None = None
    """The newest that it has read."""
    state: str = "starting"
    detail: str | None = None
    fenced: SameInstance | None = None
    """Set where another process has taken this name over."""
    is_alive: Callable[[], bool] = lambda: True
    """Whether its consumer has not been stopped: one that somebody else stops says nothing by itself."""
    _task: asyncio.Task[None] | None = None
    _trouble: bool = False

    async def claim(self) -> None:
        """The first report. Where another process has this static id it waits until that one has been silent long enough.

        Raises SameInstance where that one goes on reporting.
        """
        other = await self.report()
        waited = 0.0
        while other is not None:
            if waited == 0.0:
                log.warning(
                    "%s: static member id %r was in use seconds ago by %s: waiting until that one is silent",
                    self.service_name,
                    self.name,
                    other,
                )
            if waited > SILENCE.total_seconds() + EVERY:
                raise SameInstance(self.service_name, self.name, other)
            await asyncio.sleep(1.0)
            waited += 1.0
            other = await self.report()

    def start(self) -> None:
        """Begins to report every few seconds."""
        self._task = asyncio.create_task(self._reports(), name="lagproof-report")

    async def stop(self) -> None:
        """Says that it has stopped."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None
        self.state, self.detail = "stopped", None
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(self.report(), 3.0)

    async def say(self, state: str, detail: str | None = None) -> None:
        """Reports another state at once."""
        if (self.state, self.detail) != (state, detail):
            self.state, self.detail = state, detail
        await self.report()

    async def report(self) -> str | None:
        """Says what it runs with. Answers the other process that has the same name, if one has."""
        running, seen = self.running, self.seen or self.running
        try:
            other: str | None = await self.pool.fetchval(
                _REPORT,
                self.service_name,
                self.name,
                self.process,
                self.client,
                running.generation if running else None,
                seen.generation if seen else None,
                running.version if running else None,
                self.state,
                self.detail,
                SILENCE,
                timeout=10,
            )
        except Exception as error:
            if not self._trouble:
                self._trouble = True
                log.warning(
                    "%s: could not report what runs here: %s", self.service_name, str(error) or type(error).__name__
                )
            return None
        self._trouble = False
        return other

    async def _reports(self) -> None:
        while True:
            await asyncio.sleep(EVERY)
            if not self.is_alive():
                await self.say("stopped")
                return
            other = await self.report()
            if other is not None and self.fenced is None:
                self.fenced = SameInstance(self.service_name, self.name, other)
                log.critical("%s", self.fenced)

    async def take_lease(self, generation: int, lag: int | None, seconds: float) -> Lease:
        """Asks for the turn to restart, or for it to go on. Raises what asyncpg raises."""
        lasts = datetime.timedelta(seconds=seconds)
        row = await self.pool.fetchrow(_TAKE, self.service_name, self.name, generation, lag, lasts, timeout=10)
        return Lease(row["granted"], row["holder"], row["halted"], row["lag_before"])

    async def release_lease(self, generation: int, failure: str | None) -> None:
        """Ends the turn; with a failure the rollout stops. A database that is away lets the turn run out by itself."""
        try:
            await self.pool.execute(_RELEASE, self.service_name, self.name, generation, failure, timeout=10)
        except Exception as error:
            log.warning("%s: could not give its turn back, it runs out by itself: %s", self.service_name, error)
