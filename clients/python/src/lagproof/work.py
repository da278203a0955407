"""One batch in hand: handed to the handler in lanes, order kept per key, and how far each partition is done."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import time
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine, Iterator, Mapping, Sequence
from operator import length_hint
from typing import Any

from .breaker import CircuitBreaker
from .cut import Cut, CutShort, StrayCancellation
from .errors import HandlerTimeout


class Interrupted(Exception):
    """Raised out of a pause where nothing further should be begun: the record is not done, and nothing is wrong."""


class Cursor:
    """Gives records out to a handler one after the other, and says how many of them are done.

    Handlers go through `rest`, whose own place tells how far they are, and which `stop` empties: so nothing has to be
    written down or asked for each record. It may be read from another thread, which never sees too many as done.
    """

    __slots__ = ("_count", "held", "part", "rest", "start")

    def __init__(self, records: Sequence[Any], part: Part | None = None, start: int = 0) -> None:
        """Where the records are those of a part from `start` on, what is done is known there too."""
        self.rest: Iterator[Any] = iter(records)
        self.held = 0
        """How many of those given out are not done: the one in the handler, or the batch."""
        self.part = part
        self.start = start
        self._count = len(records)

    @property
    def done(self) -> int:
        """How many are done."""
        left = length_hint(self.rest)
        return max(0, self._count - left - self.held)

    def all(self) -> list[Any]:
        """Gives out what is left at once."""
        self.held = length_hint(self.rest)
        return list(self.rest)

    def stop(self) -> None:
        """Gives out no more."""
        left = length_hint(self.rest)
        self._count -= left  # first, so that what is taken out of `rest` never looks done
        self._count += left - len(list(self.rest))  # a thread may have taken one meanwhile


Handle = Callable[[Cursor], Awaitable["Exception | None"]]
"""Handles what a cursor gives out; answers what the record that is next to be done failed with, or None."""
Recover = Callable[[Any, BaseException, "Work"], Awaitable[None]]
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
    """One handler at a time."""

    __slots__ = ("cursor", "overdue", "recovering", "seen", "since", "steps", "whole")

    def __init__(self) -> None:
        self.cursor = Cursor(())
        self.steps = 0
        """Runs of the handler so far."""
        self.recovering = False
        self.overdue = Cut()
        """Ends the handler, which then has failed."""
        self.whole = Cut()
        """Ends the lane."""
        self.seen = (-1, -1)
        """Where it was when the watchdog came by, and since when."""
        self.since = 0.0


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
        # None of these may lead back to this batch: in a circle its records would stay until they are searched for.
        self._handle = handle
        self._recover = recover
        self._breaker = breaker
        self._limit = limit
        self._after_record = after_record
        self._isolates = isolates
        self._idle = asyncio.Event()
        self._stopped = asyncio.Event()
        self._lanes: list[Lane] = []
        self._waits: set[Cut] = set()

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
            cursor = lane.cursor
            if cursor.part is not None:
                cursor.part.mark(cursor.start, cursor.start + cursor.done)

    def stop(self) -> None:
        """Begins no further record; those in handlers go on."""
        self.stopping = True
        self._stopped.set()
        for lane in self._lanes:
            lane.cursor.stop()
        for wait in self._waits:
            wait.now()

    async def pause(self, seconds: float) -> None:
        """Sleeps. Raises Interrupted once nothing further should be begun."""
        if not self.stopping:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stopped.wait(), seconds)
        if self.stopping:
            raise Interrupted

    async def unless_stopped(self, waiting: Coroutine[Any, Any, Any]) -> None:
        """Awaits it. Raises Interrupted once nothing further should be begun, and cancels it then."""
        if self.stopping:
            waiting.close()
            raise Interrupted
        wait = Cut()
        self._waits.add(wait)
        try:
            with wait:
                await waiting
        except CutShort:
            raise Interrupted from None
        finally:
            self._waits.discard(wait)

    async def idle(self, within: float) -> bool:
        """Waits until nothing is in a handler any more. False where something still is after `within` seconds."""
        try:
            await asyncio.wait_for(self._idle.wait(), within)
        except TimeoutError:
            return False
        return True

    def abandon(self) -> None:
        """Cancels what is in handlers. Those records are not done."""
        self.stop()
        for lane in self._lanes:
            lane.whole.now()

    def end_overdue(self) -> None:
        """Ends handlers that have been at one record for the limit. To be called more often than that."""
        now = time.monotonic()
        for lane in self._lanes:
            seen = (lane.steps, lane.cursor.done)
            if lane.seen != seen or lane.recovering:
                lane.seen, lane.since = seen, now
            elif now - lane.since >= self._limit:
                lane.overdue.now()

    async def run(self, concurrency: int | None) -> None:
        """Until all is done, or nothing further is begun after `stop`. Raises what `recover` raised.

        With a concurrency of 1 handlers run in the task that calls this, else each lane has a task of its own.
        """
        try:
            if concurrency == 1:
                lane = Lane()
                self._lanes = [lane]
                await self._in_lane(lane, self._in_order)
            else:
                await self._in_tasks(concurrency)
        finally:
            self._idle.set()

    async def _in_tasks(self, concurrency: int | None) -> None:
        chains = self._chains()
        lanes = len(chains) if concurrency is None else min(concurrency, len(chains))
        self._lanes = [Lane() for _ in range(lanes)]
        run = functools.partial(self._from_chains, chains=chains)
        tasks = [asyncio.ensure_future(self._in_lane(lane, run)) for lane in self._lanes]
        try:
            await asyncio.wait(tasks)
        except asyncio.CancelledError:
            self.stop()
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            raise
        failures = [task.exception() for task in tasks if not task.cancelled()]
        failure = next((failure for failure in failures if failure is not None), None)
        if failure is not None:
            raise failure

    async def _in_lane(self, lane: Lane, run: Callable[[Lane], Awaitable[None]]) -> None:
        began = time.perf_counter()
        try:
            with lane.whole:
                await run(lane)
        except (Interrupted, CutShort):
            pass
        except Exception:
            self.stop()
            raise
        finally:
            self.busy += time.perf_counter() - began

    async def _in_order(self, lane: Lane) -> None:
        """Everything in the order in which it came."""
        for part in self.parts:
            records, at = part.records, 0
            singly = self._after_record is not None
            while at < len(records) and not self.stopping:
                begun = at
                given = records[at : at + 1] if singly else records[at:] if at else records
                cursor = Cursor(given, part, at)
                error = await self._guarded(lane, cursor)
                at += cursor.done
                part.mark(begun, at)
                if error is not None:
                    singly = singly or self._isolates(error)
                    await self._recovered(lane, records[at], error)
                    part.mark(at, at + 1)
                    at += 1
                if self._after_record is not None and at > begun:
                    await self._after_record(self)

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
                cursor = Cursor((part.records[index],))
                error = await self._guarded(lane, cursor)
                if error is not None:
                    await self._recovered(lane, part.records[index], error)
                elif cursor.done == 0:
                    return
                part.mark(index, index + 1)
                if self._after_record is not None:
                    await self._after_record(self)

    async def _recovered(self, lane: Lane, record: Any, error: BaseException) -> None:
        lane.recovering = True
        try:
            await self._recover(record, error, self)
        finally:
            lane.recovering = False

    async def _guarded(self, lane: Lane, cursor: Cursor) -> BaseException | None:
        """Handles what the cursor gives out; says with what it ended. A handler that takes too long ends with an error."""
        lane.cursor = cursor
        lane.steps += 1
        try:
            with lane.overdue:
                return await self._handle(cursor)
        except StrayCancellation as error:
            return error
        except CutShort:
            cursor.stop()  # a thread can't be cancelled: it ends after its record
            return HandlerTimeout(
                f"its handler had not ended after {self._limit:g} s, the most that max_poll_interval allows"
            )
