"""The README from the beginning: an empty virtual environment, its install, and its two samples as they are written."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from conftest import Service
from kafka import Kafka, eventually

PACKAGE = Path(__file__).resolve().parents[1]

RUN_THE_FIRST = """
import asyncio

async def main():
    consumer, loader = await create_optimized_consumer()
    print(sum(len(records) for records in (await loader.poll_with_limit(consumer, 'SERVICE', timeout_ms=20000)).values()))
    await consumer.commit()
    await consumer.stop()
    await loader.close()

asyncio.run(main())
"""


def samples(service: Service, topic: str, kafka: Kafka) -> list[str]:
    """The README's Python, with the names of this test."""
    found = re.findall(r"```python\n(.*?)```", (PACKAGE / "README.md").read_text(), re.DOTALL)
    assert len(found) == 2
    names = {
        "service-name": service.name,
        "motion-filter": service.name,
        "topic-name": topic,
        "kafka:9092": kafka.bootstrap,
    }
    for name, own in names.items():
        found = [text.replace(name, own) for text in found]
    return found


async def test_a_fresh_install_runs_the_samples(service: Service, kafka: Kafka, tmp_path: Path) -> None:
    topic = await kafka.topic(1)
    await service.seed([topic])
    await kafka.produce(topic, [b"x"] * 5)
    # Built in a copy: nothing is left in the source.
    source = tmp_path / "lagproof"
    shutil.copytree(PACKAGE, source, ignore=shutil.ignore_patterns("*.egg-info", "build", "__pycache__", ".*cache"))
    python = tmp_path / "venv/bin/python"

    async def run(*command: object, env: dict[str, str] | None = None) -> str:
        done = await asyncio.to_thread(
            subprocess.run, [str(word) for word in command], capture_output=True, text=True, env=env, timeout=300
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    await run(sys.executable, "-m", "venv", tmp_path / "venv")
    await run(python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", source)
    environment = {
        **os.environ,
        "DATABASE_URL": service.postgres.url(service.database, "app"),
        "KAFKA_BOOTSTRAP_SERVERS": kafka.bootstrap,
    }
    first, second = samples(service, topic, kafka)
    script = tmp_path / "first.py"
    script.write_text(first + RUN_THE_FIRST.replace("SERVICE", service.name))
    assert await run(python, script, env=environment) == "5\n"
    assert await kafka.committed(service.group, topic) == {0: 5}

    script = tmp_path / "second.py"
    script.write_text(second)
    process = await asyncio.create_subprocess_exec(str(python), str(script), env=environment)
    try:
        await kafka.produce(topic, [b"x"] * 3)

        async def consumed() -> bool:
            return await kafka.committed(service.group, topic) == {0: 8}

        await eventually(consumed, within=60)
        process.terminate()
        assert await asyncio.wait_for(process.wait(), 60) == 0, "SIGTERM stops it in good order"
    finally:
        if process.returncode is None:
            process.kill()
