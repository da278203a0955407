"""A real Apache Kafka, run by `lagproof broker`, and what tests do with it."""

from __future__ import annotations

import asyncio
import subprocess
import uuid
from collections.abc import Sequence
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from postgres import LAGPROOF


class Kafka:
    """The broker."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [LAGPROOF, "broker"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        assert self._process.stdout is not None and self._process.stderr is not None
        first = self._process.stdout.readline().split()
        if first[:1] != ["ready"]:
            raise AssertionError(
                f"no broker: {self._process.stderr.read()}\nbuild lagproof with it: cargo build --features kafka,db"
            )
        self.bootstrap = first[1]

    def tell(self, word: str) -> None:
        """`halt`, `kill` or `resume`."""
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.write(word + "\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline().strip()
        assert answer == f"done {word}", answer

    async def atell(self, word: str) -> None:
        """The same without stopping the event loop."""
        await asyncio.to_thread(self.tell, word)

    def stop(self) -> None:
        """Ends it."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(60)

    async def topic(self, partitions: int = 4, name: str | None = None, **configs: str) -> str:
        """A topic of a test's own."""
        name = name or f"t.{uuid.uuid4().hex[:8]}"
        admin = AIOKafkaAdminClient(bootstrap_servers=self.bootstrap)
        await admin.start()
        try:
            await admin.create_topics([NewTopic(name, partitions, 1, topic_configs=configs)])
        finally:
            await admin.close()
        return name

    async def produce(
        self,
        topic: str,
        values: Sequence[bytes | None],
        keys: list[bytes | None] | None = None,
        partition: int | None = None,
    ) -> None:
        """Writes records; their keys choose the partition, else they go round."""
        async with AIOKafkaProducer(
            bootstrap_servers=self.bootstrap, linger_ms=5, max_request_size=2**31 - 1
        ) as producer:
            sent = []
            for index, value in enumerate(values):
                key = keys[index] if keys else None
                sent.append(await producer.send(topic, value=value, key=key, partition=partition))
            await asyncio.gather(*sent)

    async def read(self, topic: str, count: int, within: float = 20.0) -> list[Any]:
        """The first records of a topic, over all partitions."""
        consumer = AIOKafkaConsumer(topic, bootstrap_servers=self.bootstrap, auto_offset_reset="earliest")
        await consumer.start()
        found: list[Any] = []
        try:
            end = asyncio.get_running_loop().time() + within
            while len(found) < count and asyncio.get_running_loop().time() < end:
                for records in (await consumer.getmany(timeout_ms=200)).values():
                    found += records
        finally:
            await consumer.stop()
        return found

    async def committed(self, group: str, topic: str) -> dict[int, int]:
        """What a group has committed, by partition; nothing before its first commit."""
        admin = AIOKafkaAdminClient(bootstrap_servers=self.bootstrap)
        await admin.start()
        try:
            offsets = await admin.list_consumer_group_offsets(group)
        finally:
            await admin.close()
        return {
            one.partition: found.offset for one, found in offsets.items() if one.topic == topic and found.offset >= 0
        }

    async def ends(self, topic: str) -> dict[int, int]:
        """The log's ends, by partition."""
        consumer = AIOKafkaConsumer(bootstrap_servers=self.bootstrap)
        await consumer.start()
        try:
            await consumer._client.force_metadata_update()
            await consumer.topics()
            parts = consumer.partitions_for_topic(topic) or set()
            ends = await consumer.end_offsets([TopicPartition(topic, part) for part in parts])
        finally:
            await consumer.stop()
        return {one.partition: end for one, end in ends.items()}


async def eventually(holds: Any, within: float = 30.0, what: str = "it") -> None:
    """Waits until something holds; it may be a coroutine function."""
    end = asyncio.get_running_loop().time() + within
    while True:
        found = holds()
        if asyncio.iscoroutine(found):
            found = await found
        if found:
            return
        assert asyncio.get_running_loop().time() < end, f"not after {within} s: {what}"
        await asyncio.sleep(0.05)
