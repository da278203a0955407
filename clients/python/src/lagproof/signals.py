"""Stopping in good order when the system asks for it."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
import threading
from collections.abc import Callable, Coroutine
from typing import Any

log = logging.getLogger("lagproof")


async def within_stop(work: Coroutine[Any, Any, Any], stop: asyncio.Event, patience: float) -> bool:
    """Awaits some work; once `stop` is set no longer than `patience` seconds. False where it was cancelled then."""
    running = asyncio.ensure_future(work)
    stopped = asyncio.ensure_future(stop.wait())
    try:
        await asyncio.wait({running, stopped}, return_when=asyncio.FIRST_COMPLETED)
        if not running.done():
            await asyncio.wait({running}, timeout=patience)
        if not running.done():
            return False
        await running
        return True
    finally:
        stopped.cancel()
        if not running.done():
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)


class Signals:
    """SIGTERM and SIGINT stop in good order; a second one does what it did before."""

    def __init__(self, stop: Callable[[], None]) -> None:
        self._loop = asyncio.get_running_loop()
        self._set: list[signal.Signals] = []
        if threading.current_thread() is not threading.main_thread():
            return
        for number in (signal.SIGTERM, signal.SIGINT):
            with contextlib.suppress(NotImplementedError, RuntimeError):
                self._loop.add_signal_handler(number, self._heard, number, stop)
                self._set.append(number)

    def _heard(self, number: signal.Signals, stop: Callable[[], None]) -> None:
        log.warning("%s: stops in good order", number.name)
        stop()
        self.restore()

    def restore(self) -> None:
        for number in self._set:
            self._loop.remove_signal_handler(number)
        self._set = []
