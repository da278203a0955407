"""One batch in hand: handed to the handler in lanes, order kept per key, and how far each partition is done."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from .breaker import CircuitBreaker
from .errors import HandlerTimeout


class Interrupted(Exception):
    """Raised out of a pause where nothing further should be begun: the record is not done, and nothing is wrong."""


class Cursor:
    """How far a run of handlers over a list of records is, and whether it should begin another one."""

    __slots__ = ("at", "stop")

    def __init__(self, at: int) -> None:
        self.at = at
        """The record that is in the handler; the list's length once all are through."""
        self.stop = False


Handle = Callable[[Sequence[Any], Cursor], Awaitable["Exception | None"]]
"""Handles records from `cursor.at` on and moves it along; answers what the record there failed with, or None."""
Recover = Callable[[Any, BaseException], Awaitable[None]]
"""Sees a failed record through: when it returns, the record is done."""


class Part:
    """One partition's records of a batch, and which are done."""

    __slots__ = ("_done", "_first", "partition", "records")

    def __init__(self, partition: Any, records: Sequence[Any]) -> None:
        self.partition = partition
        self.records = records
        self._done = bytearray(len(records))
        self._first = 0

    def mark(self, start: int, end: int) -> None:
        """The records from `start` to before `end` are done."""
        self._done[start:end] = b"\x01" * (end - start)

    def position(self) -> int | None:
        """One past the last record of which all before it are done as well; None where the first is not."""
        undone = self._done.find(0, self._first)
        self._first = len(self._done) if undone < 0 else undone
        return None if self._first == 0 else int(self.records[self._first - 1].offset) + 1

    @property
    def left(self) -> int:
        """How many are not done."""
        return self._done.count(0)


class Lane:
    """What runs one after the other; several lanes run at once."""

    __slots__ = ("cursor", "part", "recovering", "seen", "since", "start", "steps", "task", "timed_out")

    def __init__(self) -> None:
        self.cursor = Cursor(0)
        self.part: Part | None = None
        """What the cursor runs over, from `start` on; None where lanes take single records."""
        self.start = 0
        self.recovering = False
        self.steps = 0
        self.seen = (-1, -1)
        self.since = 0.0
        self.task: asyncio.Task[None] | None = None
        self.timed_out = False


class Work:
    """A batch in hand."""

    def __init__(
        self,
        batch: Mapping[Any, Sequence[Any]],
        handle: Handle,
        recover: Recover,
        breaker: CircuitBreaker,
        limit: float,
        after_record: Callable[[Work], Awaitable[None]] | None = None,
        isolates: Callable[[BaseException], bool] = lambda _: False,
    ) -> None:
        """`limit` is the most seconds that one record may take; `after_record` is awaited after each record.

        After an error that `isolates`, the rest of the partition's records are handed over one by one.
        """
        self.parts = [Part(partition, records) for partition, records in batch.items()]
        self.began = time.monotonic()
        self.busy = 0.0
        """Seconds in handlers, summed over lanes."""
        self.stopping = False
        self._handle = handle
        self._recover = recover
        self._breaker = breaker
        self._limit = limit
        self._after_record = after_record
        self._isolates = isolates
        self._idle = asyncio.Event()
        self._stopped = asyncio.Event()
        self._lanes: list[Lane] = []

    @property
    def records(self) -> int:
        """How many records it has."""
        return sum(len(part.records) for part in self.parts)

    @property
    def left(self) -> int:
        """How many of them are not done."""
        self._look()
        return sum(part.left for part in self.parts)

    def positions(self) -> dict[Any, int]:
        """By partition, what can be committed now."""
        self._look()
        found = ((part.partition, part.position()) for part in self.parts)
        return {partition: position for partition, position in found if position is not None}

    def _look(self) -> None:
        """What lanes are through with since they last said so."""
        for lane in self._lanes:
            if lane.part is not None:
                lane.part.mark(lane.start, lane.cursor.at)

    def stop(self) -> None:
        """Begins no further record; those in handlers go on."""
        self.stopping = True
        self._stopped.set()
        for lane in self._lanes:
            lane.cursor.stop = True

    async def pause(self, seconds: float) -> None:
        """Sleeps. Raises Interrupted once nothing further should be begun."""
        if not self.stopping:
            try:
                await asyncio.wait_for(self._stopped.wait(), seconds)
            except asyncio.TimeoutError:
                return
        raise Interrupted

    async def idle(self, within: float) -> bool:
        """Waits until nothing is in a handler any more. False where something still is after `within` seconds."""
        try:
            await asyncio.wait_for(self._idle.wait(), within)
        except asyncio.TimeoutError:
            return False
        return True

    def abandon(self) -> None:
        """Cancels what is in handlers. Those records are not done."""
        self.stop()
        for lane in self._lanes:
            if lane.task is not None:
                lane.task.cancel()

    async def run(self, concurrency: int | None) -> None:
        """Until all is done, or nothing further is begun after `stop`. Raises what `recover` raised."""
        try:
            if concurrency == 1:
                await self._in_lanes(1, self._in_order)
            else:
                chains = self._chains()
                lanes = len(chains) if concurrency is None else min(concurrency, len(chains))
                await self._in_lanes(lanes, lambda lane: self._from_chains(lane, chains))
        finally:
            self._idle.set()

    async def _in_lanes(self, count: int, run: Callable[[Lane], Awaitable[None]]) -> None:
        self._lanes = [Lane() for _ in range(count)]
        for lane in self._lanes:
            lane.task = asyncio.ensure_future(self._timed(lane, run))
        tasks = [lane.task for lane in self._lanes if lane.task is not None]
        try:
            pending: set[asyncio.Task[None]] = set(tasks)
            while pending:
                _, pending = await asyncio.wait(pending, timeout=min(self._limit / 10, 5.0))
                if pending:
                    self._end_overdue()
        except asyncio.CancelledError:
            self.abandon()
            await asyncio.gather(*tasks, return_exceptions=True)
            raise
        failures = [task.exception() for task in tasks if not task.cancelled()]
        failure = next((failure for failure in failures if failure is not None), None)
        if failure is not None:
            raise failure

    async def _timed(self, lane: Lane, run: Callable[[Lane], Awaitable[None]]) -> None:
        began = time.perf_counter()
        try:
            await run(lane)
        except Interrupted:
            pass
        except Exception:
            self.stop()
            raise
        finally:
            self.busy += time.perf_counter() - began

    def _end_overdue(self) -> None:
        now = time.monotonic()
        for lane in self._lanes:
            seen = (lane.steps, lane.cursor.at)
            if lane.seen != seen or lane.recovering:
                lane.seen, lane.since = seen, now
            elif (
                now - lane.since >= self._limit
                and lane.task is not None
                and not lane.task.done()
                and not lane.timed_out
            ):
                lane.timed_out = True
                lane.task.cancel()

    async def _in_order(self, lane: Lane) -> None:
        """Everything in the order in which it came."""
        for part in self.parts:
            at, count = 0, len(part.records)
            singly = self._after_record is not None
            while at < count and not self.stopping:
                records = part.records[: at + 1] if singly else part.records
                lane.cursor, lane.part, lane.start = Cursor(at), part, at
                end, error = await self._guarded(lane, records, at)
                part.mark(at, end)
                if error is not None:
                    singly = singly or self._isolates(error)
                    await self._recovered(lane, part.records[end], error)
                    part.mark(end, end + 1)
                    end += 1
                if self._after_record is not None and end > at:
                    await self._after_record(self)
                at = end
            lane.part = None

    def _chains(self) -> deque[list[tuple[Part, int]]]:
        """Records of one key in their order, each key by itself; records without a key are each by themselves."""
        chains: dict[Any, list[tuple[Part, int]]] = {}
        for part in self.parts:
            for index, record in enumerate(part.records):
                key = (part.partition, record.key) if record.key is not None else (part.partition, None, index)
                chains.setdefault(key, []).append((part, index))
        return deque(chains.values())

    async def _from_chains(self, lane: Lane, chains: deque[list[tuple[Part, int]]]) -> None:
        while chains and not self.stopping:
            for part, index in chains.popleft():
                if self._breaker.is_open:
                    await self._breaker.closed()
                if self.stopping:
                    return
                end, error = await self._guarded(lane, [part.records[index]], 0)
                if error is not None:
                    await self._recovered(lane, part.records[index], error)
                elif end == 0:
                    return
                part.mark(index, index + 1)
                if self._after_record is not None:
                    await self._after_record(self)

    async def _recovered(self, lane: Lane, record: Any, error: BaseException) -> None:
        lane.recovering = True
        try:
            await self._recover(record, error)
        finally:
            lane.recovering = False

    async def _guarded(self, lane: Lane, records: Sequence[Any], at: int) -> tuple[int, BaseException | None]:
        """Handles from `at` on; says where it ended, and with what. A handler that takes too long ends with an error."""
        cursor = lane.cursor = Cursor(at)
        cursor.stop = self.stopping
        lane.steps += 1
        try:
            error = await self._handle(records, cursor)
        except asyncio.CancelledError:
            cursor.stop = True  # a thread can't be cancelled: it ends after its record
            if not lane.timed_out:
                raise
            lane.timed_out = False
            task = asyncio.current_task()
            if task is not None and hasattr(task, "uncancel"):
                task.uncancel()
            reason = f"its handler had not ended after {self._limit:g} s, the most that max_poll_interval allows"
            return cursor.at, HandlerTimeout(reason)
        return cursor.at, error
