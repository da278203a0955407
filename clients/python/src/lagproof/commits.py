"""Committing offsets, and giving up where nobody takes them."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import CommitFailedError

from .cut import Cut, CutShort, StrayCancellation

log = logging.getLogger("lagproof")

PATIENCE = 10.0
"""Seconds that a commit may take once it is to stop: aiokafka tries for ever where no broker answers."""


class Commits:
    """What this member has committed in the partitions that it holds."""

    def __init__(self, service_name: str) -> None:
        self.known: dict[TopicPartition, int] = {}
        """By partition, the last offset that the broker took."""
        self._service_name = service_name
        self._pending: set[Cut] = set()

    def give_up_later(self) -> None:
        """It is to stop: commits under way get no more than the patience."""
        for cut in self._pending:
            asyncio.get_running_loop().call_later(PATIENCE, cut.now)

    async def commit(self, consumer: AIOKafkaConsumer, positions: Mapping[TopicPartition, int], stopping: bool) -> None:
        """Commits what is new of partitions that it holds. Raises Kafka's errors, but for a group that went on."""
        held, known = consumer.assignment(), self.known
        new = {at: to for at, to in positions.items() if at in held and known.get(at) != to}
        if not new:
            return
        cut = Cut()
        giving_up = asyncio.get_running_loop().call_later(PATIENCE, cut.now) if stopping else None
        self._pending.add(cut)
        try:
            with cut:
                await consumer.commit(new)
        except (CutShort, StrayCancellation):  # aiokafka cancels its own requests where its stop gets no answer
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
            self._pending.discard(cut)
            if giving_up is not None:
                giving_up.cancel()
        known.update(new)
