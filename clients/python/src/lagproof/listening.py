"""One connection a pool that listens for changed rows, however many consumers share the pool."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import random
from typing import Any

log = logging.getLogger("lagproof")

CHANNEL = "lagproof_config"


class Ears:
    """Listens on a connection of a pool, and wakes whoever waits for a service's row."""

    def __init__(self, pool: Any) -> None:
        self._pool = pool
        self._waiting: list[tuple[str, asyncio.Event]] = []
        self._task: asyncio.Task[None] | None = None
        self.listening = False
        """Whether the database says by itself when something changed."""

    @classmethod
    def of(cls, pool: Any) -> Ears:
        """The ears of that pool."""
        return _of_pool.setdefault(id(pool), cls(pool))

    def add(self, service_name: str, wake: asyncio.Event) -> None:
        """Sets the event whenever that service's row changed, or may have."""
        self._waiting.append((service_name, wake))
        if self._task is None:
            self._task = asyncio.create_task(self._listen(), name="lagproof-listen")
        elif self.listening:
            wake.set()

    async def remove(self, wake: asyncio.Event) -> None:
        """Wakes it no more; the last one gives the connection back."""
        self._waiting = [one for one in self._waiting if one[1] is not wake]
        if not self._waiting and self._task is not None:
            _of_pool.pop(id(self._pool), None)
            task, self._task = self._task, None
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    def _heard(self, _connection: Any, _process: int, _channel: str, payload: str) -> None:
        name: str | None = None  # an empty payload says "look again"
        with contextlib.suppress(ValueError, AttributeError):
            name = json.loads(payload).get("service_name")
        for service_name, wake in self._waiting:
            if name is None or name == service_name:
                wake.set()

    async def _listen(self) -> None:
        pause = 1.0
        while True:
            try:
                async with self._pool.acquire(timeout=10) as connection:
                    gone = asyncio.Event()
                    connection.add_termination_listener(lambda _connection, gone=gone: gone.set())
                    await connection.add_listener(CHANNEL, self._heard)
                    self.listening = True
                    pause = 1.0
                    for _, wake in self._waiting:
                        wake.set()  # what changed while nobody listened
                    try:
                        await self._hold(connection, gone)
                    finally:
                        self.listening = False
                        if not connection.is_closed():
                            with contextlib.suppress(Exception):
                                await connection.remove_listener(CHANNEL, self._heard)
            except asyncio.CancelledError:
                raise
            except Exception as error:
                log.debug("LISTEN ended: %s", error)
            await asyncio.sleep(pause * random.uniform(0.8, 1.2))
            pause = min(pause * 2, 30.0)

    async def _hold(self, connection: Any, gone: asyncio.Event) -> None:
        """Until the connection is gone; asked now and then, since a dead network says nothing."""
        while not gone.is_set():
            try:
                await asyncio.wait_for(gone.wait(), 60)
            except TimeoutError:
                await connection.execute("SELECT 1", timeout=10)


# By the pool's identity: asyncpg's pools take no weak references. The last one who stops listening takes it out.
_of_pool: dict[int, Ears] = {}
