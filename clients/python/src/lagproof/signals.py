"""Stopping in good order when the system asks for it."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
import threading
from collections.abc import Callable

log = logging.getLogger("lagproof")


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
