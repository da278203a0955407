"""The consumer to subclass: `BaseKafkaConsumer`."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Sequence
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import ConsumerStoppedError, KafkaError

from .breaker import CircuitBreaker
from .clients import AIOKAFKA, end_aiokafka, group_lag, make_aiokafka, start_aiokafka, topics_of
from .commits import Commits
from .consumer_config_loader import KafkaConsumerConfigLoader
from .errors import DownstreamUnavailable, Stopped
from .failures import Failures, OnPoison
from .following import Fixed, Following
from .handling import Handling
from .instance import Instance
from .membership import FATAL, Listener, end_overdue_handlers, keep_membership
from .metrics import Counters
from .recording import Recorder
from .settings import Config, Settings, expand
from .signals import Signals
from .work import Work

log = logging.getLogger("lagproof")


class BaseKafkaConsumer:
    """A consumer that runs as its row says and follows changes of it.

    ```python
    class MotionFilter(BaseKafkaConsumer):
        async def process(self, record):
            ...

    asyncio.run(MotionFilter("motion-event-filter", db_pool).run())  # from inside a coroutine: await …run()
    ```

    Override `process` (one record) or `process_batch` (a list of at most max_poll_records). Async ones run in the event
    loop; plain functions run in threads. A handler that raises is tried again as the row's `retry` says, then goes to
    the dead-letter topic. `DownstreamUnavailable` and the classes in `downstream_errors` open the circuit breaker
    instead: the record is kept, partitions are paused, and one record at a time tries whether it is up again.

    Offsets are committed when records are processed, unless the row says otherwise (`commit`). A crash repeats at most
    what was in hand; nothing is lost.
    """

    downstream_errors: tuple[type[BaseException], ...] = (DownstreamUnavailable, ConnectionError)
    on_poison: OnPoison = OnPoison.STOP
    metrics_every: float = 10.0
    """Seconds between rows of metrics; 0 records none."""
    grace: float = 30.0
    """Seconds that handlers may go on after a stop; then they are cancelled, and their records are read again."""

    def __init__(
        self,
        service_name: str,
        db_pool: Any = None,
        *,
        topics: Sequence[str] | None = None,
        bootstrap_servers: str | list[str] | None = None,
        loader: KafkaConsumerConfigLoader | None = None,
    ) -> None:
        """Give `db_pool` (asyncpg), or a `loader` that several consumers share."""
        if loader is None and db_pool is None:
            raise TypeError("give db_pool, an asyncpg pool, or loader")
        self.service_name = service_name
        self.loader = loader or KafkaConsumerConfigLoader(db_pool)
        self.bootstrap_servers = bootstrap_servers
        self.counters = Counters()
        self.positions: dict[TopicPartition, int] = {}
        """By partition that it holds: one past the last record that is processed."""
        self._given_topics = topics
        self._breaker = CircuitBreaker(service_name)
        self._handling = Handling(
            self.process if self._overrides("process") and not self._overrides("process_batch") else None,
            self.process_batch if self._overrides("process_batch") else None,
        )
        self._failures = Failures(self, self._handling, self._breaker)
        self._stop = asyncio.Event()
        self._ready = asyncio.Event()
        self._assigned = asyncio.Event()
        self._work: Work | None = None
        self._is_paused = False
        self._stash: dict[TopicPartition, list[Any]] = {}
        self._refusal: KafkaError | None = None
        self._commits = Commits(service_name)
        self._consumer: AIOKafkaConsumer | None = None
        self._following: Following | Fixed | None = None

    # ---- for subclasses

    async def process(self, record: Any) -> None:
        """Handles one record. To be overridden (or `process_batch`); may be a plain function."""
        raise NotImplementedError("override process or process_batch")

    async def process_batch(self, records: list[Any]) -> None:
        """Handles a batch; where it raises, its records are handed over again, one by one."""
        raise NotImplementedError("override process or process_batch")

    async def started(self) -> None:
        """Called once, when the consumer has joined for the first time. To be overridden."""

    async def batch_begins(self, work: Work) -> None:
        """Called before a batch's first record. To be overridden."""

    def record_failed(self, record: Any, dead: bool) -> None:
        """Called for a record that failed for good and is passed by; `dead`: it is in the dead-letter topic. To be
        overridden."""

    # ---- running

    @property
    def config(self) -> Config:
        """What it runs with now."""
        assert self._following is not None, "run() has not begun"
        return self._following.config

    @property
    def settings(self) -> Settings:
        """The settings of that."""
        return self.config.settings

    @property
    def _commits_itself(self) -> bool:
        """Whether offsets are committed here, once records are processed, rather than before or by the client."""
        return self.settings.delivery.commit in ("after-batch", "after-record")

    @property
    def topics(self) -> list[str]:
        """What it reads."""
        return topics_of(self.settings, self._given_topics)

    def stop(self) -> None:
        """Ends `run` in good order: what is in hand is finished and committed, and the group left."""
        self._stop.set()
        later = asyncio.get_running_loop().call_later
        self._commits.give_up_later()
        if self._work is not None:
            later(self.grace, self._abandon, self._work)
            if self._commits_itself:
                self._work.stop()

    def _abandon(self, work: Work) -> None:
        if self._work is work:
            log.error(
                "%s: %d records were still in handlers %g s after the stop: cancelled, and read again by who gets them",
                self.service_name,
                work.left,
                self.grace,
            )
            work.abandon()

    async def ready(self) -> None:
        """Until it has joined its group for the first time."""
        await self._ready.wait()

    async def run(self, *, handle_signals: bool = True) -> None:
        """Consumes until `stop`, SIGTERM or SIGINT.

        Raises what `load_config` raises, PoisonRecord (see `on_poison`), SameInstance, and Kafka's refusals of access.
        """
        self._following = following = await self._follow()
        signals = Signals(self.stop) if handle_signals else None
        recorder: Recorder | None = None
        watchers = [asyncio.ensure_future(watch(self)) for watch in (keep_membership, end_overdue_handlers)]
        try:
            self._consumer = await self._started_consumer()
            await following.start()
            recorder = Recorder(self, following.name)
            recorder.start()
            await self.started()
            self._ready.set()
            await self._consume()
        except Stopped:
            pass  # while no broker answered: there is nothing to finish
        finally:
            for watcher in watchers:
                watcher.cancel()
            if recorder is not None:
                await recorder.stop()
            if self._consumer is not None:
                await end_aiokafka(self._consumer)
            await following.stop()
            await self._failures.close()
            self._handling.close()
            if signals is not None:
                signals.restore()
        if following.fenced is not None:
            raise following.fenced

    async def _follow(self) -> Following | Fixed:
        """What it runs with, and what follows it; refuses now what could not start later."""
        config = await self.loader.load_config(self.service_name)
        topics_of(config.settings, self._given_topics)
        make_aiokafka(config.settings, self.bootstrap_servers)._closed = True
        instance = Instance(self.loader.db_pool, self.service_name, AIOKAFKA)
        if config.settings.instance_id is not None:
            instance.name, instance.static = expand(config.settings.instance_id, self.service_name), True
        await instance.claim()
        return Following(self, instance, config)

    async def _started_consumer(self) -> AIOKafkaConsumer:
        self._assigned.clear()
        return await start_aiokafka(
            self._make,
            self.topics,
            self.service_name,
            Listener(self),
            within=None,
            stopped=self._stop.is_set,
        )

    def _make(self) -> AIOKafkaConsumer:
        return make_aiokafka(self.settings, self.bootstrap_servers)

    async def _consume(self) -> None:
        following = self._following
        assert following is not None
        trouble = 0.0
        while not self._stop.is_set():
            if following.fenced is not None:
                return
            if following.turn.is_set():
                await following.restart()
            consumer = self._consumer
            assert consumer is not None
            try:
                batch, self._stash = self._stash, {}
                if self._refusal is not None and (self._commits_itself or not batch):
                    raise self._refusal  # after what the client's timer commits, else before it: it is read again
                if not batch:
                    batch = await consumer.getmany(timeout_ms=250, max_records=self.settings.max_poll_records)
                if batch:
                    await self._in_hand(batch)
                trouble = 0.0
            except (*FATAL, ConsumerStoppedError):
                raise
            except KafkaError as error:
                trouble = min(max(trouble * 2, 0.5), 30.0)
                log.error(
                    "%s: %s: makes its consumer anew in %g s; what was not committed is read again",
                    self.service_name,
                    f"{type(error).__name__}: {error}",
                    trouble,
                )
                with contextlib.suppress(asyncio.TimeoutError):
                    await asyncio.wait_for(self._stop.wait(), trouble)
                await self.make_anew()

    async def make_anew(self) -> None:
        """Leaves the group and joins it again with a new consumer. Between batches only."""
        consumer, self._consumer = self._consumer, None
        for known in (self._stash, self._commits.known, self.positions):
            known.clear()
        if consumer is not None:
            await end_aiokafka(consumer)
        self._consumer = await self._started_consumer()

    async def joined(self, within: float) -> bool:
        """Until it has partitions, or knows that there are none for it. False where that takes longer."""
        try:
            await asyncio.wait_for(self._assigned.wait(), within)
        except TimeoutError:
            return False
        return True

    async def lag(self) -> int | None:
        """How far the whole group is behind, in records, by what it committed; None where it can't be told now."""
        return None if self._consumer is None else await group_lag(self._consumer, self.topics)

    @property
    def work(self) -> Work | None:
        """The batch in hand."""
        return self._work

    @property
    def downstream_is_down(self) -> bool:
        """Whether the circuit breaker is open."""
        return self._breaker.is_open

    def set_aside(self, partition: TopicPartition, records: list[Any]) -> None:
        """Records that came while a batch is in hand: they are the next one."""
        self._stash.setdefault(partition, []).extend(records)

    def refused(self, error: KafkaError) -> None:
        """Kafka refused access while a batch is in hand: `run` ends with that once what is in handlers is through."""
        self._refusal = error
        if self._work is not None and self._commits_itself:
            self._work.stop()

    def _pause_partitions(self) -> None:
        """Fetches nothing further until the batch in hand is through."""
        if self._consumer is not None:
            self._is_paused = True
            self._consumer.pause(*self._consumer.assignment())

    @property
    def consumer(self) -> AIOKafkaConsumer | None:
        """The client; another one after a restart."""
        return self._consumer

    # ---- a batch

    async def _in_hand(self, batch: dict[TopicPartition, list[Any]]) -> None:
        settings = self.settings
        commit = settings.delivery.commit
        if self._stop.is_set() and self._commits_itself:
            return  # not begun, and so read again
        if commit == "on-receipt":
            await self._commit({partition: records[-1].offset + 1 for partition, records in batch.items()})
        work = Work(
            batch,
            self._handling.run,
            self._failures.see_through,
            self._breaker,
            settings.max_poll_interval_ms / 1000,
            self._commit_done if commit == "after-record" else None,
            self._isolates,
        )
        self._work = work
        await self.batch_begins(work)
        if self._stop.is_set():
            asyncio.get_running_loop().call_later(self.grace, self._abandon, work)
        done = 0
        try:
            await work.run(1 if self._handling.is_batch else settings.concurrency)
            done = work.records - work.left
        finally:
            self._work = None
            self.counters.processed += done
            self.counters.busy_ms += work.busy * 1000
            positions = work.positions()
            consumer = self._consumer
            if consumer is not None:
                held = consumer.assignment()
                self.positions.update({at: to for at, to in positions.items() if at in held})
                if self._commits_itself and positions:
                    await self._commit(positions)
                if self._is_paused:
                    self._is_paused = False
                    consumer.resume(*consumer.paused())

    def _isolates(self, error: BaseException) -> bool:
        """Whether a batch that failed with it is taken apart."""
        return self._handling.is_batch and not isinstance(error, self.downstream_errors)

    # ---- commits and rebalances

    async def _commit_done(self, work: Work) -> None:
        await self._commit(work.positions())

    async def _commit(self, positions: dict[TopicPartition, int]) -> None:
        if self._consumer is not None:
            await self._commits.commit(self._consumer, positions, self._stop.is_set())

    async def _revoked(self, revoked: set[TopicPartition]) -> None:
        work = self._work
        if work is not None:
            if self._commits_itself:
                work.stop()  # what is not begun is read again; where the client commits, it would be lost
            patience = self.settings.consumer.get("rebalance_timeout_ms") or self.settings.consumer.get(
                "session_timeout_ms", 10_000
            )
            if not await work.idle(patience / 1000 * 0.8):
                log.warning(
                    "%s: %d records were still in handlers when the group could not wait any longer: cancelled, and read "
                    "again by who gets their partitions",
                    self.service_name,
                    work.left,
                )
                work.abandon()
                await work.idle(1.0)
            if self._commits_itself:
                with contextlib.suppress(KafkaError):
                    await self._commit(work.positions())
        for partition in revoked:
            self.positions.pop(partition, None)
            self._commits.known.pop(partition, None)
            self._stash.pop(partition, None)

    async def _given(self, assigned: set[TopicPartition]) -> None:
        self.counters.rebalances += 1
        self._assigned.set()
        log.info("%s: has %d partitions", self.service_name, len(assigned))

    def _overrides(self, name: str) -> bool:
        return getattr(type(self), name) is not getattr(BaseKafkaConsumer, name)
