"""`clients/cases/behaviour.json` on a real broker."""

from __future__ import annotations

import asyncio
import json
from collections import defaultdict
from typing import Any

import pytest
from conftest import Service
from kafka import Kafka, eventually
from test_cases import CASES

import lagproof
from lagproof import BaseKafkaConsumer


@pytest.mark.parametrize(
    "case",
    [pytest.param(one, id=one["name"]) for one in json.loads((CASES / "behaviour.json").read_text())["cases"]],
)
async def test_the_base_consumer_does_it(service: Service, kafka: Kafka, case: dict[str, Any]) -> None:
    topic, dead = await kafka.topic(case["partitions"]), await kafka.topic(1)
    delivery = json.loads(json.dumps(case["delivery"]).replace("{dead_letter}", dead))
    await service.seed(
        [topic],
        consumer={"max_poll_records": case["max_poll_records"]},
        concurrency=case["concurrency"],
        delivery=delivery,
    )
    records, expect = case["records"], case["expect"]
    for number, record in enumerate(records):
        key = record["key"].encode() if record["key"] is not None else None
        await kafka.produce(topic, [str(number).encode()], [key], record["partition"])
    tries = [0] * len(records)
    begun: dict[Any, list[int]] = defaultdict(list)
    now, most, largest = 0, 0, 0

    class Told(BaseKafkaConsumer):
        metrics_every = 0.0

        async def process(self, record: Any) -> None:
            nonlocal now, most, largest
            number = int(record.value)
            assert self.work is not None
            largest = max(largest, self.work.records)
            now += 1
            most = max(most, now)
            tries[number] += 1
            if tries[number] == 1 and record.key is not None:
                begun[record.key].append(number)
            try:
                await asyncio.sleep(0.002)
                fails = records[number]["fails"]
                if fails == "always" or tries[number] <= fails:
                    raise ValueError(f"try {tries[number]} of {number} fails")
            finally:
                now -= 1

    consumer = Told(service.name, service.pool, bootstrap_servers=kafka.bootstrap)
    task = asyncio.create_task(consumer.run(handle_signals=False))
    if expect["ends"] == "poison":
        with pytest.raises(lagproof.PoisonRecord):
            await asyncio.wait_for(task, 60)
    else:
        await eventually(lambda: consumer.counters.processed == len(records) or task.done(), within=60)
        consumer.stop()
        await task
    assert [one or None for one in tries] == expect["tries"]
    assert await kafka.committed(service.group, topic) == {int(at): to for at, to in expect["committed"].items()}
    letters = await kafka.read(dead, len(expect["dead_letters"])) if expect["dead_letters"] else []
    assert sorted(int(letter.value) for letter in letters) == expect["dead_letters"]
    assert most <= expect["most_at_once"] and largest <= expect["batches_at_most"]
    assert all(numbers == sorted(numbers) for numbers in begun.values())
