"""Lag and metrics of a running consumer, written to the database now and then."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import time
from typing import TYPE_CHECKING, Any

from aiokafka import TopicPartition
from aiokafka.errors import KafkaError

from .metrics import memory_megabytes

if TYPE_CHECKING:
    from .base_consumer import BaseKafkaConsumer

log = logging.getLogger("lagproof")

LAST_PATIENCE = 3.0
"""Seconds that the last row may take: a stop does not wait for a database that is away."""


async def positions_and_ends(owner: BaseKafkaConsumer) -> dict[TopicPartition, tuple[int, int]]:
    """By partition that is held: the next record to process, and the log's end. The position is read first."""
    consumer = owner.consumer
    if consumer is None:
        return {}
    found: dict[TopicPartition, int] = {}
    work = owner.work
    in_hand = {part.partition: part.records[0].offset for part in work.parts} if work is not None else {}
    if work is not None:
        in_hand.update(work.positions())
    for partition in consumer.assignment():
        if partition in in_hand:
            found[partition] = in_hand[partition]
        elif partition in owner.positions:
            found[partition] = owner.positions[partition]
        else:
            found[partition] = await asyncio.wait_for(consumer.position(partition), 5)
    if not found:
        return {}
    ends = await asyncio.wait_for(consumer.end_offsets(list(found)), 10)
    return {one: (position, ends[one]) for one, position in found.items() if one in ends}


class Recorder:
    """Writes a row of metrics and one of lag a partition every `metrics_every` seconds, and a last one at the end."""

    def __init__(self, owner: BaseKafkaConsumer, instance: str) -> None:
        self._owner = owner
        self._instance = instance
        self._task: asyncio.Task[None] | None = None
        self._trouble = False

    def start(self) -> None:
        """Begins, unless metrics are switched off."""
        if self._owner.metrics_every > 0:
            self._task = asyncio.create_task(self._records(), name="lagproof-metrics")

    async def stop(self) -> None:
        """Writes what was counted since the last row."""
        if self._task is None:
            return
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(self._record(), LAST_PATIENCE)

    async def _records(self) -> None:
        while True:
            await asyncio.sleep(self._owner.metrics_every)
            await self._record()

    async def _record(self) -> None:
        """A database that is away costs samples of lag; what was counted goes into the next row."""
        owner, pool = self._owner, self._owner.loader.db_pool
        counted = owner.counters.take()
        seconds = max(time.monotonic() - counted.since, 1e-3)
        metrics = {
            "service_name": owner.service_name,
            "messages_processed": counted.processed,
            "processing_time_ms": counted.busy_ms,
            "messages_per_second": counted.processed / seconds,
            "memory_usage_mb": memory_megabytes(),
            "messages_failed": counted.failed,
            "rebalances": counted.rebalances,
            "instance": self._instance,
        }
        try:
            samples: list[dict[str, Any]] = []
            try:
                for partition, (position, end) in (await positions_and_ends(owner)).items():
                    samples.append(
                        {
                            "service_name": owner.service_name,
                            "topic": partition.topic,
                            "partition": partition.partition,
                            "lag": max(0, end - position),
                            "consumer_offset": position,
                        }
                    )
            except (TimeoutError, KafkaError) as error:
                log.debug("%s: lag can't be told now: %s", owner.service_name, error)
            await pool.execute("SELECT public.record_processing_metrics($1::jsonb)", json.dumps([metrics]), timeout=10)
            if samples:
                await pool.execute("SELECT public.record_consumer_lag($1::jsonb)", json.dumps(samples), timeout=10)
        except asyncio.CancelledError:
            owner.counters.put_back(counted)
            raise
        except Exception as error:
            owner.counters.put_back(counted)
            if not self._trouble:
                self._trouble = True
                log.warning(
                    "%s: metrics could not be recorded (%s): counts go into the next row",
                    owner.service_name,
                    str(error) or type(error).__name__,
                )
            return
        self._trouble = False
