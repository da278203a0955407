"""Real servers, started by the tests, and a service a test."""

from __future__ import annotations

import json
import uuid
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import asyncpg
import pytest
import pytest_asyncio
from kafka import Kafka
from postgres import Postgres


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    server = Postgres()
    yield server
    server.stop()


@pytest.fixture(scope="session")
def kafka() -> Iterator[Kafka]:
    broker = Kafka()
    yield broker
    broker.stop()


@dataclass
class Service:
    """A seeded service, with a database of its own."""

    postgres: Postgres
    database: str
    pool: Any
    state_dir: Path
    name: str = field(default_factory=lambda: f"svc-{uuid.uuid4().hex[:8]}")
    version: int = 0

    async def seed(self, topics: list[str], *, consumer: dict[str, Any] | None = None, **settings: Any) -> None:
        """Seeds it, or seeds it again with another version."""
        self.version += 1
        document = {
            "client": "aiokafka",
            "group": f"group-{self.name}",
            "group_protocol": "classic",
            "topics": topics,
            "consumer": {
                "max_poll_records": 500,
                "session_timeout_ms": 10000,
                "heartbeat_interval_ms": 500,
                "max_poll_interval_ms": 60000,
                "auto_offset_reset": "earliest",
                "fetch_max_wait_ms": 100,
                "retry_backoff_ms": 100,
                **(consumer or {}),
            },
            "delivery": {"commit": "after-batch", "commit_interval_ms": 5000, "isolation": "read-committed"},
            "concurrency": 1,
            "handler": "inline",
            **settings,
        }
        await self.owner(
            "SELECT lagproof.seed_service_v1($1, $2, $3, $4::jsonb)",
            self.name,
            self.version,
            f"digest-{self.version}",
            json.dumps({"settings": document, "context": {}}),
        )

    @property
    def group(self) -> str:
        return f"group-{self.name}"

    async def owner(self, sql: str, *arguments: Any) -> Any:
        """Asks as the owner; answers the first value."""
        connection = await asyncpg.connect(self.postgres.url(self.database))
        try:
            return await connection.fetchval(sql, *arguments)
        finally:
            await connection.close()

    async def update(self, **columns: Any) -> None:
        """What a person does."""
        sets = ", ".join(f"{column} = ${index + 2}" for index, column in enumerate(columns))
        await self.owner(
            f"UPDATE pipeline_consumer_configs SET {sets} WHERE service_name = $1", self.name, *columns.values()
        )


@pytest_asyncio.fixture
async def service(postgres: Postgres, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Service]:
    """Its pool logs in as a service does, with no more rights than that."""
    monkeypatch.setenv("LAGPROOF_STATE_DIR", str(tmp_path / "state"))
    database = postgres.database()
    if postgres.psql("SELECT count(*) FROM pg_roles WHERE rolname = 'app'") == "0":
        postgres.psql("CREATE ROLE app LOGIN IN ROLE lagproof_service")
    pool = await asyncpg.create_pool(postgres.url(database, "app"), min_size=1, max_size=4)
    yield Service(postgres, database, pool, tmp_path / "state")
    pool.terminate()
