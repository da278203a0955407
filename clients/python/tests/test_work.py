"""A batch in hand by itself, without a broker: how far it is, how it ends, and that nothing of it stays."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import threading
import weakref
from dataclasses import dataclass, field
from typing import Any

import pytest
from kafka import eventually

from lagproof.breaker import CircuitBreaker
from lagproof.cut import Cut, CutShort, StrayCancellation
from lagproof.dead_letters import DeadLetters
from lagproof.handling import Handling
from lagproof.work import Cursor, Work


@dataclass
class Record:
    offset: int
    key: bytes | None = None
    value: bytes = b""
    topic: str = "t"
    partition: int = 0
    headers: list[tuple[str, bytes]] = field(default_factory=list)


async def raises(record: Any, error: BaseException, work: Work) -> None:
    raise error


async def passes(record: Any, error: BaseException, work: Work) -> None:
    pass


def work(process: Any, count: int = 5, *, limit: float = 60.0, recover: Any = raises) -> Work:
    records = [Record(number) for number in range(count)]
    return Work({"p": records}, Handling(process, None).run, recover, CircuitBreaker("s"), limit)


def test_a_cursor_says_how_many_are_done() -> None:
    cursor = Cursor(["a", "b", "c", "d"])
    assert cursor.done == 0
    cursor.held = 1
    given = []
    for one in cursor.rest:
        assert cursor.done == len(given), "the one in the handler is not done"
        given.append(one)
        if one == "c":
            cursor.stop()
    assert given == ["a", "b", "c"] and cursor.done == 2
    cursor.held = 0
    assert cursor.done == 3, "what a stop leaves out is not done"


def test_a_batch_is_done_at_once() -> None:
    cursor = Cursor(["a", "b", "c"])
    assert cursor.all() == ["a", "b", "c"] and cursor.done == 0
    cursor.held = 0
    assert cursor.done == 3
    cursor.stop()
    assert cursor.done == 3


def test_no_other_thread_sees_too_many_as_done() -> None:
    def look(cursor: Cursor, handled: list[int], over: threading.Event, seen: list[tuple[int, int]]) -> None:
        while not over.is_set():
            seen.append((cursor.done, len(handled)))

    for _ in range(50):
        cursor, handled, over = Cursor([0] * 200), list[int](), threading.Event()
        seen: list[tuple[int, int]] = []
        cursor.held = 1
        thread = threading.Thread(target=look, args=(cursor, handled, over, seen))
        thread.start()
        for one in cursor.rest:
            if len(handled) == 100:
                cursor.stop()
            handled.append(one)
        over.set()
        thread.join()
        assert len(handled) == 101 and all(done <= at for done, at in seen)


@pytest.mark.parametrize("concurrency", [1, 3])
async def test_a_batch_is_freed_once_it_is_through(concurrency: int) -> None:
    """In a circle its records would stay in memory until they are searched for, thousands of batches later."""
    seen: list[weakref.ref[Any]] = []

    async def process(record: Any) -> None:
        seen.append(weakref.ref(record))

    gc.collect()
    gc.disable()
    try:
        batch = work(process)
        await batch.run(concurrency)
        assert batch.positions() == {"p": 5} and batch.left == 0
        del batch
        await asyncio.sleep(0)
        assert len(seen) == 5 and all(one() is None for one in seen)
    finally:
        gc.enable()


@pytest.mark.parametrize("concurrency", [1, 2])
async def test_who_cancels_the_consumer_cancels_the_handler(concurrency: int) -> None:
    begun = asyncio.Event()

    async def process(record: Any) -> None:
        begun.set()
        if record.offset == 2:
            await asyncio.Event().wait()

    batch = work(process)
    task = asyncio.create_task(batch.run(concurrency))
    await begun.wait()
    await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert batch.positions() == {"p": 2}
    assert await batch.idle(1)


@pytest.mark.parametrize("concurrency", [1, 2])
async def test_what_is_abandoned_ends_quietly_and_is_not_done(concurrency: int) -> None:
    async def process(record: Any) -> None:
        if record.offset == 2:
            await asyncio.Event().wait()

    batch = work(process)
    task = asyncio.create_task(batch.run(concurrency))
    await asyncio.sleep(0.01)
    batch.abandon()
    await task
    assert batch.positions() == {"p": 2} and batch.left > 0


@pytest.mark.parametrize("concurrency", [1, 2])
async def test_a_stop_finishes_what_is_in_handlers(concurrency: int) -> None:
    release = asyncio.Event()

    async def process(record: Any) -> None:
        if record.offset == 1:
            await release.wait()

    batch = work(process)
    task = asyncio.create_task(batch.run(concurrency))
    await asyncio.sleep(0.01)
    batch.stop()
    release.set()
    await task
    assert batch.positions()["p"] >= 2 and (concurrency > 1 or batch.left == 3)


@pytest.mark.parametrize("concurrency", [1, 2])
async def test_an_overdue_handler_has_failed_and_the_rest_goes_on(concurrency: int) -> None:
    failed: list[tuple[int, str]] = []

    async def put_away(record: Any, error: BaseException, work: Work) -> None:
        failed.append((record.offset, type(error).__name__))

    async def process(record: Any) -> None:
        if record.offset == 2:
            await asyncio.Event().wait()

    batch = work(process, limit=0.05, recover=put_away)
    task = asyncio.create_task(batch.run(concurrency))
    while not task.done():
        await asyncio.sleep(0.01)
        batch.end_overdue()
    await task
    assert failed == [(2, "HandlerTimeout")] and batch.positions() == {"p": 5}


@pytest.mark.parametrize("concurrency", [1, 2])
async def test_a_handler_whose_own_work_was_cancelled_has_failed(concurrency: int) -> None:
    async def process(record: Any) -> None:
        if record.offset == 2:
            inner = asyncio.ensure_future(asyncio.sleep(60))
            inner.cancel()
            await inner

    with pytest.raises(StrayCancellation):
        await work(process).run(concurrency)
    batch = work(process, recover=passes)
    await batch.run(concurrency)
    assert batch.positions() == {"p": 5}


async def test_a_stop_begins_no_further_try_of_a_downstream_that_is_down() -> None:
    breaker, trying, answers, tries = CircuitBreaker("s", first=0.01), asyncio.Event(), asyncio.Event(), 0

    async def process(record: Any) -> None:
        await asyncio.sleep(0.01)  # all have begun when the first fails
        raise ConnectionError("down")

    async def again() -> None:
        nonlocal tries
        tries += 1
        trying.set()
        await answers.wait()
        raise ConnectionError("still down")

    async def waits(record: Any, error: BaseException, work: Work) -> None:
        await breaker.retry(again, (ConnectionError,), error, work.pause, work.unless_stopped)

    batch = Work({"p": [Record(0), Record(1), Record(2)]}, Handling(process, None).run, waits, breaker, 60.0)
    task = asyncio.create_task(batch.run(3))
    await trying.wait()
    batch.stop()
    assert not await batch.idle(0.05), "what is in a handler is waited for"
    answers.set()
    await task
    assert tries == 1, "those that waited for their turn try no more"
    assert batch.positions() == {} and batch.left == 3
    assert not breaker.is_open, "the next batch finds out anew"


async def test_a_stop_ends_the_wait_for_the_dead_letter_topic(caplog: pytest.LogCaptureFixture) -> None:
    letters = DeadLetters("s", "127.0.0.1:1")  # nobody listens there

    async def process(record: Any) -> None:
        if record.offset == 2:
            raise ValueError("no")

    async def put_away(record: Any, error: BaseException, work: Work) -> None:
        await letters.put("dead", record, error, 1, work.pause)

    batch = work(process, recover=put_away)
    task = asyncio.create_task(batch.run(1))
    await eventually(lambda: any("could not be written" in one.getMessage() for one in caplog.records))
    batch.stop()
    await asyncio.wait_for(task, 10)
    assert batch.positions() == {"p": 2} and batch.left == 3, "it is not done, and read again"
    await letters.close()


async def test_a_cut_is_not_mistaken_for_a_cancellation_nor_the_other_way_round() -> None:
    async def waits(cut: Cut) -> str:
        try:
            with cut:
                await asyncio.Event().wait()
        except CutShort:
            return "cut"
        return "through"

    cut = Cut()
    task = asyncio.create_task(waits(cut))
    await asyncio.sleep(0)
    cut.now()
    assert await task == "cut"
    cut.now()  # outside of the block it does nothing
    both = asyncio.create_task(waits(cut))
    await asyncio.sleep(0)
    cut.now()
    both.cancel()
    with pytest.raises(asyncio.CancelledError):
        await both

    async def swallows() -> int:
        task = asyncio.current_task()
        assert task is not None
        with cut:
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.Event().wait()
        return task.cancelling()

    swallowing = asyncio.create_task(swallows())
    await asyncio.sleep(0)
    cut.now()
    assert await swallowing == 0, "what comes later is not taken for cancelled"


def test_handlers_that_would_lose_records_are_refused() -> None:
    def generates(record: Any) -> Any:
        yield record

    async def generates_too(record: Any) -> Any:
        yield record

    for handler in (generates, generates_too):
        with pytest.raises(TypeError, match="has a yield"):
            Handling(handler, None)
    with pytest.raises(TypeError, match="override process or process_batch"):
        Handling(None, None)


async def test_a_plain_function_that_answers_a_coroutine_is_awaited() -> None:
    done: list[int] = []

    async def really(record: Any) -> None:
        await asyncio.sleep(0)
        done.append(record.offset)

    batch = work(lambda record: really(record))
    await batch.run(1)
    assert done == [0, 1, 2, 3, 4] and batch.left == 0
