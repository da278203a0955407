"""Making and starting the Kafka client that a row declares."""

from __future__ import annotations

import asyncio
import logging
import time
import weakref
from collections.abc import Callable, Sequence
from typing import Any

import aiokafka
from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener
from aiokafka.errors import KafkaConnectionError, KafkaError

from . import security
from .errors import BadRow, NoTopics, Stopped
from .lowering import lower, with_classes
from .settings import Settings, expand

log = logging.getLogger("lagproof")

AIOKAFKA = f"aiokafka {aiokafka.__version__}"
_said: set[tuple[str, str]] = set()


def topics_of(settings: Settings, given: Sequence[str] | None) -> list[str]:
    """The topics that the call names, else the row's. Raises NoTopics where there is none."""
    topics = list(given or settings.topics)
    if not topics:
        raise NoTopics(settings.service_name)
    if settings.topics and set(topics) != set(settings.topics):
        _once(
            settings.service_name,
            f"{settings.service_name}: reads {', '.join(topics)}, and its profile declares {', '.join(settings.topics)}: "
            "proofs and alerts are about the declared ones",
        )
    return topics


def make_aiokafka(settings: Settings, bootstrap_servers: str | list[str] | None) -> AIOKafkaConsumer:
    """An AIOKafkaConsumer with every setting of the row, not started and not subscribed.

    Raises BadRow where the row is for another client, or the client refuses it.
    """
    lowered = lower(settings)
    if settings.client != "aiokafka":
        raise BadRow(
            settings.service_name,
            "client",
            f"its profile declares {settings.client}, and this is aiokafka",
            'Set client = "aiokafka" in its profile, or make the consumer with create_consumer, which knows librdkafka',
        )
    for note in lowered.notes:
        _once(
            settings.service_name,
            f"{settings.service_name}: {note.key} is {note.loss}: {note.text}",
        )
    arguments = with_classes(lowered.consumer)
    if settings.instance_id is not None:
        arguments["group_instance_id"] = expand(settings.instance_id, settings.service_name)
    arguments.setdefault("client_id", f"lagproof-{settings.service_name}")
    try:
        return AIOKafkaConsumer(
            bootstrap_servers=security.bootstrap(bootstrap_servers), **security.for_aiokafka(), **arguments
        )
    except (TypeError, ValueError) as error:
        raise BadRow(settings.service_name, "consumer", f"aiokafka refuses it: {error}", "") from error


async def start_aiokafka(
    make: Callable[[], AIOKafkaConsumer],
    topics: Sequence[str],
    service_name: str,
    listener: ConsumerRebalanceListener | None = None,
    within: float | None = 60.0,
    stopped: Callable[[], bool] = lambda: False,
) -> AIOKafkaConsumer:
    """Starts and subscribes a consumer; while no broker answers it tries again, `within` seconds or for ever (None).

    Raises KafkaConnectionError where no broker answered in time, Stopped where it was stopped meanwhile.
    """
    began, pause, said = time.monotonic(), 0.5, False
    while True:
        consumer = make()
        consumer.subscribe(list(topics), listener=listener)
        try:
            await consumer.start()
            break
        except KafkaConnectionError as error:
            await end_aiokafka(consumer)
            waited = time.monotonic() - began
            if stopped():
                raise Stopped(f"{service_name}: stopped while no broker answered") from error
            if within is not None and waited + pause > within:
                raise
            if not said:
                log.error("%s: no broker answers (%s): trying again until one does", service_name, error)
                said = True
        except BaseException:
            await end_aiokafka(consumer)
            raise
        await asyncio.sleep(pause)
        pause = min(pause * 2, 10.0)
    if said:
        log.warning("%s: a broker answers", service_name)
    for topic in topics:
        if not consumer.partitions_for_topic(topic):
            log.error(
                "%s: topic %r is not on the broker: nothing comes from it until it is made (generated/topics/*.sh)",
                service_name,
                topic,
            )
    return consumer


async def end_aiokafka(consumer: AIOKafkaConsumer, within: float = 20.0) -> None:
    """Stops a consumer. Where no broker answers aiokafka's own stop ends with CancelledError, its connections left open."""
    ending = asyncio.ensure_future(consumer.stop())
    await asyncio.wait({ending}, timeout=within)
    if ending.done() and not ending.cancelled() and ending.exception() is None:
        return
    log.debug("aiokafka's stop did not end well: %s", "no answer" if not ending.done() else ending)
    ending.cancel()
    await asyncio.gather(ending, return_exceptions=True)
    closing = asyncio.ensure_future(consumer._client.close())
    await asyncio.wait({closing}, timeout=2.0)
    closing.cancel()
    await asyncio.gather(closing, return_exceptions=True)


def is_alive(consumer: Any) -> Callable[[], bool]:
    """What tells whether a consumer is still there and not stopped. It does not keep it."""
    held = weakref.ref(consumer)

    def tell() -> bool:
        found = held()
        return found is not None and not found._closed

    return tell


async def group_lag(consumer: AIOKafkaConsumer, topics: Sequence[str]) -> int | None:
    """Records behind of the whole group, by what it committed; None where it can't be told now."""
    partitions = [
        aiokafka.TopicPartition(topic, partition)
        for topic in topics
        for partition in consumer.partitions_for_topic(topic) or ()
    ]
    try:
        committed = {one: await consumer.committed(one) for one in partitions}
        ends = await consumer.end_offsets([one for one in partitions if committed[one] is not None])
    except KafkaError:
        return None
    return sum(max(0, int(end) - int(committed[one] or 0)) for one, end in ends.items())


def _once(service_name: str, text: str) -> None:
    if (service_name, text) not in _said:
        _said.add((service_name, text))
        log.warning("%s", text)


def confluent(settings: Settings, bootstrap_servers: str | list[str] | None, topics: Sequence[str]) -> Any:
    """A confluent_kafka.Consumer for a row that declares librdkafka, subscribed."""
    try:
        from confluent_kafka import Consumer, KafkaException
    except ImportError as error:
        raise BadRow(
            settings.service_name,
            "client",
            "its profile declares librdkafka, and confluent-kafka is not installed",
            "pip install 'lagproof[confluent]'",
        ) from error
    lowered = lower(settings)
    for note in lowered.notes:
        _once(settings.service_name, f"{settings.service_name}: {note.key} is {note.loss}: {note.text}")
    properties = dict(lowered.consumer)
    if settings.instance_id is not None:
        properties["group.instance.id"] = expand(settings.instance_id, settings.service_name)
    properties |= security.for_librdkafka()
    properties["bootstrap.servers"] = security.bootstrap(bootstrap_servers)

    class Closing(Consumer):
        """Takes weak references, and says whether it is closed."""

        _closed = False

        def close(self) -> None:
            self._closed = True
            super().close()

        def __exit__(self, *_: object) -> None:
            self.close()

    try:
        consumer = Closing(properties)
    except KafkaException as error:
        raise BadRow(settings.service_name, "consumer", f"librdkafka refuses it: {error}", "") from error
    consumer.subscribe(list(topics))
    return consumer
