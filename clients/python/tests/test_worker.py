"""`python -m lagproof.worker` by the protocol of `lagproof verify`."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
import time
from typing import Any

import pytest
from hdrh.histogram import HdrHistogram
from kafka import Kafka, eventually
from postgres import LAGPROOF

from lagproof.verify.protocol import HEADER, NO_KEY, POISON, SLOW, Numbers, split_mix, tick_at
from lagproof.verify.spec import arguments, check

TAG = 77


def record(sequence: int, *, flags: int = 0, key: int = NO_KEY, key_sequence: int = 0, run: int = TAG) -> bytes:
    due = time.time_ns() // 1000
    return HEADER.pack(b"LGP", flags, run, 0, sequence, due, key, key_sequence) + b"x" * 60


def spec(kafka: Kafka, topic: str, **changes: Any) -> dict[str, Any]:
    """As `lagproof verify` makes it: properties are the compiled ones, as text."""
    given: dict[str, Any] = {
        "protocol": 1,
        "run": "test",
        "tag": TAG,
        "service": "filter",
        "replica": 0,
        "properties": {
            "bootstrap.servers": kafka.bootstrap,  # the harness's own stand under librdkafka's names
            "client.id": "lagproof",
            "reconnect.backoff.ms": "50",
            "group_id": f"g-{topic}",
            "max_poll_records": "100",
            "session_timeout_ms": "10000",
            "heartbeat_interval_ms": "500",
            "partition_assignment_strategy": "aiokafka.coordinator.assignors.range.RangePartitionAssignor,"
            "aiokafka.coordinator.assignors.roundrobin.RoundRobinPartitionAssignor",
            "auto_offset_reset": "earliest",
            "fetch_max_wait_ms": "100",
            "connections_max_idle_ms": "",
            "check_crcs": "true",
            "enable_auto_commit": "false",
            "isolation_level": "read_committed",
        },
        "topics": [topic],
        "max_poll_records": 100,
        "work": {
            "per_record": {"kind": "constant", "us": 100.0},
            "per_batch_us": 1000,
            "concurrency": {"bounded": 1},
            "handler": "inline",
            "cpu_share": 0.0,
            "slow_us": 200_000,
            "stalls_us": [],
        },
        "delivery": {"commit": "after-batch", "retry": None},
        "per_record_factor": 1.0,
        "seed": 7,
        "ticks": {"start_us": time.time_ns() // 1000, "every_ms": 250, "jitter_ms": 50, "seed": 3},
    }
    given.update(changes)
    return given


class Worker:
    """The process, and the lines that it wrote."""

    @classmethod
    async def start(cls, given: dict[str, Any]) -> Worker:
        self = cls()
        self.process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "lagproof.worker", stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
        )
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(given).encode() + b"\n")
        self.lines: list[dict[str, Any]] = []
        self.reading = asyncio.create_task(self._read())
        return self

    async def _read(self) -> None:
        assert self.process.stdout is not None
        while line := await self.process.stdout.readline():
            self.lines.append(json.loads(line))

    def of(self, line: str) -> list[dict[str, Any]]:
        return [one for one in self.lines if one["line"] == line]

    def total(self, counter: str) -> int:
        return sum(one[counter] for one in self.of("tick"))

    async def stop(self) -> int:
        """By the command; everything is read."""
        assert self.process.stdin is not None
        self.process.stdin.write(b'{"command": "stop"}\n')
        await asyncio.wait_for(self.reading, 60)
        return await self.process.wait()


async def test_every_record_is_accounted_for(kafka: Kafka) -> None:
    topic, dead = await kafka.topic(1), await kafka.topic(1)
    retry = {"attempts": 2, "backoff_us": 1000, "dead_letter": dead}
    worker = await Worker.start(spec(kafka, topic, delivery={"commit": "after-batch", "retry": retry}))
    flags = {40: POISON, 50: SLOW}
    values = [
        record(number, flags=flags.get(number, 0), key=number % 3, key_sequence=number // 3) for number in range(300)
    ]
    values += [record(120, key=0, key_sequence=40), record(0, run=TAG + 1), b"not ours"]
    await kafka.produce(topic, values)
    await eventually(lambda: worker.total("records") + worker.total("foreign") == 303, within=60)
    assert await worker.stop() == 0
    kinds = [one["line"] for one in worker.lines]
    assert kinds[0] == "ready" and worker.lines[0]["client"].startswith("aiokafka 0.") and kinds[-1] == "end"
    assert worker.lines[-1]["reason"] == {"reason": "stopped"}
    assert worker.of("assigned")[0]["partitions"] == [[topic, 0]]
    assert worker.total("records") == 301 and worker.total("foreign") == 2
    assert worker.total("repeated") == 1 and worker.total("reordered") == 0
    assert worker.total("failed") == 1 and worker.total("dead_letters") == 1
    assert worker.total("batches") >= 4
    done = sorted(
        number for one in worker.of("tick") for part in one["processed"] for number in range(part["from"], part["to"])
    )
    assert done == list(range(300)), "each once"
    last = worker.of("tick")[-1]
    assert last["in_hand"] == 0 and last["resident_bytes"] > 10e6 and last["cpu_seconds"] > 0
    positions = [one["positions"][0] for one in worker.of("tick") if one["positions"]]
    assert positions[-1] == {"topic": topic, "partition": 0, "processed": 303, "polled": 303, "committed": 303}
    latencies = HdrHistogram(1, 24 * 3600 * 1_000_000, 3)
    for one in worker.of("tick"):
        if one["latency"]:
            latencies.decode_and_add(one["latency"])
    assert latencies.get_total_count() == 301 and latencies.get_max_value() > 200_000
    ticks = spec(kafka, topic)["ticks"] | {"start_us": 0}
    for one in worker.of("tick")[:-1]:
        assert one["tick"] >= 0 and tick_at(ticks, one["tick"]) < 3600e6
    assert await kafka.committed(f"g-{topic}", topic) == {0: 303}
    assert [letter.value for letter in await kafka.read(dead, 1)] == [values[40]]


async def test_time_without_records_is_no_time_without_polls(kafka: Kafka) -> None:
    topic = await kafka.topic(1)
    worker = await Worker.start(spec(kafka, topic))
    await eventually(lambda: worker.of("assigned"), within=60)
    await asyncio.sleep(6)  # as long as a service waits whose records come seldom
    await kafka.produce(topic, [record(0), record(1, flags=SLOW)])
    await eventually(lambda: worker.total("records") == 2, within=60)
    assert await worker.stop() == 0
    gap = max(one["longest_poll_gap_us"] for one in worker.of("tick"))
    assert 200_000 <= gap < 5_000_000, "a slow record is, and the wait for it is not"


@pytest.mark.parametrize("commit", ["after-record", "on-receipt", "interval"])
async def test_other_ways_to_commit_run_through(kafka: Kafka, commit: str) -> None:
    topic = await kafka.topic(2)
    given = spec(kafka, topic, delivery={"commit": commit, "retry": None})
    if commit == "interval":
        given["properties"] |= {"enable_auto_commit": "true", "auto_commit_interval_ms": "200"}
    worker = await Worker.start(given)
    await kafka.produce(topic, [record(number) for number in range(50)], partition=0)
    await eventually(lambda: worker.total("records") == 50, within=60)
    assert await worker.stop() == 0
    assert (await kafka.committed(f"g-{topic}", topic))[0] == 50


async def test_an_unbounded_hand_over_piles_up(kafka: Kafka) -> None:
    topic = await kafka.topic(1)
    given = spec(kafka, topic, delivery={"commit": "on-receipt", "retry": None}, per_record_factor=3.0)
    given["work"] |= {"concurrency": "unbounded", "per_record": {"kind": "constant", "us": 20_000.0}}
    worker = await Worker.start(given)
    await kafka.produce(topic, [record(number) for number in range(200)])
    await eventually(lambda: any(one["in_hand"] > 50 for one in worker.of("tick")), within=60)
    await worker.stop()
    assert (await kafka.committed(f"g-{topic}", topic)) == {0: 200}, "committed at the hand-over"
    assert worker.total("records") < 200, "and what was in hand is lost, as that way to commit loses it"


async def test_a_killed_worker_has_said_what_it_did_and_sigterm_is_a_stop(kafka: Kafka) -> None:
    topic = await kafka.topic(1)
    worker = await Worker.start(spec(kafka, topic))
    await kafka.produce(topic, [record(number) for number in range(20)])
    await eventually(lambda: worker.total("records") == 20, within=60)
    worker.process.send_signal(signal.SIGTERM)
    await asyncio.wait_for(worker.reading, 60)
    assert await worker.process.wait() == 0 and worker.lines[-1]["line"] == "end"
    killed = await Worker.start(spec(kafka, topic))
    await kafka.produce(topic, [record(number) for number in range(20, 40)])
    await eventually(lambda: killed.total("records") == 20, within=60)
    killed.process.kill()
    await asyncio.wait_for(killed.reading, 60)
    assert killed.of("end") == [] and killed.total("records") == 20


async def test_a_stall_is_answered_and_kept(kafka: Kafka) -> None:
    topic = await kafka.topic(1)
    worker = await Worker.start(spec(kafka, topic))
    assert worker.process.stdin is not None
    begin = time.time_ns() // 1000
    stall = {"from_us": begin, "to_us": begin + 10_000_000}
    worker.process.stdin.write(b"nonsense is skipped\n" + json.dumps({"command": "stall", **stall}).encode() + b"\n")
    await eventually(lambda: bool(worker.of("stall")), within=60)
    assert {key: worker.of("stall")[0][key] for key in stall} == stall
    await kafka.produce(topic, [record(number) for number in range(20)])
    await eventually(lambda: worker.total("records") == 20, within=60)
    first = next(one for one in worker.of("tick") if one["records"])
    assert first["at_us"] >= stall["to_us"]
    assert await worker.stop() == 0


async def test_another_protocol_is_refused(kafka: Kafka) -> None:
    worker = await Worker.start(spec(kafka, "t", protocol=2))
    await asyncio.wait_for(worker.reading, 60)
    assert await worker.process.wait() == 1
    assert worker.lines[-1]["reason"]["message"].endswith("the spec is of protocol 2, this worker's is 1")
    newer = await Worker.start(spec(kafka, "t", weather="fine"))
    await asyncio.wait_for(newer.reading, 60)
    assert await newer.process.wait() == 1
    assert "the spec has weather, which this worker does not know" in newer.lines[-1]["reason"]["message"]
    with pytest.raises(ValueError, match="declares another client: its properties are not aiokafka's"):
        check({"sections": {"run": {"autoCommit": True}, "client": {"requestTimeout": 30000}}})


async def test_another_clients_properties_are_refused_rather_than_half_used(kafka: Kafka) -> None:
    for theirs in ({"session.timeout.ms": "10000"}, {"groupId": "g", "sessionTimeout": "10000"}):
        properties = {"bootstrap.servers": kafka.bootstrap, "group.id": "g", **theirs}
        worker = await Worker.start(spec(kafka, "t", properties=properties))
        await asyncio.wait_for(worker.reading, 60)
        assert await worker.process.wait() == 1
        assert "the service declares another client" in worker.lines[-1]["reason"]["message"]


def test_connections_come_under_librdkafkas_names() -> None:
    given = {"bootstrap.servers": "a:1", "security.protocol": "sasl_ssl", "sasl.mechanism": "PLAIN"}
    given |= {"sasl.username": "007", "sasl.password": "true", "max_poll_records": "7", "check_crcs": "false"}
    found = arguments(given)
    assert found["bootstrap_servers"] == "a:1" and found["security_protocol"] == "SASL_SSL"
    assert (found["sasl_plain_username"], found["sasl_plain_password"]) == ("007", "true")
    assert (found["max_poll_records"], found["check_crcs"]) == (7, False) and found["ssl_context"] is not None


def test_numbers_are_kept_as_intervals() -> None:
    numbers = Numbers()
    for number in (5, 6, 3, 4, 9, 1, 2, 8, 7, 0):
        assert numbers.add(number)
        assert not numbers.add(number)
    assert numbers.intervals == [[0, 10]]


def test_draws_are_those_of_the_harness() -> None:
    assert split_mix(0) == 0xE220A8397B1DCDAF  # SplitMix64's first output for seed 0


async def test_it_accounts_for_a_load_as_lagproof_sends_it(kafka: Kafka) -> None:
    """`lagproof load` on one side, this worker on the other: what was acknowledged is what was processed."""
    topic = await kafka.topic(2)
    given = spec(kafka, topic)
    given["work"]["concurrency"] = {"bounded": 4}
    given["ticks"]["start_us"] += 3_000_000
    worker = await Worker.start(given)
    load = {
        "protocol": 1,
        "run": "test",
        "tag": TAG,
        "shard": {"index": 0, "of": 1},
        "seed": 7,
        "properties": {"bootstrap.servers": kafka.bootstrap, "acks": "all"},
        "topics": [
            {
                "topic": topic,
                "partitions": 2,
                "stretches": [{"from_rate": 200.0, "to_rate": 200.0, "seconds": 3.0}],
                "size": {"mean": 200, "max": 400, "compression_ratio": 1.0},
                "key": {"cardinality": 20, "zipf": 0.0},
                "poison_at_us": [500_000, 1_000_000, 1_500_000],
                "slow_at_us": [1_200_000, 1_800_000],
            }
        ],
        "ticks": given["ticks"],
    }
    process = await asyncio.create_subprocess_exec(
        LAGPROOF, "load", stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
    )
    assert process.stdin is not None and process.stdout is not None
    process.stdin.write(json.dumps(load).encode() + b"\n")
    said = [json.loads(line) async for line in process.stdout]
    assert await process.wait() == 0, said[-3:]
    sent = {
        (part["partition"], number)
        for one in said
        if one["line"] == "tick"
        for part in one["acknowledged"]
        for number in range(part["from"], part["to"])
    }
    assert len(sent) == said[-1]["acknowledged"] >= 500
    await eventually(lambda: worker.total("records") >= len(sent), within=60)
    assert await worker.stop() == 0
    done = {
        (part["partition"], number)
        for one in worker.of("tick")
        for part in one["processed"]
        for number in range(part["from"], part["to"])
    }
    assert done == sent
    assert worker.total("failed") == 3 and worker.total("repeated") == worker.total("reordered") == 0
