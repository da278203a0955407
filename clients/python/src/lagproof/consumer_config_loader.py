"""Settings from the database for consumers that are written by hand: `KafkaConsumerConfigLoader`."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

import asyncpg
from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, TopicPartition

from . import last_good, source
from .changes import Apply, changes, worst
from .clients import AIOKAFKA, confluent, is_alive, make_aiokafka, start_aiokafka, topics_of
from .errors import SameInstance
from .instance import Instance
from .metrics import memory_megabytes
from .settings import Config, expand

log = logging.getLogger("lagproof")

POLL_EVERY = 30.0


class KafkaConsumerConfigLoader:
    """Reads how services should run, makes their consumers, and follows changes.

    ```python
    db_pool = await asyncpg.create_pool(os.getenv("DATABASE_URL"))
    loader = KafkaConsumerConfigLoader(db_pool)
    consumer = await loader.create_consumer(
        service_name="service-name", topics=["topic-name"], bootstrap_servers="kafka:9092"
    )
    while True:
        for partition, records in (await loader.poll_with_limit(consumer, "service-name")).items():
            ...
    ```

    Batch sizes follow the table while the consumer runs. What needs a new consumer is said in the log: restart the
    service then, or write it as a `BaseKafkaConsumer`, which does that by itself.
    """

    def __init__(
        self, db_pool: Any, *, poll_every: float = POLL_EVERY, state_dir: str | os.PathLike[str] | None = None
    ):
        """`poll_every` is in seconds; `state_dir` holds the last-good files (default: see `lagproof.last_good`)."""
        self.db_pool = db_pool
        self.poll_every = poll_every
        self.state_dir = Path(state_dir) if state_dir is not None else last_good.folder()
        self._configs: dict[str, Config] = {}
        self._watchers: dict[str, source.Watcher] = {}
        self._instances: dict[str, list[Instance]] = {}
        self._drained: dict[int, asyncio.Future[Drained]] = {}
        self._ended: dict[int, Exception] = {}
        """By consumer, what is to be raised once the records that came before it are handed out."""

    async def load_config(self, service_name: str) -> Config:
        """The service's row as it is now; the last good one where the database is away, which is said loudly.

        Raises UnknownService (which says what is known), RetiredService, BadRow, NotMigrated (which says what to run),
        NoRights, and DatabaseAway where there is no last good one either.
        """
        config = await source.read_or_last_good(self.db_pool, service_name, self.state_dir)
        self._configs[service_name] = config
        return config

    async def create_consumer(
        self,
        service_name: str,
        topics: Sequence[str] | None = None,
        bootstrap_servers: str | list[str] | None = None,
        *,
        listener: ConsumerRebalanceListener | None = None,
        start_within: float = 60.0,
    ) -> Any:
        """A consumer with every setting of the row, started and subscribed.

        An AIOKafkaConsumer; for rows that declare librdkafka a confluent_kafka.Consumer (`pip install
        'lagproof[confluent]'`). Without `topics` it reads the row's; without `bootstrap_servers`, the ones of
        KAFKA_BOOTSTRAP_SERVERS. Security comes from the environment (see `lagproof.security`).

        Raises what `load_config` raises, NoTopics, SecurityMissing, SameInstance, and aiokafka's KafkaConnectionError
        where no broker answers for `start_within` seconds.
        """
        config = await self.load_config(service_name)
        settings = config.settings
        wanted = topics_of(settings, topics)
        consumer: Any
        await self._forget_stopped(service_name)
        if settings.client == "librdkafka":
            instance = self._instance(config, "librdkafka")
            await instance.claim()
            consumer = await asyncio.to_thread(confluent, settings, bootstrap_servers, wanted)
        else:
            make_aiokafka(settings, bootstrap_servers)._closed = True  # refused here rather than after a wait
            instance = self._instance(config, AIOKAFKA)
            await instance.claim()
            consumer = await start_aiokafka(
                lambda: make_aiokafka(settings, bootstrap_servers), wanted, service_name, listener, start_within
            )
        for left in (self._drained, self._ended):
            left.pop(id(consumer), None)  # of one that is gone, and had the same id
        instance.running, instance.is_alive = config, is_alive(consumer)
        await instance.say("last-good" if config.from_file else "running", config.from_file)
        instance.start()
        self._instances.setdefault(service_name, []).append(instance)
        self.watch(service_name)
        log.info(
            "%s: consumes %s with version %s, generation %s: batches of at most %s",
            service_name,
            ", ".join(wanted),
            config.version,
            config.generation,
            config.max_poll_records,
        )
        return consumer

    async def poll_with_limit(
        self, consumer: Any, service_name: str, timeout_ms: int = 1000
    ) -> dict[TopicPartition, list[Any]]:
        """The records that are there, at most the service's max_poll_records as it is now; waits for the first one only.

        Empty after `timeout_ms` without a record. Commit when they are processed. Raises the client's final errors, once
        all records that came with them are handed out.
        """
        config = self._configs.get(service_name) or await self.load_config(service_name)
        if isinstance(consumer, AIOKafkaConsumer):
            self.watch(service_name)
            found: dict[TopicPartition, list[Any]] = await consumer.getmany(
                timeout_ms=timeout_ms, max_records=config.max_poll_records
            )
            return found
        # A caller that is cancelled gets with its next call what the thread has taken: it would be skipped, and committed.
        if (ended := self._ended.pop(id(consumer), None)) is not None:
            raise ended
        drained = self._drained.pop(id(consumer), None) or asyncio.ensure_future(
            asyncio.to_thread(_drain, consumer, config.max_poll_records, timeout_ms / 1000)
        )
        try:
            found, error = await asyncio.shield(drained)
        except asyncio.CancelledError:
            self._drained[id(consumer)] = drained
            raise
        if error is not None:
            if not found:
                raise error
            self._ended[id(consumer)] = error
        return found

    async def get_processing_recommendations(self, service_name: str | None = None) -> list[dict[str, Any]]:
        """What should be done about a service, or about all: the alerts of the database, the most urgent first.

        Each has service_name, priority, alert, problem, recommendation, and where it is a setting: setting,
        current_value, recommended_value.
        """
        rows = await self._ask("SELECT * FROM lagproof.recommendations_v1($1)", service_name)
        return [dict(row) for row in rows]

    async def record_consumer_lag(
        self, service_name: str, topic: str, partition: int, lag: int, consumer_offset: int | None = None
    ) -> None:
        """Records how far behind a partition is, in records: log end minus position, the position read first."""
        await self._ask(
            "SELECT public.record_consumer_lag($1, $2, $3, $4, $5)",
            service_name,
            topic,
            partition,
            lag,
            consumer_offset,
        )

    async def record_processing_metrics(
        self,
        service_name: str,
        messages_processed: int,
        processing_time_ms: float | None = None,
        messages_per_second: float | None = None,
        memory_usage_mb: float | None = None,
        *,
        messages_failed: int | None = None,
        rebalances: int | None = None,
        instance: str | None = None,
    ) -> None:
        """Records what this replica processed since its last call; its memory is measured where it is not given."""
        own = self._instances.get(service_name)
        await self._ask(
            "SELECT public.record_processing_metrics($1, $2, $3, $4, $5, now(), $6, $7, $8)",
            service_name,
            messages_processed,
            processing_time_ms,
            messages_per_second,
            memory_megabytes() if memory_usage_mb is None else memory_usage_mb,
            messages_failed,
            rebalances,
            instance or (own[-1].name if own else None),
        )

    def watch(self, service_name: str) -> None:
        """Begins to follow a service's row, unless that goes on already; `load_config` must have read it."""
        if service_name not in self._watchers:
            config = self._configs[service_name]
            watcher = source.Watcher(self.db_pool, config, self._changed, self.state_dir, self.poll_every)
            self._watchers[service_name] = watcher
            watcher.start()

    async def close(self) -> None:
        """Stops following, and says that what ran here has stopped. Consumers are stopped by who uses them."""
        for watcher in self._watchers.values():
            await watcher.stop()
        for instances in self._instances.values():
            for instance in instances:
                await instance.stop()
        self._watchers, self._instances = {}, {}

    async def __aenter__(self) -> KafkaConsumerConfigLoader:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    @property
    def fenced(self) -> SameInstance | None:
        """Set where another process has taken this one's static member id over: stop then."""
        return next((one.fenced for own in self._instances.values() for one in own if one.fenced), None)

    def _instance(self, config: Config, client: str) -> Instance:
        instance = Instance(self.db_pool, config.service_name, client)
        if config.settings.instance_id is not None:
            instance.name, instance.static = expand(config.settings.instance_id, config.service_name), True
        return instance

    async def _forget_stopped(self, service_name: str) -> None:
        """Their names are free then, for who comes next."""
        instances = self._instances.get(service_name, [])
        for stopped in [one for one in instances if not one.is_alive()]:
            instances.remove(stopped)
            await stopped.stop()

    def _changed(self, config: Config) -> None:
        before = self._configs[config.service_name]
        found = changes(before.settings, config.settings)
        self._configs[config.service_name] = config
        heavy = [key for key, apply in found.items() if apply > Apply.HOT]
        for instance in self._instances.get(config.service_name, ()):
            if not instance.is_alive():
                continue
            assert instance.running is not None
            lasting = worst(changes(instance.running.settings, config.settings))
            instance.seen = config
            if lasting <= Apply.HOT:
                instance.running, instance.state, instance.detail = config, "running", None
            else:
                instance.state, instance.detail = "refused", f"{', '.join(heavy)} need a restart of the service"
            instance_report = asyncio.ensure_future(instance.report())
            _background.add(instance_report)
            instance_report.add_done_callback(_background.discard)
        if heavy:
            log.warning(
                "%s: generation %s changes %s, which this consumer can't take while it runs: restart the service%s",
                config.service_name,
                config.generation,
                ", ".join(heavy),
                " (stop all replicas, then start)"
                if worst(found) == Apply.STOP_ALL
                else ", one replica after the other",
            )
        if found:
            log.info(
                "%s: generation %s: batches of at most %s",
                config.service_name,
                config.generation,
                config.max_poll_records,
            )

    async def _ask(self, sql: str, *arguments: Any) -> Any:
        try:
            return await self.db_pool.fetch(sql, *arguments)
        except asyncpg.PostgresError as error:
            meaning = source.explain(error)
            if meaning is None:
                raise
            raise meaning from error


_background: set[asyncio.Future[Any]] = set()


Drained = tuple[dict[TopicPartition, list[Any]], Exception | None]


def _drain(consumer: Any, most: int, timeout: float) -> Drained:
    """One poll that blocks, then what is there already: librdkafka's own batch call waits for a whole batch.

    With a final error come the records around it: their offsets are stored, so they would be committed unprocessed.
    """
    from confluent_kafka import KafkaException

    final: Exception | None = None
    first = consumer.poll(timeout)
    messages = [] if first is None else [first]
    if messages and most > 1:
        try:
            messages += consumer.consume(most - 1, 0)
        except (KafkaException, RuntimeError) as error:
            final = error
    found: dict[TopicPartition, list[Any]] = {}
    for message in messages:
        if message.error() is not None:
            if message.error().retriable() or not message.error().fatal():
                log.warning("librdkafka: %s", message.error())
                continue
            final = final or KafkaException(message.error())
            continue
        found.setdefault(TopicPartition(message.topic(), message.partition()), []).append(message)
    return found, final
