"""Taking changes of a row into a running consumer, by how heavy they are."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import logging
from typing import TYPE_CHECKING, Any

from . import source
from .changes import Apply, changes, worst
from .errors import BadRow, SameInstance
from .instance import Instance
from .lowering import lower
from .rollout import settle, take_turn
from .settings import Config, Settings

if TYPE_CHECKING:
    from .base_consumer import BaseKafkaConsumer

log = logging.getLogger("lagproof")


def with_hot_parts(old: Settings, new: Settings) -> Settings:
    """The old settings with everything of the new ones that needs no new consumer."""
    timer = "interval" in (old.delivery.commit, new.delivery.commit)
    delivery = dataclasses.replace(
        old.delivery,
        retry=new.delivery.retry,
        commit=old.delivery.commit if timer else new.delivery.commit,
    )
    consumer = {**old.consumer}
    consumer.pop("max_poll_records", None)
    if "max_poll_records" in new.consumer:
        consumer["max_poll_records"] = new.consumer["max_poll_records"]
    return dataclasses.replace(
        old, consumer=consumer, delivery=delivery, concurrency=new.concurrency, handler=new.handler
    )


class Following:
    """What a consumer runs with, and what it should run with."""

    def __init__(self, owner: BaseKafkaConsumer, instance: Instance, config: Config) -> None:
        self.config = config
        """What it runs with now."""
        self.instance = instance
        self.turn = asyncio.Event()
        """Set when it is this replica's turn to make its consumer anew: `restart` is to be called between batches."""
        self._owner = owner
        self._wanted: Config | None = None
        self._lag_before: int | None = None
        self._waiting: asyncio.Task[None] | None = None
        self._settling: asyncio.Task[None] | None = None
        self._reports: set[asyncio.Task[Any]] = set()
        loader = owner.loader
        self._watcher = source.Watcher(loader.db_pool, config, self._changed, loader.state_dir, loader.poll_every)

    @property
    def fenced(self) -> SameInstance | None:
        """Set where another process has taken this one's static id over."""
        return self.instance.fenced

    @property
    def name(self) -> str:
        """This replica's name."""
        return self.instance.name

    async def start(self) -> None:
        """Says what runs, and begins to follow."""
        self._runs(self.config)
        await self.instance.report()
        self.instance.start()
        self._watcher.start()

    async def stop(self) -> None:
        """Follows no more; gives back a turn that it has."""
        await self._watcher.stop()
        for task in (self._waiting, self._settling):
            if task is not None:
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)
        if self._wanted is not None and self.turn.is_set():
            await self.instance.release_lease(self._wanted.generation, None)
        await self.instance.stop()

    def _runs(self, config: Config, detail: str | None = None, state: str = "running") -> None:
        self.instance.running = config
        self.instance.state = "last-good" if config.from_file else state
        self.instance.detail = config.from_file or detail

    def _report(self) -> None:
        task = asyncio.create_task(self.instance.report())
        self._reports.add(task)
        task.add_done_callback(self._reports.discard)

    def _changed(self, config: Config) -> None:
        old, new = self.config.settings, config.settings
        self.instance.seen = config
        found = changes(old, new)
        apply = worst(found)
        name = config.service_name
        said = ", ".join(f"{key} ({how.word})" for key, how in found.items()) or "nothing that concerns it"
        log.info("%s: generation %s changes %s", name, config.generation, said)
        if self._waiting is not None:
            self._waiting.cancel()
            self._waiting = None
            self.turn.clear()
        self._wanted = None
        if apply <= Apply.HOT:
            self.config = config
            self._runs(config)
            self._report()
            return
        # What needs no new consumer is in force at once, whatever becomes of the rest.
        self.config = dataclasses.replace(self.config, settings=with_hot_parts(old, new))
        heavy = [key for key, how in found.items() if how > Apply.HOT]
        problem = self._refusal(config, heavy, apply)
        if problem is not None:
            log.error("%s: %s", name, problem)
            self.instance.state, self.instance.detail = "refused", problem
            self._report()
            return
        self._wanted = config
        replicas = "each replica leaves its group and joins it again: at most 2 rebalances a replica"
        if self.instance.static:
            replicas = (
                "each replica joins again under its static id: no rebalance, if it is back within session_timeout"
            )
        log.warning(
            "%s: generation %s changes %s, which needs a new consumer: one replica at a time; %s",
            name,
            config.generation,
            ", ".join(heavy),
            replicas,
        )
        self._waiting = asyncio.create_task(self._wait_for_turn(config), name="lagproof-turn")

    def _refusal(self, config: Config, heavy: list[str], apply: Apply) -> str | None:
        if apply is Apply.STOP_ALL:
            return (
                f"generation {config.generation} is REFUSED: {', '.join(heavy)} can't change while replicas run, since old "
                "and new ones would be in one group (or in two). It goes on as it is; to take it, stop all replicas, then "
                "start them"
            )
        try:
            lower(config.settings)
        except BadRow as error:
            return f"generation {config.generation} is REFUSED: {error}. It goes on as it is"
        return None

    async def _wait_for_turn(self, config: Config) -> None:
        self._lag_before = await take_turn(self.instance, config.generation, self._owner.lag)
        self.turn.set()

    async def restart(self) -> None:
        """Makes the consumer anew with the wanted settings; with the old ones where that fails, and says so to all."""
        wanted, owner, old = self._wanted, self._owner, self.config
        self.turn.clear()
        if wanted is None:
            return
        self._wanted = None
        self._waiting = None
        await self.instance.say("restarting", f"for generation {wanted.generation}")
        self.config = wanted
        failure: str | None = None
        try:
            await owner.make_anew()
        except Exception as error:
            failure = f"{self.instance.name} could not start with it: {type(error).__name__}: {error}"
            log.error(
                "%s: generation %s: %s; goes back to the settings before",
                wanted.service_name,
                wanted.generation,
                failure,
            )
            self.config = old
            await owner.make_anew()
        if failure is not None:
            self._runs(old, failure, "refused")
            await self.instance.report()
            await self.instance.release_lease(wanted.generation, failure)
            return
        self._runs(wanted)
        await self.instance.report()
        self._settling = asyncio.create_task(self._settle(wanted), name="lagproof-settle")

    async def _settle(self, config: Config) -> None:
        """Its turn ends once it consumes again and the group's lag is back; else the rollout stops here."""
        failure: str | None = None
        try:
            if not await self._owner.joined(60):
                failure = f"{self.instance.name} had no answer from its group 60 s after its restart"
            else:
                allowance = max(100, 2 * config.max_poll_records)
                failure = await settle(self.instance, config.generation, self._lag_before, allowance, self._owner.lag)
        except asyncio.CancelledError:
            with contextlib.suppress(Exception):
                await self.instance.release_lease(config.generation, None)
            raise
        if failure is None:
            log.info("%s: runs with generation %s", config.service_name, config.generation)
        else:
            log.error("%s: generation %s: %s: the rollout stops here", config.service_name, config.generation, failure)
        await self.instance.release_lease(config.generation, failure)


class Fixed:
    """Runs with what it was given: for a consumer that follows no database."""

    def __init__(self, config: Config) -> None:
        self.config = config
        self.turn = asyncio.Event()
        self.fenced: SameInstance | None = None
        self.name = ""

    async def start(self) -> None:
        """Nothing to follow."""

    async def restart(self) -> None:
        """Never its turn."""

    async def stop(self) -> None:
        """Nothing to end."""
