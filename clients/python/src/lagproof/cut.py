"""Ending what a task awaits, from outside, without ending the task."""

from __future__ import annotations

import asyncio
from types import TracebackType


class CutShort(Exception):
    """What was awaited has been cancelled by `Cut.now`."""


class StrayCancellation(Exception):
    """CancelledError came out of what was awaited, and nobody had cancelled the task: an error like any other."""

    def __init__(self) -> None:
        super().__init__("something that it awaited was cancelled, and it was not")


class Cut:
    """`with Cut() as cut: await …` raises CutShort once `cut.now()` is called.

    As asyncio.timeout does for a time, and with the same care for a cancellation by somebody else, which stays one. It
    can be entered again and again, never twice at once; outside of the block `now` does nothing.
    """

    __slots__ = ("_before", "_is_made", "_task")

    def __init__(self) -> None:
        self._task: asyncio.Task[object] | None = None
        self._before = 0
        self._is_made = False

    def now(self) -> None:
        """Cancels what is awaited. To be called from another task or a timer."""
        if self._task is not None and not self._is_made:
            self._is_made = True
            self._task.cancel()

    def __enter__(self) -> Cut:
        task = asyncio.current_task()
        assert task is not None and self._task is None, "it is entered once at a time, and in a task"
        self._task = task
        self._before = task.cancelling()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        task, self._task = self._task, None
        if kind is None and not self._is_made:
            return
        assert task is not None
        is_made, self._is_made = self._is_made, False
        others = task.uncancel() if is_made else task.cancelling()
        if kind is asyncio.CancelledError and others <= self._before:
            raise (CutShort if is_made else StrayCancellation) from error
