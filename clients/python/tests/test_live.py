"""Changes of a running service: hot ones at once, new consumers one replica at a time, and what is refused."""

from __future__ import annotations

import asyncio
import contextlib
import datetime
import functools
import time
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer
from conftest import Service
from kafka import Kafka, eventually
from test_consumer import Collecting, running

from lagproof import BaseKafkaConsumer, SameInstance, instance, rollout
from lagproof.recording import positions_and_ends


class Load:
    """Numbered records at an even pace, whatever becomes of them."""

    def __init__(self, kafka: Kafka, topic: str, rate: float, keys: int = 50) -> None:
        self._kafka, self._topic, self._rate, self._keys = kafka, topic, rate, keys
        self._task: asyncio.Task[None] | None = None
        self.sent = 0
        self.acked: set[int] = set()
        """Those that the broker has acknowledged: what may not be lost."""

    async def __aenter__(self) -> Load:
        self._task = asyncio.create_task(self._send())
        return self

    async def __aexit__(self, *_: Any) -> None:
        await self.stop()

    async def stop(self) -> None:
        """Sends no more; everything sent has arrived."""
        if self._task is not None:
            task, self._task = self._task, None
            self._rate = 0.0
            await task

    async def _send(self) -> None:
        async with AIOKafkaProducer(bootstrap_servers=self._kafka.bootstrap, linger_ms=2, acks="all") as producer:
            began, pending = time.monotonic(), set()
            while self._rate:
                due = int((time.monotonic() - began) * self._rate)
                while self.sent < due:
                    value = str(self.sent).encode()
                    future = await producer.send(self._topic, value, key=f"key-{self.sent % self._keys}".encode())
                    pending.add(future)
                    future.add_done_callback(functools.partial(self._arrived, pending, self.sent))
                    self.sent += 1
                await asyncio.sleep(0.002)
            while pending:
                await asyncio.wait(pending)

    def _arrived(self, pending: set[Any], number: int, future: asyncio.Future[Any]) -> None:
        pending.discard(future)
        if not future.cancelled() and future.exception() is None:
            self.acked.add(number)


class MotionFilter(BaseKafkaConsumer):
    """15 ms a batch and 0.1 ms a record: what single records can't keep up with."""

    metrics_every = 0.5

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self.numbers: list[int] = []

    async def process_batch(self, records: list[Any]) -> None:
        await asyncio.sleep(0.015 + 0.0001 * len(records))
        self.numbers += [int(record.value) for record in records]

    async def behind(self) -> int:
        return sum(max(0, end - position) for position, end in (await positions_and_ends(self)).values())


async def test_one_update_takes_a_service_under_load_from_thousands_behind_to_below_a_hundred(
    service: Service, kafka: Kafka, capsys: pytest.CaptureFixture[str]
) -> None:
    topic = await kafka.topic(4)
    await service.seed([topic], consumer={"max_poll_records": 1})
    consumer = MotionFilter(service.name, service.pool, bootstrap_servers=kafka.bootstrap)
    series: list[tuple[float, int, int]] = []
    began = time.monotonic()

    async def sample() -> int:
        lag = await consumer.behind()
        series.append((time.monotonic() - began, consumer.config.max_poll_records, lag))
        return lag

    async with running(consumer):
        client = consumer.consumer
        async with Load(kafka, topic, 500) as load:
            while await sample() < 3000:
                assert time.monotonic() - began < 60, series
                await asyncio.sleep(0.25)
            await service.update(max_poll_records=500)
            while await sample() >= 100:
                assert time.monotonic() - began < 120, series
                await asyncio.sleep(0.25)
            for _ in range(12):  # what it is from then on is printed, not judged: other work runs on this machine
                await asyncio.sleep(0.25)
                await sample()
            await load.stop()
            await eventually(lambda: len(consumer.numbers) >= load.sent)
        assert consumer.consumer is client, "without a restart"
        assert consumer.counters.rebalances <= 1
    assert sorted(consumer.numbers) == list(range(load.sent)), "nothing lost, nothing twice"
    recorded = await service.owner(
        "SELECT max(total) FROM (SELECT sum(lag) AS total FROM consumer_lag_history WHERE service_name = $1 "
        'GROUP BY "timestamp") AS samples',
        service.name,
    )
    assert recorded > 1000, "the database saw it too"
    with capsys.disabled():
        print("\n\n  500 records/s, 15 ms a batch; one UPDATE changes max_poll_records from 1 to 500")
        print("    s   batch      lag")
        for at, batch, lag in series:
            print(f"  {at:5.1f}  {batch:5d}  {lag:7d}")


async def test_hot_settings_are_in_force_with_the_next_batch(
    service: Service, kafka: Kafka, capsys: pytest.CaptureFixture[str]
) -> None:
    topic = await kafka.topic(1)
    await service.seed([topic], concurrency=1)

    class Slow(Collecting):
        async def handler(self, record: Any) -> None:  # type: ignore[override]
            await asyncio.sleep(0.02)

    consumer = Slow(service.name, service.pool, bootstrap_servers=kafka.bootstrap)
    async with running(consumer):
        client = consumer.consumer
        await kafka.produce(topic, [b"x"] * 20)
        await eventually(lambda: len(consumer.seen) == 20)
        assert consumer.most == 1
        began = time.monotonic()
        await service.update(concurrency=10)
        await eventually(lambda: consumer.settings.concurrency == 10, within=2)
        took = time.monotonic() - began
        with capsys.disabled():
            print(f"\n  a hot change, with LISTEN: in force {took:.3f} s after the UPDATE began")
        assert took < 2
        await kafka.produce(topic, [b"x"] * 40)
        await eventually(lambda: len(consumer.seen) == 60)
        assert 5 <= consumer.most <= 10 and consumer.consumer is client


async def test_a_new_session_timeout_restarts_six_replicas_one_by_one_under_load(
    service: Service,
    kafka: Kafka,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(rollout, "ASK_EVERY", 0.3)
    topic = await kafka.topic(12)
    await service.seed([topic], consumer={"max_poll_records": 50})
    consumers = [Collecting(service.name, service.pool, bootstrap_servers=kafka.bootstrap) for _ in range(6)]
    restarting: list[int] = []

    def generation() -> int:
        return max(one.consumer._coordinator.generation for one in consumers if one.consumer is not None)

    async with contextlib.AsyncExitStack() as stack:
        for one in consumers:
            await stack.enter_async_context(running(one))
        await eventually(lambda: all(one.consumer and len(one.consumer.assignment()) == 2 for one in consumers))
        load = await stack.enter_async_context(Load(kafka, topic, 300))
        await asyncio.sleep(1)
        before = generation()
        await service.update(session_timeout_ms=12000)
        wanted = await service.owner(
            "SELECT generation FROM pipeline_consumer_configs WHERE service_name = $1", service.name
        )

        async def all_run_it() -> bool:
            restarting.append(sum(one.consumer is None for one in consumers))
            return all(one.config.generation == wanted for one in consumers)

        await eventually(all_run_it, within=90)

        async def all_said_so() -> bool:
            said = await service.owner(
                "SELECT count(*) FROM lagproof.acknowledgements WHERE service_name = $1 AND generation = $2",
                service.name,
                wanted,
            )
            done = await service.owner("SELECT restarted FROM lagproof.rollouts WHERE service_name = $1", service.name)
            return bool(said == 6 and done == 6)

        await eventually(all_said_so, within=30)
        after = generation()
        await load.stop()
        await eventually(lambda: sum(len(one.seen) for one in consumers) >= load.sent)
        assert all(one.consumer is not None and one.consumer._session_timeout_ms == 12000 for one in consumers)
    assert max(restarting) <= 1, "one at a time"
    assert any("at most 2 rebalances a replica" in record.message for record in caplog.records)
    assert after - before <= 2 * 6, f"{after - before} rebalances"
    numbers = [int(value) for one in consumers for _, _, value in one.seen]
    lost, twice = set(range(load.sent)) - set(numbers), len(numbers) - len(set(numbers))
    with capsys.disabled():
        print(
            f"\n  six replicas made anew under 300 records/s: {after - before} rebalances, at most 12 announced; "
            f"{load.sent} sent, {len(lost)} lost, {twice} processed twice"
        )
    assert sorted(numbers) == list(range(load.sent)), "nothing lost, nothing twice"


async def test_two_replicas_with_one_static_id_do_not_throw_each_other_out(
    service: Service, kafka: Kafka, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second one is refused; one that was taken for dead, and comes back, ends."""
    monkeypatch.setattr(instance, "EVERY", 0.3)
    monkeypatch.setattr(instance, "SILENCE", datetime.timedelta(seconds=3))
    topic = await kafka.topic(1)
    await service.seed([topic], instance_id="only-one")
    first, second = (Collecting(service.name, service.pool, bootstrap_servers=kafka.bootstrap) for _ in range(2))
    running_first = asyncio.create_task(first.run(handle_signals=False))
    await asyncio.wait_for(first.ready(), 30)
    with pytest.raises(SameInstance, match="only-one"):
        await second.run(handle_signals=False)
    await kafka.produce(topic, [b"x"])
    await eventually(lambda: first.seen)
    await service.owner("UPDATE lagproof.instances SET process = 'another', reported_at = now() + interval '1 minute'")
    with pytest.raises(SameInstance, match=r"\(another\)"):
        await asyncio.wait_for(running_first, 30)
    assert await kafka.committed(service.group, topic) == {0: 1}


async def test_a_rollout_that_was_halted_waits_until_it_is_resumed(
    service: Service, kafka: Kafka, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(rollout, "ASK_EVERY", 0.2)
    topic = await kafka.topic(1)
    await service.seed([topic])
    consumer = Collecting(service.name, service.pool, bootstrap_servers=kafka.bootstrap)
    async with running(consumer):
        await eventually(lambda: consumer._following is not None and consumer._following._watcher.listening)
        # Another replica has its turn; then a person stops it all.
        await service.owner(
            "SELECT granted FROM lagproof.take_restart_lease_v1($1, 'another', 1000000, 0, '1 hour')", service.name
        )
        await service.owner("UPDATE lagproof.rollouts SET generation = 0 WHERE service_name = $1", service.name)
        await service.update(session_timeout_ms=13000)
        await eventually(lambda: any("waits for another" in record.message for record in caplog.records))
        await service.owner("SELECT lagproof.halt_rollout_v1($1, 'not on a Friday')", service.name)
        await service.owner("SELECT lagproof.release_restart_lease_v1($1, 'another', 0)", service.name)
        await eventually(lambda: any("halted: not on a Friday" in record.message for record in caplog.records))
        await kafka.produce(topic, [b"goes on"])
        await eventually(lambda: consumer.seen)
        assert consumer.settings.consumer["session_timeout_ms"] == 10000
        assert await service.owner("SELECT state FROM lagproof.instances") == "waiting"
        assert await service.owner("SELECT lagproof.resume_rollout_v1($1)", service.name)
        await eventually(lambda: consumer.settings.consumer["session_timeout_ms"] == 13000)


async def test_a_restart_that_fails_goes_back_and_stops_the_rollout(
    service: Service, kafka: Kafka, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(rollout, "ASK_EVERY", 0.2)
    topic = await kafka.topic(1)
    await service.seed([topic])
    consumer = Collecting(service.name, service.pool, bootstrap_servers=kafka.bootstrap)
    async with running(consumer):
        await eventually(lambda: consumer._following is not None and consumer._following._watcher.listening)
        await service.seed([topic], raw={"aiokafka": {"no_such_argument": 1}})
        await eventually(lambda: any("goes back to the settings before" in record.message for record in caplog.records))

        async def halted() -> bool:
            why = await service.owner("SELECT halted FROM lagproof.rollouts WHERE service_name = $1", service.name)
            return bool(why and "no_such_argument" in why)

        await eventually(halted)
        await kafka.produce(topic, [b"goes on"])
        await eventually(lambda: consumer.seen)
        assert consumer.config.version == 1
        assert await service.owner("SELECT state FROM lagproof.instances") == "refused"


@pytest.mark.parametrize(
    ("change", "names"),
    [
        ({"group": "another-group"}, "group"),
        ({"client": "librdkafka"}, "client"),
        ({"consumer": {"partition_assignment_strategy": ["range"]}}, "partition_assignment_strategy"),
    ],
)
async def test_what_needs_all_replicas_stopped_is_refused_with_the_reason(
    service: Service, kafka: Kafka, caplog: pytest.LogCaptureFixture, change: dict[str, Any], names: str
) -> None:
    topic = await kafka.topic(1)
    await service.seed([topic], consumer={"partition_assignment_strategy": ["roundrobin"], "max_poll_records": 5})
    consumer = Collecting(service.name, service.pool, bootstrap_servers=kafka.bootstrap)
    async with running(consumer):
        client = consumer.consumer
        await eventually(lambda: consumer._following is not None and consumer._following._watcher.listening)
        consumer_settings = {
            "partition_assignment_strategy": ["roundrobin"],
            "max_poll_records": 77,
            **change.pop("consumer", {}),
        }
        await service.seed([topic], consumer=consumer_settings, **change)
        await eventually(
            lambda: any(
                "REFUSED" in record.message and names in record.message and "stop all replicas" in record.message
                for record in caplog.records
            )
        )
        # What needs no new consumer is in force all the same, and it goes on.
        assert consumer.settings.max_poll_records == 77
        await kafka.produce(topic, [b"goes on"])
        await eventually(lambda: consumer.seen)
        assert consumer.consumer is client

        async def refused() -> bool:
            return bool(await service.owner("SELECT state = 'refused' FROM lagproof.instances"))

        await eventually(refused)
