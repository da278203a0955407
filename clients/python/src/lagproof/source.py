"""A service's settings from the database: read, polled, listened for, kept in a file."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import asyncpg

from . import last_good
from .errors import DatabaseAway, LagproofError, NoRights, NotMigrated, RetiredService, UnknownService
from .listening import Ears
from .settings import Config, read_settings

log = logging.getLogger("lagproof")

_QUERY = "SELECT status, version, generation, etag, settings::text AS settings FROM lagproof.read_config_v1($1)"
# What says that the database is away rather than wrong.
AWAY: tuple[type[BaseException], ...] = (
    OSError,
    asyncio.TimeoutError,
    asyncpg.PostgresConnectionError,
    asyncpg.InterfaceError,
    asyncpg.CannotConnectNowError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.TooManyConnectionsError,
)


def explain(error: asyncpg.PostgresError) -> LagproofError | None:
    """What a refusal of the database means here; None where it means nothing special."""
    if isinstance(error, asyncpg.InsufficientPrivilegeError):
        return NoRights(str(error))
    if isinstance(error, (asyncpg.UndefinedTableError, asyncpg.UndefinedFunctionError, asyncpg.InvalidSchemaNameError)):
        return NotMigrated(str(error).split(" does not exist")[0])
    return None


async def read(pool: Any, service_name: str, timeout: float = 10.0) -> Config:
    """A service's row as it is now.

    Raises UnknownService, RetiredService, BadRow, NotMigrated, NoRights; one of AWAY where the database can't be reached.
    """
    try:
        async with pool.acquire(timeout=timeout) as connection:
            row = await connection.fetchrow(_QUERY, service_name, timeout=timeout)
            known = (
                None
                if row
                else await connection.fetch(
                    "SELECT service_name FROM public.pipeline_consumer_configs WHERE status = 'active'", timeout=timeout
                )
            )
    except asyncpg.PostgresError as error:
        meaning = explain(error)
        if meaning is None:
            raise
        raise meaning from error
    if row is None:
        raise UnknownService(service_name, (one["service_name"] for one in known or ()))
    if row["status"] == "retired":
        raise RetiredService(service_name, row["version"])
    return _config(service_name, dict(row))


def _config(service_name: str, row: dict[str, Any], from_file: str | None = None) -> Config:
    return Config(
        settings=read_settings(service_name, row["settings"]),
        version=row["version"],
        generation=int(row["generation"]),
        etag=str(row["etag"]),
        from_file=from_file,
    )


def keep(config: Config, folder: Path) -> None:
    """Writes the last-good file; a folder that can't be written to is said once a change and stops nothing."""
    row = {
        "version": config.version,
        "generation": config.generation,
        "etag": config.etag,
        "settings": dict(config.settings.document),
    }
    try:
        last_good.save(config.service_name, row, folder)
    except OSError as error:
        log.warning(
            "%s: the last good settings could not be kept in %s (%s): a start while the database is down would fail. "
            "Set LAGPROOF_STATE_DIR to a folder that can be written to",
            config.service_name,
            folder,
            error,
        )


async def read_or_last_good(pool: Any, service_name: str, folder: Path) -> Config:
    """The row; where the database is away, the last good one, said loudly. Raises DatabaseAway where there is neither."""
    try:
        config = await read(pool, service_name)
    except AWAY as error:
        row = last_good.load(service_name, folder)
        if row is None:
            raise DatabaseAway(service_name, _word(error), last_good.file_of(service_name, folder)) from error
        file = last_good.file_of(service_name, folder)
        log.error(
            "%s: THE DATABASE IS AWAY (%s): starting with the last good settings, generation %s, of %s. "
            "Changes made since are unknown; they are taken as soon as it answers",
            service_name,
            _word(error),
            row["generation"],
            file,
        )
        return _config(service_name, {**row, "settings": json.dumps(row["settings"])}, str(file))
    keep(config, folder)
    return config


def _word(error: BaseException) -> str:
    return str(error) or type(error).__name__


class Watcher:
    """Looks for another row every `every` seconds, and at once where the database says so (LISTEN).

    `changed` is called with each new Config. Troubles are logged once each, and end with the next good answer.
    """

    def __init__(
        self, pool: Any, config: Config, changed: Callable[[Config], None], folder: Path, every: float = 30.0
    ) -> None:
        self._pool = pool
        self._config = config
        self._changed = changed
        self._folder = folder
        self._every = every
        self._look = asyncio.Event()
        self._trouble: str | None = None
        self._task: asyncio.Task[None] | None = None
        self._ears: Ears | None = None

    @property
    def listening(self) -> bool:
        """Whether the database says by itself when something changed."""
        return self._ears is not None and self._ears.listening

    def start(self) -> None:
        """Begins to look."""
        self._task = asyncio.create_task(self._poll(), name="lagproof-poll")
        if self._pool.get_max_size() > 1:
            self._ears = Ears.of(self._pool)
            self._ears.add(self._config.service_name, self._look)
        else:
            log.info(
                "%s: the pool has one connection, which is not kept for LISTEN: changes are found within %g s. "
                "With max_size=2 or more they are found at once",
                self._config.service_name,
                self._every,
            )

    async def stop(self) -> None:
        """Stops looking."""
        if self._ears is not None:
            await self._ears.remove(self._look)
            self._ears = None
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None

    def look_now(self) -> None:
        """Looks at once rather than when it is due."""
        self._look.set()

    async def _poll(self) -> None:
        while True:
            # Jitter, so that a thousand replicas that started together do not ask together.
            pause = self._every if self._config.from_file is None else min(self._every, 5.0)
            with contextlib.suppress(asyncio.TimeoutError):
                await asyncio.wait_for(self._look.wait(), pause * random.uniform(0.9, 1.1))
            self._look.clear()
            await self._once()

    async def _once(self) -> None:
        name = self._config.service_name
        try:
            config = await read(self._pool, name)
        except asyncio.CancelledError:
            raise
        except LagproofError as error:
            self._say(f"{error}. It goes on with generation {self._config.generation}")
            return
        except Exception as error:
            self._say(
                f"{name}: the database is away ({_word(error)}): it goes on with generation {self._config.generation} "
                "and takes changes as soon as it answers"
            )
            return
        if self._trouble is not None:
            self._trouble = None
            log.warning("%s: the database answers again", name)
        if config.etag == self._config.etag and self._config.from_file is None:
            return
        self._config = config
        keep(config, self._folder)
        try:
            self._changed(config)
        except Exception:
            log.exception("%s: generation %s could not be taken", name, config.generation)

    def _say(self, trouble: str) -> None:
        if trouble != self._trouble:
            self._trouble = trouble
            log.error("%s", trouble)
