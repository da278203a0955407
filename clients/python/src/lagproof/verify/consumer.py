"""The base consumer with the harness's records for its handler."""

from __future__ import annotations

import asyncio
import time
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition

from ..base_consumer import BaseKafkaConsumer
from ..consumer_config_loader import KafkaConsumerConfigLoader
from ..failures import OnPoison
from ..following import Fixed
from ..work import Work
from .ledger import Ledger, is_poison
from .protocol import Lines, now_us
from .spec import arguments, config, cost_seconds


class Poison(Exception):
    """What the handler of a poison record raises."""


class Polled(AIOKafkaConsumer):  # type: ignore[misc]
    """Tells the ledger how long nobody polled."""

    def __init__(self, ledger: Ledger, **arguments: Any) -> None:
        super().__init__(**arguments)
        self._ledger = ledger
        self._polled_at: float | None = None

    async def getmany(self, *partitions: TopicPartition, **named: Any) -> dict[TopicPartition, list[Any]]:
        found: dict[TopicPartition, list[Any]] = await super().getmany(*partitions, **named)
        now = time.monotonic()
        if self._polled_at is not None:
            self._ledger.poll(int((now - self._polled_at) * 1e6))
        self._polled_at = now
        return found


class Harnessed(BaseKafkaConsumer):
    """Spends each record's cost, enters it in the ledger, and says which partitions it has."""

    metrics_every = 0.0
    grace = 5.0
    on_poison = OnPoison.SKIP  # as the protocol has it: without retries and dead letters a record that fails is skipped
    downstream_errors = ()

    def __init__(self, spec: dict[str, Any], lines: Lines) -> None:
        self._arguments = arguments(spec["properties"])
        super().__init__(
            spec["service"],
            bootstrap_servers=self._arguments["bootstrap_servers"],
            loader=KafkaConsumerConfigLoader(None),
        )
        self.spec = spec
        self.ledger = Ledger(spec["tag"])
        self.polled: dict[TopicPartition, int] = {}
        self.in_hand = 0
        self._lines = lines
        self._owed = 0.0
        self._burns = float(spec["work"]["cpu_share"])
        self._queue: asyncio.Queue[Any] = asyncio.Queue()
        self._is_unbounded = spec["work"]["concurrency"] == "unbounded"
        self._held: list[bytes] = []
        start = int(spec["ticks"]["start_us"])
        self._stalls = [(start + begin, start + end) for begin, end in spec["work"]["stalls_us"]]

    async def _follow(self) -> Fixed:
        return Fixed(config(self.spec))

    def _make(self) -> AIOKafkaConsumer:
        return Polled(self.ledger, **self._arguments)

    # ---- records

    async def batch_begins(self, work: Work) -> None:
        self.ledger.batch()
        for part in work.parts:
            self.polled[part.partition] = part.records[-1].offset + 1
        self.in_hand += work.records
        extra = self.spec["per_record_factor"] - 1
        if extra > 0:
            held = sum(len(record.value or b"") for part in work.parts for record in part.records)
            self._held.append(b"\x01" * int(held * extra))
        await self._spend(self.spec["work"]["per_batch_us"] / 1e6)

    async def _in_hand(self, batch: dict[TopicPartition, list[Any]]) -> None:
        try:
            await super()._in_hand(batch)
        finally:
            if not self._is_unbounded:
                self._held.clear()
                self.in_hand = 0

    async def process(self, record: Any) -> None:
        if self._is_unbounded:
            self._queue.put_nowait(record)
        else:
            await self._handle(record)

    async def drain(self) -> None:
        """Behind an unbounded hand-over: one free place."""
        while True:
            record = await self._queue.get()
            try:
                await self._handle(record)
            except Poison:
                self.ledger.enter(record, self.ledger.ours(record.value), True, False)

    async def _handle(self, record: Any) -> None:
        header = self.ledger.ours(record.value)
        if header is not None:
            await self._spend(cost_seconds(self.spec, record, header))
        await self._stalled()
        if is_poison(header):
            raise Poison("it was sent as poison")
        self.in_hand = max(0, self.in_hand - 1)
        self.ledger.enter(record, header, False, False)

    async def _spend(self, seconds: float) -> None:
        """Sleeps are a millisecond at least: short ones are owed, and slept together."""
        burn = seconds * self._burns
        if burn > 0:
            until = time.perf_counter() + burn
            while time.perf_counter() < until:
                pass
        if self._lanes_are_many:
            await asyncio.sleep(seconds - burn)
            return
        self._owed += seconds - burn
        if self._owed >= 0.002:
            began = time.perf_counter()
            await asyncio.sleep(self._owed)
            self._owed -= time.perf_counter() - began

    @property
    def _lanes_are_many(self) -> bool:
        return not self._is_unbounded and self.settings.concurrency != 1

    def stall(self, from_us: int, to_us: int) -> None:
        """Nothing is finished in that stretch; answers that it is so. From any thread."""
        self._stalls.append((from_us, to_us))
        self._lines.write("stall", at_us=now_us(), from_us=from_us, to_us=to_us)

    async def _stalled(self) -> None:
        now = now_us()
        ends = [end for start, end in self._stalls if start <= now < end]
        if ends:
            await asyncio.sleep((max(ends) - now) / 1e6)
            await self._stalled()  # another may begin where this one ends

    def record_failed(self, record: Any, dead: bool) -> None:
        self.in_hand = max(0, self.in_hand - 1)
        self.ledger.enter(record, self.ledger.ours(record.value), True, dead)

    # ---- partitions

    async def _given(self, assigned: set[TopicPartition]) -> None:
        await super()._given(assigned)
        self._lines.write("assigned", at_us=now_us(), partitions=[[one.topic, one.partition] for one in assigned])

    async def _revoked(self, revoked: set[TopicPartition]) -> None:
        await super()._revoked(revoked)
        for one in revoked:
            self.polled.pop(one, None)
        if revoked:
            self._lines.write("revoked", at_us=now_us(), partitions=[[one.topic, one.partition] for one in revoked])

    def where(self) -> list[dict[str, Any]]:
        """How far it is in the partitions that it holds, as of now."""
        consumer, work = self.consumer, self.work
        if consumer is None:
            return []
        processed = dict(self.positions)
        if work is not None:
            processed.update(work.positions())
        return [
            {
                "topic": one.topic,
                "partition": one.partition,
                "processed": processed.get(one),
                "polled": self.polled.get(one),
                "committed": self._commits.known.get(one),
            }
            for one in list(consumer.assignment())
        ]
