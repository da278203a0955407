"""A consumer that remembers what it was given."""

from __future__ import annotations

import asyncio
import contextlib
from collections import defaultdict
from collections.abc import AsyncIterator, Callable
from typing import Any

from lagproof import BaseKafkaConsumer


class Collecting(BaseKafkaConsumer):
    """Keeps what it saw; `handler` may do more."""

    metrics_every = 0.0
    handler: Callable[[Any], Any] | None = None

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self.seen: list[tuple[int, int, bytes]] = []
        self.by_key: dict[bytes | None, list[int]] = defaultdict(list)
        self.now = 0
        self.most = 0

    async def process(self, record: Any) -> None:
        self.now += 1
        self.most = max(self.most, self.now)
        try:
            if self.handler is not None:
                await self.handler(record)
        finally:
            self.now -= 1
        self.seen.append((record.partition, record.offset, record.value))
        self.by_key[record.key].append(record.offset)


@contextlib.asynccontextmanager
async def running(consumer: BaseKafkaConsumer) -> AsyncIterator[asyncio.Task[None]]:
    """Runs it, and stops it in good order. What it raises is for the test."""
    task = asyncio.create_task(consumer.run(handle_signals=False))
    ready = asyncio.create_task(consumer.ready())
    await asyncio.wait({task, ready}, return_when=asyncio.FIRST_COMPLETED)
    ready.cancel()
    try:
        yield task
    finally:
        consumer.stop()
        await asyncio.wait({task}, timeout=60)
        if task.done() and not task.cancelled() and task.exception() is not None:
            raise task.exception()  # type: ignore[misc]
        assert task.done(), "it did not stop"
