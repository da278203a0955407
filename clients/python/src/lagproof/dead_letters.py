"""Where records go that failed for good."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from . import security

log = logging.getLogger("lagproof")


LARGEST = 2**31 - 1


class DeadLetters:
    """Writes records to a dead-letter topic, with headers that say where each came from and why.

    The producer is made with the first record. A record counts as written when all replicas have it.
    """

    def __init__(self, service_name: str, bootstrap_servers: str | list[str] | None) -> None:
        self._service_name = service_name
        self._bootstrap = bootstrap_servers
        self._producer: AIOKafkaProducer | None = None
        self._making = asyncio.Lock()

    async def put(
        self,
        topic: str,
        record: Any,
        error: BaseException,
        attempts: int,
        sleep: Callable[[float], Awaitable[None]],
    ) -> None:
        """Writes a record; where that fails it is tried again after a pause, until it succeeds or `sleep` raises."""
        headers = [
            *record.headers,
            ("lagproof.service", self._service_name.encode()),
            ("lagproof.topic", record.topic.encode()),
            ("lagproof.partition", str(record.partition).encode()),
            ("lagproof.offset", str(record.offset).encode()),
            ("lagproof.attempts", str(attempts).encode()),
            ("lagproof.error", f"{type(error).__name__}: {error}"[:1000].encode()),
        ]
        # aiokafka sends nothing that has neither key nor value.
        value = b"" if record.value is None and record.key is None else record.value
        pause = 0.5
        while True:
            try:
                producer = await self._started()
                await producer.send_and_wait(topic, value=value, key=record.key, headers=headers)
                return
            except KafkaError as problem:
                log.error(
                    "%s: %s[%d]@%d could not be written to the dead-letter topic %s (%s): trying again in %g s; "
                    "nothing after it is committed",
                    self._service_name,
                    record.topic,
                    record.partition,
                    record.offset,
                    topic,
                    problem,
                    pause,
                )
            await sleep(pause)
            pause = min(pause * 2, 30.0)

    async def _started(self) -> AIOKafkaProducer:
        async with self._making:
            if self._producer is None:
                producer = AIOKafkaProducer(
                    bootstrap_servers=security.bootstrap(self._bootstrap),
                    client_id=f"lagproof-{self._service_name}-dead-letters",
                    acks="all",
                    enable_idempotence=True,
                    # The broker says what is too large: a record that it has once taken is not refused here.
                    max_request_size=LARGEST,
                    **security.for_aiokafka(),
                )
                try:
                    await producer.start()
                except BaseException:
                    await producer.stop()
                    raise
                self._producer = producer
            return self._producer

    async def close(self) -> None:
        """Flushes and ends the producer, if one was made."""
        if self._producer is not None:
            ending = asyncio.ensure_future(self._producer.stop())
            self._producer = None
            await asyncio.wait({ending}, timeout=10)
            ending.cancel()
            await asyncio.gather(ending, return_exceptions=True)
