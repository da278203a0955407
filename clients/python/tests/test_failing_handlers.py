"""Handlers that fail, hang, or have nothing behind them."""

from __future__ import annotations

import asyncio
import os
import threading
import uuid
from collections import defaultdict
from typing import Any

import pytest
from aiokafka.errors import GroupAuthorizationFailedError
from collecting import Collecting, running
from conftest import Service
from kafka import Kafka, eventually

import lagproof
from lagproof import BaseKafkaConsumer, DownstreamUnavailable, OnPoison


async def test_a_poison_record_goes_to_the_dead_letters_and_the_rest_goes_on(service: Service, kafka: Kafka) -> None:
    topic, dead = await kafka.topic(1), await kafka.topic(1)
    delivery = {
        "commit": "after-batch",
        "isolation": "read-committed",
        "retry": {"attempts": 3, "backoff_ms": 10, "dead_letter": dead},
    }
    await service.seed([topic], delivery=delivery)
    await kafka.produce(topic, [str(number).encode() for number in range(10)], [b"k"] * 10)
    tries: dict[bytes, int] = defaultdict(int)

    class Picky(Collecting):
        async def handler(self, record: Any) -> None:  # type: ignore[override]
            tries[record.value] += 1
            if record.value == b"4" or (record.value == b"7" and tries[b"7"] < 3):
                raise ValueError(f"can't read {record.value!r}")

    consumer = Picky(service.name, service.pool, bootstrap_servers=kafka.bootstrap)
    async with running(consumer):
        await eventually(lambda: len(consumer.seen) == 9)
        await eventually(lambda: consumer.counters.processed == 10)
        assert consumer.counters.failed == 1
    assert tries[b"4"] == 3 and tries[b"7"] == 3
    assert [offset for _, offset, _ in consumer.seen] == [0, 1, 2, 3, 5, 6, 7, 8, 9]
    assert await kafka.committed(service.group, topic) == {0: 10}
    (letter,) = await kafka.read(dead, 1)
    headers = dict(letter.headers)
    assert (letter.key, letter.value) == (b"k", b"4")
    assert headers["lagproof.offset"] == b"4" and headers["lagproof.topic"] == topic.encode()
    assert headers["lagproof.attempts"] == b"3" and b"can't read" in headers["lagproof.error"]


@pytest.mark.parametrize("plain", [False, True])
async def test_without_a_dead_letter_topic_it_stops_before_the_record(
    service: Service, kafka: Kafka, plain: bool
) -> None:
    topic = await kafka.topic(1)
    await service.seed([topic])
    await kafka.produce(topic, [str(number).encode() for number in range(10)])

    class Throws(BaseKafkaConsumer):
        metrics_every = 0.0

    def plainly(self: Any, record: Any) -> None:
        if record.value == b"4":
            raise ValueError("no")

    async def asynchronously(self: Any, record: Any) -> None:
        plainly(self, record)

    Throws.process = plainly if plain else asynchronously  # type: ignore[assignment,method-assign]
    consumer = Throws(service.name, service.pool, bootstrap_servers=kafka.bootstrap)
    with pytest.raises(lagproof.PoisonRecord, match=r"@4 failed, tries: 1 \(ValueError: no\).*nothing is lost"):
        await consumer.run(handle_signals=False)
    assert await kafka.committed(service.group, topic) == {0: 4}


async def test_skipping_is_said(service: Service, kafka: Kafka, caplog: pytest.LogCaptureFixture) -> None:
    topic = await kafka.topic(1)
    await service.seed([topic])
    await kafka.produce(topic, [b"good", b"bad", b"good"])

    class Skips(Collecting):
        on_poison = OnPoison.SKIP

        async def handler(self, record: Any) -> None:  # type: ignore[override]
            if record.value == b"bad":
                raise ValueError("no")

    consumer = Skips(service.name, service.pool, bootstrap_servers=kafka.bootstrap)
    async with running(consumer):
        await eventually(lambda: len(consumer.seen) == 2)
    assert any("@1 failed" in record.message and "SKIPPED" in record.message for record in caplog.records)
    assert await kafka.committed(service.group, topic) == {0: 3}


async def six_records(service: Service, kafka: Kafka) -> tuple[str, str]:
    """Records "0" to "5", of which one that hangs is tried for six seconds; says their topic and the dead-letter topic."""
    topic, dead = await kafka.topic(1), await kafka.topic(1)
    await service.seed(
        [topic],
        consumer={"max_poll_interval_ms": 6000, "session_timeout_ms": 6000},
        delivery={"commit": "after-batch", "retry": {"attempts": 1, "backoff_ms": 1, "dead_letter": dead}},
    )
    await kafka.produce(topic, [str(number).encode() for number in range(6)])
    return topic, dead


async def the_third_was_put_away(service: Service, kafka: Kafka, topic: str, dead: str) -> None:
    (letter,) = await kafka.read(dead, 1)
    assert letter.value == b"2" and b"HandlerTimeout" in dict(letter.headers)["lagproof.error"]
    assert await kafka.committed(service.group, topic) == {0: 6}


async def test_a_handler_that_hangs_is_ended_and_its_record_kept(service: Service, kafka: Kafka) -> None:
    topic, dead = await six_records(service, kafka)

    class Hangs(Collecting):
        async def handler(self, record: Any) -> None:  # type: ignore[override]
            if record.value == b"2":
                await asyncio.Event().wait()

    consumer = Hangs(service.name, service.pool, bootstrap_servers=kafka.bootstrap)
    async with running(consumer):
        await eventually(lambda: len(consumer.seen) == 5, within=40)
        await eventually(lambda: consumer.work is None)
        assert consumer.counters.rebalances == 1, "the group did not throw it out"
    await the_third_was_put_away(service, kafka, topic, dead)


async def test_a_plain_function_that_hangs_is_left_behind_and_its_record_kept(service: Service, kafka: Kafka) -> None:
    topic, dead = await six_records(service, kafka)
    release, seen = threading.Event(), list[bytes]()

    class Hangs(BaseKafkaConsumer):
        metrics_every = 0.0

        def process(self, record: Any) -> None:  # type: ignore[override]
            if record.value == b"2":
                release.wait()
            else:
                seen.append(record.value)

    consumer = Hangs(service.name, service.pool, bootstrap_servers=kafka.bootstrap)
    try:
        async with running(consumer):
            await eventually(lambda: len(seen) == 5, within=40)
            await eventually(lambda: consumer.work is None)
            assert consumer.counters.rebalances == 1, "the group did not throw it out"
    finally:
        release.set()
    await the_third_was_put_away(service, kafka, topic, dead)


@pytest.mark.parametrize("concurrency", [1, 3])
async def test_a_handler_whose_own_work_was_cancelled_has_failed(
    service: Service, kafka: Kafka, concurrency: int
) -> None:
    """Nobody has cancelled the consumer: the record must neither be skipped nor end it as if somebody had."""
    topic, dead = await kafka.topic(1), await kafka.topic(1)
    delivery = {"commit": "after-batch", "retry": {"attempts": 2, "backoff_ms": 1, "dead_letter": dead}}
    await service.seed([topic], delivery=delivery, concurrency=concurrency)
    await kafka.produce(topic, [str(number).encode() for number in range(10)])

    class Cancels(Collecting):
        async def handler(self, record: Any) -> None:  # type: ignore[override]
            if record.value == b"4":
                inner = asyncio.ensure_future(asyncio.sleep(60))
                inner.cancel()
                await inner

    consumer = Cancels(service.name, service.pool, bootstrap_servers=kafka.bootstrap)
    async with running(consumer):
        await eventually(lambda: consumer.counters.processed == 10)
    assert len(consumer.seen) == 9
    (letter,) = await kafka.read(dead, 1)
    headers = dict(letter.headers)
    assert letter.value == b"4" and headers["lagproof.attempts"] == b"2"
    assert b"it awaited was cancelled" in headers["lagproof.error"]
    assert await kafka.committed(service.group, topic) == {0: 10}


async def test_dead_letters_take_what_the_topic_took(service: Service, kafka: Kafka) -> None:
    """Records above a producer's usual megabyte, without a value, without anything."""
    wide = {"max.message.bytes": "4000000"}
    topic, dead = await kafka.topic(1, **wide), await kafka.topic(1, **wide)
    delivery = {"commit": "after-batch", "retry": {"attempts": 1, "backoff_ms": 1, "dead_letter": dead}}
    await service.seed([topic], delivery=delivery, consumer={"max_partition_fetch_bytes": 4_000_000})
    large = os.urandom(2_000_000)
    await kafka.produce(topic, [large, None, b"good"], [None, b"tombstone", None])

    class Picky(Collecting):
        async def handler(self, record: Any) -> None:  # type: ignore[override]
            if record.value != b"good":
                raise ValueError("no")

    consumer = Picky(service.name, service.pool, bootstrap_servers=kafka.bootstrap)
    async with running(consumer):
        await eventually(lambda: consumer.counters.processed == 3)
        letters = await kafka.read(dead, 2)
    assert [(letter.key, letter.value) for letter in letters] == [(None, large), (b"tombstone", None)]
    assert await kafka.committed(service.group, topic) == {0: 3}


async def test_a_dead_letter_topic_that_is_not_there_is_waited_for(
    service: Service, kafka: Kafka, caplog: pytest.LogCaptureFixture
) -> None:
    topic, dead = await kafka.topic(1), f"dead.{uuid.uuid4().hex[:8]}"
    delivery = {"commit": "after-batch", "retry": {"attempts": 1, "backoff_ms": 1, "dead_letter": dead}}
    await service.seed([topic], delivery=delivery)
    await kafka.produce(topic, [b"good", b"bad", b"good"])

    class Picky(Collecting):
        async def handler(self, record: Any) -> None:  # type: ignore[override]
            if record.value == b"bad":
                raise ValueError("no")

    consumer = Picky(service.name, service.pool, bootstrap_servers=kafka.bootstrap)
    async with running(consumer):
        said = f"could not be written to the dead-letter topic {dead}"
        await eventually(lambda: any(said in record.getMessage() for record in caplog.records), within=90)
        assert consumer.counters.processed == 0 and len(consumer.seen) == 1
        await kafka.topic(1, dead)
        await eventually(lambda: len(consumer.seen) == 2, within=90)
        assert [letter.value for letter in await kafka.read(dead, 1)] == [b"bad"]
    assert await kafka.committed(service.group, topic) == {0: 3}


async def test_a_batch_that_outlasts_the_poll_interval_keeps_its_membership(service: Service, kafka: Kafka) -> None:
    topic = await kafka.topic(2)
    await service.seed([topic], consumer={"max_poll_interval_ms": 6000, "session_timeout_ms": 6000})
    await kafka.produce(topic, [str(number).encode() for number in range(30)])

    class Slow(Collecting):
        async def handler(self, record: Any) -> None:  # type: ignore[override]
            await asyncio.sleep(0.4)

    consumer = Slow(service.name, service.pool, bootstrap_servers=kafka.bootstrap)
    async with running(consumer):
        await eventually(lambda: len(consumer.seen) >= 30, within=60)
        await eventually(lambda: consumer.work is None)
        assert consumer.counters.rebalances == 1
        assert len({place[:2] for place in consumer.seen}) == len(consumer.seen) == 30
    assert await kafka.committed(service.group, topic) == await kafka.ends(topic)


@pytest.mark.parametrize("concurrency", [1, 4])
async def test_a_downstream_that_is_down_is_waited_for(
    service: Service, kafka: Kafka, caplog: pytest.LogCaptureFixture, concurrency: int
) -> None:
    topic = await kafka.topic(1)
    await service.seed([topic], concurrency=concurrency)
    await kafka.produce(topic, [str(number).encode() for number in range(20)])
    down, calls = True, 0

    class Writes(Collecting):
        async def handler(self, record: Any) -> None:  # type: ignore[override]
            nonlocal calls
            calls += 1
            if down and int(record.value) >= 5:
                raise DownstreamUnavailable("the database says no")

    consumer = Writes(service.name, service.pool, bootstrap_servers=kafka.bootstrap)
    consumer._breaker._first = consumer._breaker._pause = 0.3
    async with running(consumer):
        await eventually(lambda: consumer._breaker.is_open)
        await asyncio.sleep(2.5)
        assert calls < 20, "it does not hammer what is down"
        assert consumer.consumer is not None and consumer.consumer.paused(), "partitions are paused"
        assert (await kafka.committed(service.group, topic)).get(0, 0) <= 5
        down = False
        await eventually(lambda: len(consumer.seen) == 20)
    assert sum("circuit open" in record.message for record in caplog.records) == 1
    assert any("circuit closed" in record.message for record in caplog.records)
    assert consumer.counters.failed == 0
    assert await kafka.committed(service.group, topic) == {0: 20}


async def test_a_stop_while_the_downstream_is_down_is_quick_and_loses_nothing(service: Service, kafka: Kafka) -> None:
    topic = await kafka.topic(1)
    await service.seed([topic])
    await kafka.produce(topic, [str(number).encode() for number in range(20)])

    class Writes(Collecting):
        async def handler(self, record: Any) -> None:  # type: ignore[override]
            if int(record.value) >= 5:
                raise ConnectionRefusedError("down")

    consumer = Writes(service.name, service.pool, bootstrap_servers=kafka.bootstrap)
    async with running(consumer):
        await eventually(lambda: consumer._breaker.is_open)
    assert await kafka.committed(service.group, topic) == {0: 5}


@pytest.mark.parametrize("commit", ["after-batch", "interval"])
async def test_a_refusal_while_the_downstream_is_down_ends_the_run(service: Service, kafka: Kafka, commit: str) -> None:
    topic = await kafka.topic(1)
    await service.seed([topic], delivery={"commit": commit, "commit_interval_ms": 100})
    await kafka.produce(topic, [str(number).encode() for number in range(20)])
    down = True

    class Writes(Collecting):
        async def handler(self, record: Any) -> None:  # type: ignore[override]
            if down and int(record.value) >= 5:
                raise ConnectionRefusedError("down")

    consumer = Writes(service.name, service.pool, bootstrap_servers=kafka.bootstrap)
    consumer._breaker._first = consumer._breaker._pause = 0.3
    run = asyncio.create_task(consumer.run(handle_signals=False))
    await eventually(lambda: consumer._breaker.is_open)
    # As aiokafka keeps what the broker answered, for the next poll and for that one only.
    assert consumer.consumer is not None
    consumer.consumer._coordinator._pending_exception = GroupAuthorizationFailedError(service.group)
    if commit == "interval":
        await eventually(lambda: consumer._refusal is not None)
        down = False  # what the client commits by its timer is processed first
    with pytest.raises(GroupAuthorizationFailedError):
        await asyncio.wait_for(run, 60)
    assert await kafka.committed(service.group, topic) == {0: 5 if commit == "after-batch" else 20}
    assert len(consumer.seen) == (5 if commit == "after-batch" else 20)


async def test_who_is_fenced_while_the_downstream_is_down_ends(service: Service, kafka: Kafka) -> None:
    topic = await kafka.topic(1)
    await service.seed([topic], instance_id="only-one")
    await kafka.produce(topic, [str(number).encode() for number in range(20)])

    class Writes(Collecting):
        async def handler(self, record: Any) -> None:  # type: ignore[override]
            if int(record.value) >= 5:
                raise ConnectionRefusedError("down")

    consumer = Writes(service.name, service.pool, bootstrap_servers=kafka.bootstrap)
    run = asyncio.create_task(consumer.run(handle_signals=False))
    await eventually(lambda: consumer._breaker.is_open)
    # As in the database after this one has been silent for long: another process has its name.
    await service.owner("UPDATE lagproof.instances SET process = 'other' WHERE service_name = $1", service.name)
    with pytest.raises(lagproof.SameInstance, match="only-one"):
        await asyncio.wait_for(run, 60)
    assert await kafka.committed(service.group, topic) == {0: 5}
