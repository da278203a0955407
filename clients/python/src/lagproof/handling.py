"""How records reach a subclass's handler, whichever kind it is."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from .work import Cursor


class Handling:
    """Calls `process` for records one by one, or `process_batch` for a batch; async ones in the event loop, others in
    threads, so that heartbeats go on."""

    def __init__(self, process: Callable[[Any], Any] | None, process_batch: Callable[[list[Any]], Any] | None) -> None:
        """Raises TypeError where there is neither, or one that would only be begun and never run."""
        self.is_batch = process_batch is not None
        self._call: Callable[[Any], Any] = process_batch or process  # type: ignore[assignment]
        if self._call is None:
            raise TypeError("override process or process_batch: nothing would handle the records")
        if inspect.isgeneratorfunction(self._call) or inspect.isasyncgenfunction(self._call):
            raise TypeError(f"{self._call.__qualname__} has a yield: it would only be begun, and its records be lost")
        self._is_async = inspect.iscoroutinefunction(self._call)
        self._threads: ThreadPoolExecutor | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    async def one(self, record: Any) -> None:
        """Handles one record. Raises what the handler raises."""
        given = [record] if self.is_batch else record
        if self._is_async:
            await self._call(given)
        else:
            await self._in_thread(self._plain, given)

    async def run(self, cursor: Cursor) -> Exception | None:
        """Handles what the cursor gives out, until one fails; answers with what."""
        if self.is_batch:
            return await self._batch(cursor)
        if not self._is_async:
            ended: Exception | None = await self._in_thread(self._run_here, cursor)
            return ended
        call: Callable[[Any], Awaitable[None]] = self._call
        cursor.held = 1
        try:
            # This loop is what a record costs: nothing more belongs into it.
            for record in cursor.rest:
                await call(record)
        except Exception as error:
            return error
        cursor.held = 0
        return None

    def _plain(self, given: Any) -> None:
        """A plain function, in a thread. What it answers is looked at: a coroutine has done nothing yet."""
        answer = self._call(given)
        if answer is not None and inspect.isawaitable(answer):
            assert self._loop is not None
            asyncio.run_coroutine_threadsafe(_awaited(answer), self._loop).result()

    def _run_here(self, cursor: Cursor) -> Exception | None:
        call = self._plain
        cursor.held = 1
        try:
            for record in cursor.rest:
                call(record)
        except Exception as error:
            return error
        cursor.held = 0
        return None

    async def _batch(self, cursor: Cursor) -> Exception | None:
        given = cursor.all()
        try:
            if self._is_async:
                await self._call(given)
            else:
                await self._in_thread(self._plain, given)
        except Exception as error:
            return error
        cursor.held = 0
        return None

    async def _in_thread(self, call: Callable[..., Any], *arguments: Any) -> Any:
        if self._threads is None:
            # More than is ever needed at once: a hung handler keeps its thread, and the others go on.
            self._threads = ThreadPoolExecutor(max_workers=256, thread_name_prefix="lagproof-handler")
        self._loop = asyncio.get_running_loop()
        return await self._loop.run_in_executor(self._threads, call, *arguments)

    def close(self) -> None:
        """Lets the threads end; one that hangs is not waited for."""
        if self._threads is not None:
            self._threads.shutdown(wait=False, cancel_futures=True)


async def _awaited(answer: Awaitable[Any]) -> None:
    await answer
