"""How records reach a subclass's handler, whichever kind it is."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from .work import Cursor


class Handling:
    """Calls `process` for records one by one, or `process_batch` for a batch; async ones in the event loop, others in
    threads, so that heartbeats go on."""

    def __init__(self, process: Callable[[Any], Any] | None, process_batch: Callable[[list[Any]], Any] | None) -> None:
        self.is_batch = process_batch is not None
        self._call: Callable[[Any], Any] = process_batch or process  # type: ignore[assignment]
        self._is_async = inspect.iscoroutinefunction(self._call)
        self._threads: ThreadPoolExecutor | None = None

    async def one(self, record: Any) -> None:
        """Handles one record. Raises what the handler raises."""
        given = [record] if self.is_batch else record
        if self._is_async:
            await self._call(given)
        else:
            await self._in_thread(self._call, given)

    async def run(self, records: Sequence[Any], cursor: Cursor) -> Exception | None:
        """Handles records from the cursor on, until one fails or the cursor says stop."""
        if self.is_batch:
            return await self._batch(records, cursor)
        if not self._is_async:
            ended: Exception | None = await self._in_thread(self._run_here, records, cursor)
            return ended
        call: Callable[[Any], Awaitable[None]] = self._call
        for at in range(cursor.at, len(records)):
            cursor.at = at
            if cursor.stop:
                return None
            try:
                await call(records[at])
            except Exception as error:
                return error
        cursor.at = len(records)
        return None

    async def _batch(self, records: Sequence[Any], cursor: Cursor) -> Exception | None:
        given = list(records[cursor.at :])
        try:
            if self._is_async:
                await self._call(given)
            else:
                await self._in_thread(self._call, given)
        except Exception as error:
            return error
        cursor.at = len(records)
        return None

    def _run_here(self, records: Sequence[Any], cursor: Cursor) -> Exception | None:
        call = self._call
        for at in range(cursor.at, len(records)):
            cursor.at = at
            if cursor.stop:
                return None
            try:
                call(records[at])
            except Exception as error:
                return error
        cursor.at = len(records)
        return None

    async def _in_thread(self, call: Callable[..., Any], *arguments: Any) -> Any:
        if self._threads is None:
            # More than is ever needed at once: a hung handler keeps its thread, and the others go on.
            self._threads = ThreadPoolExecutor(max_workers=256, thread_name_prefix="lagproof-handler")
        return await asyncio.get_running_loop().run_in_executor(self._threads, call, *arguments)

    def close(self) -> None:
        """Lets the threads end; one that hangs is not waited for."""
        if self._threads is not None:
            self._threads.shutdown(wait=False, cancel_futures=True)
