"""`python -m lagproof.worker`: a worker of `lagproof verify` on this package and aiokafka.

It reads its spec as one line of JSON on standard input and writes sample lines to standard output; the end of the input,
a `stop` command, SIGTERM, or a reader that is gone stop it in good order. It needs `pip install 'lagproof[verify]'`.
"""

from __future__ import annotations

import asyncio
import json
import logging
import resource
import sys
import threading
import time
from typing import Any

from .clients import AIOKAFKA
from .metrics import memory_megabytes
from .verify.consumer import Harnessed
from .verify.protocol import PROTOCOL, Lines, cpu_wait_seconds, now_us, tick_at
from .verify.spec import check


def _sample(consumer: Harnessed, lines: Lines, done: threading.Event) -> None:
    """In a thread of its own: ticks do not wait for the event loop."""
    ticks, number = consumer.spec["ticks"], 0
    while tick_at(ticks, number) <= now_us():
        number += 1
    while not done.wait(max(0, tick_at(ticks, number) - now_us()) / 1e6):
        _tick(consumer, lines, number)
        number += 1
    _tick(consumer, lines, number)


def _tick(consumer: Harnessed, lines: Lines, number: int) -> None:
    at_us, positions = now_us(), consumer.where()
    since, errors = consumer.ledger.take()
    usage = resource.getrusage(resource.RUSAGE_SELF)
    for code, (message, times) in errors.items():
        lines.write("error", at_us=at_us, code=code, message=message, times=times)
    lines.write(
        "tick",
        at_us=at_us,
        tick=number,
        positions=positions,
        in_hand=consumer.in_hand,
        resident_bytes=int(memory_megabytes() * 1e6),
        cpu_seconds=usage.ru_utime + usage.ru_stime,
        cpu_wait_seconds=cpu_wait_seconds(),
        **since,
    )


class _Errors(logging.Handler):
    """What aiokafka and this package log as errors becomes an error line."""

    def __init__(self, consumer: Harnessed) -> None:
        super().__init__(logging.WARNING)
        self._consumer = consumer

    def emit(self, record: logging.LogRecord) -> None:
        self._consumer.ledger.error(record.name, record.getMessage()[:500])


async def _run(spec: dict[str, Any], lines: Lines) -> None:
    consumer = Harnessed(spec, lines)
    logging.getLogger().addHandler(_Errors(consumer))
    loop = asyncio.get_running_loop()

    def obey() -> None:
        for line in sys.stdin:
            try:
                told = json.loads(line)
                if told["command"] == "stop":
                    break
                if told["command"] == "stall":
                    consumer.stall(int(told["from_us"]), int(told["to_us"]))
            except (ValueError, KeyError, TypeError):
                sys.stderr.write(f"skipped a line that is no command: {line}")
        loop.call_soon_threadsafe(consumer.stop)

    def reader_gone() -> None:
        while not lines.broken:
            time.sleep(0.5)
        loop.call_soon_threadsafe(consumer.stop)

    for work in (obey, reader_gone):
        threading.Thread(target=work, daemon=True).start()
    lines.write("ready", at_us=now_us(), protocol=PROTOCOL, client=AIOKAFKA)
    done = threading.Event()
    sampler = threading.Thread(target=_sample, args=(consumer, lines, done))
    sampler.start()
    drain = asyncio.create_task(consumer.drain())
    try:
        await consumer.run()
    finally:
        drain.cancel()
        done.set()
        await asyncio.to_thread(sampler.join)


def main() -> int:
    """Runs one worker; answers its exit status."""
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr)
    lines = Lines()
    end: dict[str, Any] = {"reason": "stopped"}
    try:
        spec = json.loads(sys.stdin.readline())
        if spec.get("protocol") != PROTOCOL:
            raise ValueError(f"the spec is of protocol {spec.get('protocol')}, this worker's is {PROTOCOL}")
        check(spec)
        asyncio.run(_run(spec, lines))
    except Exception as error:  # whatever it is, the last line says so
        end = {"reason": "failed", "message": f"{type(error).__name__}: {error}"}
    lines.write("end", at_us=now_us(), reason=end)
    return 0 if end["reason"] == "stopped" else 1


if __name__ == "__main__":
    sys.exit(main())
