"""What replicas say about themselves."""

from __future__ import annotations

import asyncio
import gc
import inspect

import pytest
from conftest import Service
from kafka import Kafka, eventually

from lagproof import instance
from lagproof.consumer_config_loader import KafkaConsumerConfigLoader


@pytest.mark.parametrize(("client", "ends"), [("aiokafka", "stop"), ("librdkafka", "close"), ("librdkafka", "drop")])
async def test_a_consumer_that_was_stopped_by_hand_is_not_reported_as_running(
    service: Service, kafka: Kafka, monkeypatch: pytest.MonkeyPatch, client: str, ends: str
) -> None:
    monkeypatch.setattr(instance, "EVERY", 0.2)
    topic = await kafka.topic(1)
    await service.seed([topic], client=client, instance_id="only-one")

    async def states() -> list[str]:
        question = "SELECT array_agg(state) FROM lagproof.instances WHERE service_name = $1"
        return await service.owner(question, service.name) or []

    async def are(state: str) -> bool:
        return await states() == [state]

    async with KafkaConsumerConfigLoader(service.pool) as loader:
        consumer = await loader.create_consumer(service.name, bootstrap_servers=kafka.bootstrap)
        assert await are("running")
        if ends != "drop":
            ended = getattr(consumer, ends)()
            if inspect.isawaitable(ended):
                await ended
        else:
            del consumer
            gc.collect()
        await eventually(lambda: are("stopped"))
        # Nor does a change of its row bring it back.
        await service.update(max_poll_records=8)
        await eventually(lambda: loader._configs[service.name].max_poll_records == 8)
        await asyncio.sleep(0.5)
        assert await are("stopped")
        # Its name is free for the next one, at once.
        monkeypatch.setattr(instance, "EVERY", 60.0)
        for _ in range(2):
            consumer = await loader.create_consumer(service.name, bootstrap_servers=kafka.bootstrap)
            assert await are("running") and len(loader._instances[service.name]) == 1
            ended = consumer.stop() if client == "aiokafka" else consumer.close()
            if inspect.isawaitable(ended):
                await ended
