"""Processes killed, the broker and the database restarted under load: nothing lost, by sequence numbers."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import Service
from kafka import Kafka, eventually
from test_live import Load


class Replica:
    """A process that consumes."""

    def __init__(self, service: Service, kafka: Kafka, folder: Path, number: int) -> None:
        self.out = folder / f"out-{number}"
        self.log = folder / f"log-{number}"
        self.process = subprocess.Popen(
            [sys.executable, Path(__file__).parent / "survivor.py", service.name]
            + [service.postgres.url(service.database, "app"), kafka.bootstrap, self.out],
            stderr=self.log.open("ab"),
            env={**os.environ, "LAGPROOF_STATE_DIR": str(folder / "state")},
        )

    def numbers(self) -> list[int]:
        """What it processed, in its order."""
        return [int(line.split()[3]) for line in self.out.read_text().splitlines()] if self.out.exists() else []

    async def ended(self) -> int:
        """Its exit status."""
        return await asyncio.to_thread(self.process.wait, 60)


def seen(replicas: list[Replica]) -> list[int]:
    return [number for one in replicas for number in one.numbers()]


@pytest.mark.parametrize("trouble", ["kill -9", "broker", "database"])
async def test_nothing_is_lost(
    service: Service, kafka: Kafka, tmp_path: Path, trouble: str, capsys: pytest.CaptureFixture[str]
) -> None:
    topic = await kafka.topic(4)
    await service.seed([topic], consumer={"session_timeout_ms": 6000, "heartbeat_interval_ms": 500}, concurrency=4)
    replicas = [Replica(service, kafka, tmp_path, number) for number in range(2)]
    try:
        async with Load(kafka, topic, 200) as load:
            await eventually(lambda: all(one.numbers() for one in replicas), within=60)
            if trouble == "kill -9":
                replicas[0].process.kill()
                assert await replicas[0].ended() == -signal.SIGKILL
                replicas.append(Replica(service, kafka, tmp_path, 2))
                await eventually(lambda: replicas[2].numbers(), within=60)
            elif trouble == "broker":
                await kafka.atell("kill")
                await asyncio.sleep(2)
                await kafka.atell("resume")
            else:
                await asyncio.to_thread(service.postgres.crash)
                await asyncio.sleep(3)
                before = len(seen(replicas))
                await eventually(lambda: len(seen(replicas)) > before + 50, what="it goes on without the database")
                await asyncio.to_thread(service.postgres.restart)
                await service.update(max_poll_records=7)
                generation = await service.owner(
                    "SELECT generation FROM pipeline_consumer_configs WHERE service_name = $1", service.name
                )

                async def caught_up() -> bool:
                    said = "SELECT count(*) FROM lagproof.acknowledgements WHERE service_name = $1 AND generation = $2"
                    return bool(await service.owner(said, service.name, generation) == 2)

                await eventually(caught_up, within=90)
            at = len(seen(replicas))
            await eventually(lambda: len(seen(replicas)) > at + 200, within=60)
            await load.stop()
        assert load.acked
        await eventually(lambda: set(seen(replicas)) >= load.acked, within=90, what="every record is processed")
        for one in replicas:
            if one.process.poll() is None:
                one.process.send_signal(signal.SIGTERM)
        statuses = [await one.ended() for one in replicas]
    finally:
        await asyncio.to_thread(service.postgres.up)
        for one in replicas:
            if one.process.poll() is None:
                one.process.kill()
    assert statuses == ([-signal.SIGKILL, 0, 0] if trouble == "kill -9" else [0, 0])
    numbers = seen(replicas)
    repeated = len(numbers) - len(set(numbers))
    assert load.acked <= set(numbers), "nothing lost"
    assert await kafka.committed(service.group, topic) == await kafka.ends(topic)
    with capsys.disabled():
        lost = len(load.acked - set(numbers))
        print(f"\n  {trouble}: {len(load.acked)} acknowledged, {lost} lost, {repeated} processed twice")
