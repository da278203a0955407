"""What BaseKafkaConsumer costs over a bare aiokafka loop with the same settings: paired runs, alternating, A B B A.

usage: overhead.py [--rounds N]      prints a table; exit status 1 where the claim is missed
"""

from __future__ import annotations

import argparse
import asyncio
import os
import shutil
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

import asyncpg
from conftest import Service
from kafka import Kafka
from postgres import Postgres

from lagproof import BaseKafkaConsumer, KafkaConsumerConfigLoader
from lagproof.clients import make_aiokafka

CLAIM = 0.10
# Long enough that what a start costs once (the row, LISTEN, the first report) is not taken for what records cost.
SIZES = ((100, 800_000), (10_000, 40_000))
CHUNK = 50_000


async def handler(record: Any) -> None:
    """The trivial one, which both sides await."""


class Based(BaseKafkaConsumer):
    def __init__(self, count: int, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self.left = count
        self.first = self.last = 0.0

    async def process(self, record: Any) -> None:
        pass

    async def batch_begins(self, work: Any) -> None:
        if not self.first:
            self.first = time.perf_counter()
            self.cpu = time.process_time()
        self.left -= work.records
        if self.left <= 0:
            self.stop()
            self._stop_after = work

    def stop(self) -> None:
        # The last batch is to be processed, not cut short.
        self._stop.set()


async def based(service: Service, kafka: Kafka, count: int) -> tuple[float, float]:
    """Seconds, and CPU seconds, from the first batch to the last commit."""
    loader = KafkaConsumerConfigLoader(service.pool, state_dir=service.state_dir)
    consumer = Based(count, service.name, loader=loader, bootstrap_servers=kafka.bootstrap)
    commit = consumer._commit

    async def timed(positions: Any) -> None:
        await commit(positions)
        consumer.last = time.perf_counter()
        consumer.spent = time.process_time()

    consumer._commit = timed  # type: ignore[method-assign]
    await consumer.run(handle_signals=False)
    assert consumer.left <= 0
    return consumer.last - consumer.first, consumer.spent - consumer.cpu


async def bare(service: Service, kafka: Kafka, count: int) -> tuple[float, float]:
    """The loop that one writes by hand: poll, handle, commit."""
    loader = KafkaConsumerConfigLoader(service.pool, state_dir=service.state_dir)
    config = await loader.load_config(service.name)
    consumer = make_aiokafka(config.settings, kafka.bootstrap)
    consumer.subscribe(list(config.settings.topics))
    await consumer.start()
    first = cpu = 0.0
    try:
        while count > 0:
            batch = await consumer.getmany(timeout_ms=250, max_records=500)
            if not batch:
                continue
            if not first:
                first, cpu = time.perf_counter(), time.process_time()
            for records in batch.values():
                for record in records:
                    await handler(record)
                count -= len(records)
            await consumer.commit()
        return time.perf_counter() - first, time.process_time() - cpu
    finally:
        await consumer.stop()


async def measure(rounds: int) -> int:
    postgres, kafka, folder = Postgres(), Kafka(), tempfile.mkdtemp(prefix="lagproof-bench-")
    missed = 0
    try:
        database = postgres.database()
        pool = await asyncpg.create_pool(postgres.url(database), min_size=1, max_size=4)
        print(
            f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}; paired runs, batches of at most 500, commit a batch"
        )
        print("record    records   bare /s   base /s   median of pairs: time    CPU     claim")
        for size, count in SIZES:
            topic = await kafka.topic(4)
            for begun in range(0, count, CHUNK):
                await kafka.produce(topic, [os.urandom(size) for _ in range(min(CHUNK, count - begun))])
            pairs: list[tuple[tuple[float, float], tuple[float, float]]] = []
            for number in range(rounds + 1):
                found = {}
                for side in (bare, based) if number % 2 == 0 else (based, bare):
                    service = Service(postgres, database, pool, Path(folder))
                    await service.seed([topic], consumer={"max_poll_records": 500})
                    found[side] = await side(service, kafka, count)
                if number:  # the first pair warms up
                    pairs.append((found[bare], found[based]))
            slower = statistics.median(after[0] / before[0] - 1 for before, after in pairs)
            cpu = statistics.median(after[1] / before[1] - 1 for before, after in pairs)
            rates = [statistics.median(count / pair[side][0] for pair in pairs) for side in (0, 1)]
            met = slower < CLAIM
            missed += not met
            print(
                f"{size:6d} B  {count:8d}  {rates[0]:8.0f}  {rates[1]:8.0f}   {slower:+21.1%}  {cpu:+6.1%}     "
                f"< {CLAIM:.0%}: {'met' if met else 'MISSED'}"
            )
        pool.terminate()
    finally:
        kafka.stop()
        postgres.stop()
        shutil.rmtree(folder)
    return 1 if missed else 0


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=6)
    sys.exit(asyncio.run(measure(parser.parse_args().rounds)))
