"""Being a member: staying in the group while a batch takes long, and hearing of rebalances."""

from __future__ import annotations

import asyncio
import logging
import time
from typing import TYPE_CHECKING

from aiokafka import ConsumerRebalanceListener, TopicPartition
from aiokafka.errors import (
    ConsumerStoppedError,
    GroupAuthorizationFailedError,
    KafkaError,
    TopicAuthorizationFailedError,
)

from .work import Work

if TYPE_CHECKING:
    from .base_consumer import BaseKafkaConsumer

log = logging.getLogger("lagproof")

FATAL = (GroupAuthorizationFailedError, TopicAuthorizationFailedError)
"""What `run` ends with. For other errors of Kafka's it makes its consumer anew."""


async def keep_membership(owner: BaseKafkaConsumer) -> None:
    """While a batch takes long or the downstream is down: partitions paused, and the client polled all the same."""
    said: Work | None = None
    interval = 1.0
    while True:
        await asyncio.sleep(min(interval / 4, 1.0))
        work, consumer = owner.work, owner.consumer
        if work is None or consumer is None:
            continue
        following = owner._following
        if following is not None and following.fenced is not None and owner._commits_itself:
            work.stop()  # somebody else has its partitions, and `run` ends after the batch
        interval = owner.settings.max_poll_interval_ms / 1000
        elapsed = time.monotonic() - work.began
        if elapsed < interval / 2 and not owner.downstream_is_down:
            continue
        if elapsed > interval * 0.8 and said is not work and not owner.downstream_is_down:
            said = work
            log.warning(
                "%s: a batch of %d takes longer than max_poll_interval (%g s), %d records to go: partitions are paused "
                "and membership is kept; lower max_poll_records, or raise max_poll_interval",
                owner.service_name,
                work.records,
                interval,
                work.left,
            )
        if consumer._subscription.reassignment_in_progress:
            continue  # the call below would wait, and could then take records away from the next batch
        try:
            owner._pause_partitions()
            for partition, records in (await consumer.getmany(timeout_ms=0)).items():
                owner.set_aside(partition, records)
        except FATAL as error:
            owner.refused(error)
        except (KafkaError, ConsumerStoppedError) as error:
            log.debug("%s: %s: the next poll finds out", owner.service_name, error)


async def end_overdue_handlers(owner: BaseKafkaConsumer) -> None:
    """Ends handlers that are at one record for longer than max_poll_interval."""
    while True:
        await asyncio.sleep(min(owner.settings.max_poll_interval_ms / 10_000, 5.0))
        if owner.work is not None:
            owner.work.end_overdue()


class Listener(ConsumerRebalanceListener):  # type: ignore[misc]
    """Tells a consumer which partitions come and go."""

    def __init__(self, owner: BaseKafkaConsumer) -> None:
        self._owner = owner

    async def on_partitions_revoked(self, revoked: set[TopicPartition]) -> None:
        await self._owner._revoked(revoked)

    async def on_partitions_assigned(self, assigned: set[TopicPartition]) -> None:
        await self._owner._given(assigned)
