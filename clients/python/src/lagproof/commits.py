"""Committing offsets, and giving up where nobody takes them."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import CommitFailedError

log = logging.getLogger("lagproof")

PATIENCE = 10.0
"""Seconds that a commit may take once it is to stop: aiokafka tries for ever where no broker answers."""


class Commits:
    """What this member has committed in the partitions that it holds."""

    def __init__(self, service_name: str) -> None:
        self.known: dict[TopicPartition, int] = {}
        """By partition, the last offset that the broker took."""
        self._service_name = service_name
        self._pending: set[asyncio.Future[None]] = set()

    def give_up_later(self) -> None:
        """It is to stop: commits under way get no more than the patience."""
        for committing in self._pending:
            asyncio.get_running_loop().call_later(PATIENCE, committing.cancel)

    async def commit(self, consumer: AIOKafkaConsumer, positions: Mapping[TopicPartition, int], stopping: bool) -> None:
        """Commits what is new of partitions that it holds. Raises Kafka's errors, but for a group that went on."""
        held = consumer.assignment()
        new = {at: to for at, to in positions.items() if at in held and self.known.get(at) != to}
        if not new:
            return
        committing = asyncio.ensure_future(consumer.commit(new))
        self._pending.add(committing)
        if stopping:
            asyncio.get_running_loop().call_later(PATIENCE, committing.cancel)
        try:
            await asyncio.wait({committing})
            committing.result()
        except asyncio.CancelledError:
            if not committing.cancelled():
                raise
            log.error(
                "%s: no broker took the last commit %g s after the stop: %d partitions' last batch is processed again",
                self._service_name,
                PATIENCE,
                len(new),
            )
            return
        except CommitFailedError:
            log.warning(
                "%s: the group went on without this member before it could commit: up to %d partitions' last batch is "
                "processed again by who has them now",
                self._service_name,
                len(new),
            )
            return
        finally:
            self._pending.discard(committing)
            committing.cancel()
        self.known.update(new)
