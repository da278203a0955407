"""BaseKafkaConsumer on a real broker: batches, commits, order, failures, stops."""

from __future__ import annotations

import asyncio
import threading
import time
from typing import Any

import pytest
from collecting import Collecting, running
from conftest import Service
from kafka import Kafka, eventually

import lagproof
from lagproof import BaseKafkaConsumer


async def test_everything_once_and_committed(service: Service, kafka: Kafka) -> None:
    topic = await kafka.topic(4)
    await service.seed([topic], consumer={"max_poll_records": 50})
    await kafka.produce(topic, [str(number).encode() for number in range(1000)])
    consumer = Collecting(service.name, service.pool, bootstrap_servers=kafka.bootstrap)
    async with running(consumer):
        await eventually(lambda: len(consumer.seen) == 1000)
    assert sorted(value for _, _, value in consumer.seen) == sorted(str(number).encode() for number in range(1000))
    assert consumer.most == 1
    assert await kafka.committed(service.group, topic) == await kafka.ends(topic)
    # Started again, nothing is repeated.
    again = Collecting(service.name, service.pool, bootstrap_servers=kafka.bootstrap)
    async with running(again):
        await kafka.produce(topic, [b"last"])
        await eventually(lambda: again.seen)
    assert [value for _, _, value in again.seen] == [b"last"]


async def test_concurrency_is_bounded_and_each_key_keeps_its_order(service: Service, kafka: Kafka) -> None:
    topic = await kafka.topic(3)
    await service.seed([topic], concurrency=8)
    keys: list[bytes | None] = [f"key-{number % 20}".encode() for number in range(600)]
    await kafka.produce(topic, [str(number).encode() for number in range(600)], keys)

    class Slow(Collecting):
        async def handler(self, record: Any) -> None:  # type: ignore[override]
            await asyncio.sleep(0.001 * (hash(record.value) % 5))

    consumer = Slow(service.name, service.pool, bootstrap_servers=kafka.bootstrap)
    async with running(consumer):
        await eventually(lambda: len(consumer.seen) == 600)
    assert 2 <= consumer.most <= 8
    for offsets in consumer.by_key.values():
        assert offsets == sorted(offsets)
    assert await kafka.committed(service.group, topic) == await kafka.ends(topic)


async def test_batches_hold_at_most_max_poll_records(service: Service, kafka: Kafka) -> None:
    topic = await kafka.topic(2)
    await service.seed([topic], consumer={"max_poll_records": 30})
    await kafka.produce(topic, [b"x"] * 500)
    sizes: list[int] = []

    class Batches(BaseKafkaConsumer):
        metrics_every = 0.0

        async def process_batch(self, records: list[Any]) -> None:
            sizes.append(len(records))

    async with running(Batches(service.name, service.pool, bootstrap_servers=kafka.bootstrap)):
        await eventually(lambda: sum(sizes) == 500)
    assert max(sizes) == 30
    assert await kafka.committed(service.group, topic) == await kafka.ends(topic)


async def test_a_plain_function_runs_in_a_thread_and_heartbeats_go_on(service: Service, kafka: Kafka) -> None:
    topic = await kafka.topic(1)
    await service.seed([topic], consumer={"session_timeout_ms": 6000, "heartbeat_interval_ms": 200})
    await kafka.produce(topic, [b"x"] * 3)
    threads: list[str] = []

    class Plain(BaseKafkaConsumer):
        metrics_every = 0.0

        def process(self, record: Any) -> None:  # type: ignore[override]
            threads.append(threading.current_thread().name)
            time.sleep(3)  # three of them outlast the session

    consumer = Plain(service.name, service.pool, bootstrap_servers=kafka.bootstrap)
    async with running(consumer):
        await eventually(lambda: len(threads) == 3)
        await eventually(lambda: consumer.work is None)
        assert consumer.counters.rebalances == 1
    assert all(name.startswith("lagproof-handler") for name in threads)
    assert await kafka.committed(service.group, topic) == {0: 3}


async def test_a_failing_batch_is_taken_apart(service: Service, kafka: Kafka) -> None:
    topic, dead = await kafka.topic(1), await kafka.topic(1)
    await service.seed(
        [topic], delivery={"commit": "after-batch", "retry": {"attempts": 2, "backoff_ms": 1, "dead_letter": dead}}
    )
    await kafka.produce(topic, [str(number).encode() for number in range(8)])
    done: list[bytes] = []

    class Batches(BaseKafkaConsumer):
        metrics_every = 0.0

        async def process_batch(self, records: list[Any]) -> None:
            if any(record.value == b"5" for record in records):
                raise ValueError("five")
            done.extend(record.value for record in records)

    async with running(Batches(service.name, service.pool, bootstrap_servers=kafka.bootstrap)):
        await eventually(lambda: len(done) == 7)
        assert [letter.value for letter in await kafka.read(dead, 1)] == [b"5"]
    assert sorted(done) == [b"0", b"1", b"2", b"3", b"4", b"6", b"7"]
    assert await kafka.committed(service.group, topic) == {0: 8}


@pytest.mark.parametrize(
    ("commit", "committed"), [("after-batch", 3), ("after-record", 3), ("on-receipt", 10), ("interval", None)]
)
async def test_offsets_are_committed_when_the_row_says(
    service: Service, kafka: Kafka, commit: str, committed: int | None
) -> None:
    """Seven of ten never get through: what is committed when it is cancelled there."""
    topic = await kafka.topic(1)
    await service.seed([topic], delivery={"commit": commit, "commit_interval_ms": 100})
    await kafka.produce(topic, [str(number).encode() for number in range(10)])

    class Sticks(Collecting):
        grace = 0.2

        async def handler(self, record: Any) -> None:  # type: ignore[override]
            if int(record.value) >= 3:
                await asyncio.Event().wait()

    consumer = Sticks(service.name, service.pool, bootstrap_servers=kafka.bootstrap)
    async with running(consumer):
        await eventually(lambda: len(consumer.seen) == 3 and consumer.now == 1)
        if commit == "after-record":
            await eventually(lambda: _equals(kafka, service, topic, {0: 3}))
        if commit == "interval":
            await eventually(lambda: _equals(kafka, service, topic, {0: 10}))
    if committed is not None:
        assert await kafka.committed(service.group, topic) == {0: committed}


async def _equals(kafka: Kafka, service: Service, topic: str, expected: dict[int, int]) -> bool:
    return await kafka.committed(service.group, topic) == expected


async def test_a_rebalance_in_the_middle_of_batches_loses_and_repeats_nothing(service: Service, kafka: Kafka) -> None:
    topic = await kafka.topic(4)
    await service.seed([topic], consumer={"max_poll_records": 100}, concurrency=4)
    await kafka.produce(topic, [str(number).encode() for number in range(2000)])

    class Slow(Collecting):
        async def handler(self, record: Any) -> None:  # type: ignore[override]
            await asyncio.sleep(0.002)

    first = Slow(service.name, service.pool, bootstrap_servers=kafka.bootstrap)
    second = Slow(service.name, service.pool, bootstrap_servers=kafka.bootstrap)
    async with running(first):
        await eventually(lambda: len(first.seen) > 100)
        async with running(second):
            await eventually(lambda: len(second.seen) > 100)
        await eventually(lambda: len(first.seen) + len(second.seen) >= 2000)
    assert second.seen
    values = [value for _, _, value in first.seen + second.seen]
    assert len(values) == len(set(values)) == 2000
    assert await kafka.committed(service.group, topic) == await kafka.ends(topic)


async def test_metrics_are_recorded(service: Service, kafka: Kafka) -> None:
    topic = await kafka.topic(2)
    await service.seed([topic])

    class Measured(Collecting):
        metrics_every = 0.3

    consumer = Measured(service.name, service.pool, bootstrap_servers=kafka.bootstrap)
    async with running(consumer):
        await kafka.produce(topic, [b"x"] * 100)
        await eventually(lambda: len(consumer.seen) == 100)
        await asyncio.sleep(0.7)
    row = "SELECT sum(%s) FROM consumer_processing_metrics WHERE service_name = '" + service.name + "'"
    assert await service.owner(row % "messages_processed") == 100
    assert await service.owner(row % "messages_failed") == 0
    assert await service.owner(row % "rebalances") == 1
    assert await service.owner(row % "memory_usage_mb") > 10
    last = (
        "SELECT array[count(*), sum(lag), sum(consumer_offset)] FROM (SELECT DISTINCT ON (partition) * "
        'FROM consumer_lag_history WHERE service_name = $1 ORDER BY partition, "timestamp" DESC) AS last'
    )
    assert await service.owner(last, service.name) == [2, 0, 100]
    monitor = "SELECT avg_lag FROM v_consumer_performance_monitor WHERE service_name = $1"
    assert await service.owner(monitor, service.name) is not None


async def test_a_broker_that_is_away_at_the_start_is_waited_for(
    service: Service, kafka: Kafka, caplog: pytest.LogCaptureFixture
) -> None:
    topic = await kafka.topic(1)
    await service.seed([topic])
    await kafka.produce(topic, [b"x"])
    consumer = Collecting(service.name, service.pool, bootstrap_servers=kafka.bootstrap)
    await kafka.atell("halt")
    task = asyncio.create_task(consumer.run(handle_signals=False))
    try:
        await eventually(lambda: any("no broker answers" in record.message for record in caplog.records))
    finally:
        await kafka.atell("resume")
    await eventually(lambda: consumer.seen, within=60)
    assert any("a broker answers" in record.message for record in caplog.records)
    # Away again when it is to stop: it ends all the same, and says what is processed again.
    held = asyncio.Event()
    consumer.handler = lambda record: held.wait()
    await kafka.produce(topic, [b"y"])
    await eventually(lambda: consumer.now == 1)
    await kafka.atell("halt")
    try:
        held.set()
        await eventually(lambda: len(consumer.seen) == 2)
        consumer.stop()
        await asyncio.wait_for(task, 60)
    finally:
        await kafka.atell("resume")
    assert any("no broker took the last commit" in record.message for record in caplog.records)
    # The coordinator loads its offsets first: until then it has none.
    await eventually(lambda: _equals(kafka, service, topic, {0: 1}))


async def test_a_stop_while_no_broker_answers_is_quiet(service: Service, caplog: pytest.LogCaptureFixture) -> None:
    await service.seed(["t"])
    consumer = Collecting(service.name, service.pool, bootstrap_servers="127.0.0.1:9")
    task = asyncio.create_task(consumer.run(handle_signals=False))
    await eventually(lambda: any("no broker answers" in record.message for record in caplog.records))
    consumer.stop()
    await asyncio.wait_for(task, 30)
    assert await service.owner("SELECT state FROM lagproof.instances") == "stopped"


async def test_what_is_refused_is_refused_before_it_runs(service: Service, kafka: Kafka) -> None:
    await service.seed(["t"], client="kafkajs")
    consumer = Collecting(service.name, service.pool, bootstrap_servers=kafka.bootstrap)
    with pytest.raises(lagproof.BadRow, match="kafkajs"):
        await consumer.run(handle_signals=False)
    await service.seed([], client="aiokafka")
    with pytest.raises(lagproof.NoTopics):
        await consumer.run(handle_signals=False)
    with pytest.raises(lagproof.UnknownService):
        await Collecting("nobody", service.pool, bootstrap_servers=kafka.bootstrap).run(handle_signals=False)
