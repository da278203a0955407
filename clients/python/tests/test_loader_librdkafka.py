"""The loader with rows that declare librdkafka."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest
from confluent_kafka import Consumer, KafkaError, KafkaException
from conftest import Service
from kafka import Kafka

from lagproof.consumer_config_loader import KafkaConsumerConfigLoader
from lagproof.lowering import lower


async def test_librdkafkas_rows_get_librdkafkas_consumer(service: Service, kafka: Kafka) -> None:
    topic = await kafka.topic(1)
    await service.seed([topic], consumer={"max_poll_records": 5}, client="librdkafka")
    await kafka.produce(topic, [str(number).encode() for number in range(12)])
    async with KafkaConsumerConfigLoader(service.pool) as loader:
        consumer = await loader.create_consumer(service.name, bootstrap_servers=kafka.bootstrap)
        seen: list[bytes] = []
        for _ in range(60):
            batch = await loader.poll_with_limit(consumer, service.name)
            records = [record for part in batch.values() for record in part]
            assert len(records) <= 5
            seen += [record.value() for record in records]
            if len(seen) == 12:
                break
        assert seen == [str(number).encode() for number in range(12)]
        await asyncio.to_thread(consumer.commit)
        await asyncio.to_thread(consumer.close)
    assert await kafka.committed(service.group, topic) == {0: 12}


async def test_a_poll_that_is_cancelled_loses_nothing_of_librdkafkas(service: Service, kafka: Kafka) -> None:
    topic = await kafka.topic(1)
    await service.seed([topic], client="librdkafka")
    async with KafkaConsumerConfigLoader(service.pool) as loader:
        consumer = await loader.create_consumer(service.name, bootstrap_servers=kafka.bootstrap)
        cancelled = asyncio.create_task(loader.poll_with_limit(consumer, service.name, timeout_ms=30_000))
        await asyncio.sleep(0.5)
        cancelled.cancel()
        with pytest.raises(asyncio.CancelledError):
            await cancelled
        await kafka.produce(topic, [str(number).encode() for number in range(12)])
        seen: list[bytes] = []
        for _ in range(60):
            batch = await loader.poll_with_limit(consumer, service.name)
            seen += [record.value() for part in batch.values() for record in part]
            if len(seen) == 12:
                break
        assert seen == [str(number).encode() for number in range(12)]
        await asyncio.to_thread(consumer.close)


async def test_a_final_error_of_librdkafkas_drops_no_record_that_came_with_it(service: Service, kafka: Kafka) -> None:
    topic = await kafka.topic(1)
    await service.seed([topic], client="librdkafka", delivery={"commit": "interval", "commit_interval_ms": 100})
    await kafka.produce(topic, [str(number).encode() for number in range(12)])

    class Final:
        def error(self) -> KafkaError:
            return KafkaError(KafkaError._FATAL, "fenced", fatal=True)

    class Fenced(Consumer):
        def consume(self, most: int, timeout: float) -> list[Any]:
            time.sleep(0.5)  # until the rest of the fetch is there
            found = super().consume(most, timeout)
            return [*found[:3], Final(), *found[3:]]

    async with KafkaConsumerConfigLoader(service.pool) as loader:
        config = await loader.load_config(service.name)
        properties = lower(config.settings).consumer | {"bootstrap.servers": kafka.bootstrap}
        consumer = Fenced(properties)
        consumer.subscribe([topic])
        batch: dict[Any, list[Any]] = {}
        for _ in range(60):
            batch = batch or await loader.poll_with_limit(consumer, service.name)
        seen = [record.value() for part in batch.values() for record in part]
        assert len(seen) > 3 and seen == [str(number).encode() for number in range(len(seen))]
        with pytest.raises(KafkaException, match="fenced"):
            await loader.poll_with_limit(consumer, service.name)
        await asyncio.to_thread(consumer.close)
    assert await kafka.committed(service.group, topic) == {0: len(seen)}, "what was handed out, and no more"
