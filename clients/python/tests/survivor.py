"""A service as a process of its own, to be killed: writes `topic partition offset value` of each record it processed."""

from __future__ import annotations

import asyncio
import logging
import os
import sys
from pathlib import Path
from typing import Any

import asyncpg

from lagproof import BaseKafkaConsumer


class Survivor(BaseKafkaConsumer):
    metrics_every = 1.0

    def __init__(self, out: Path, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        # Written whole and at once, so that a kill leaves whole lines: unbuffered, one write a record.
        self._out = os.open(out, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

    async def process(self, record: Any) -> None:
        await asyncio.sleep(0.001)
        os.write(self._out, f"{record.topic} {record.partition} {record.offset} {record.value.decode()}\n".encode())


async def main(service: str, database: str, bootstrap: str, out: str) -> None:
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(asctime)s %(levelname)s %(message)s")
    pool = asyncpg.create_pool(database, min_size=0, max_size=3)
    await pool
    await Survivor(Path(out), service, pool, bootstrap_servers=bootstrap).run()
    await pool.close()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
