"""Blocking work -> async results: answers in threads that end when their readers leave.

Each answer has a thread of its own while it lasts. A thread runs at the engine's pace and puts
what it gets into a mailbox, so a slow or paused reader holds no thread and no sequence of the
engine, only what its answer has said so far.
"""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from typing import Any, TypeVar

from fastapi import Request
from fastapi.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from inference.request import EngineStopped, QueueFull

T = TypeVar("T")
Cancel = Callable[[], object]  # makes a source end soon; may be called twice, from any thread

_END = object()
_FULL_RETRY_SECONDS = 5.0


class WorkerThreads:
    """Runs blocking sources in threads for readers on the event loop.

    limit: sources at once; one more is refused with QueueFull. Meant to be as many as the engine
    takes and queues, so that whoever waits, waits in the engine's line.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._lock = threading.Lock()
        self._running: dict[object, Cancel] = {}
        self._stopped = False

    def iterate(self, source: Callable[[], Iterator[T]], cancel: Cancel) -> AsyncGenerator[T]:
        """Start `source()` in a thread; its items, as they come.

        cancel: called when the reader leaves before the end, and by `stop`. What the source
        raises is raised to the reader. Raises QueueFull, and EngineStopped after `stop`.
        """
        loop = asyncio.get_running_loop()
        mailbox: asyncio.Queue[Any] = asyncio.Queue()
        ticket = self._admit(cancel)

        def put(item: object) -> None:
            # The loop may be gone when a server stops while a stream runs: nobody reads then.
            if not loop.is_closed():
                loop.call_soon_threadsafe(mailbox.put_nowait, item)

        def run() -> None:
            try:
                for item in source():
                    put(item)
                put(_END)
            except BaseException as error:  # a thread's boundary: the reader gets it
                put(_Failure(error))
            finally:
                self._dismiss(ticket)

        try:
            threading.Thread(target=run, name="paperlight-request", daemon=True).start()
        except RuntimeError:  # no more threads
            self._dismiss(ticket)
            raise
        return _read(mailbox, cancel)

    async def run(self, work: Callable[[], T], cancel: Cancel) -> T:
        """The result of a blocking call, which goes on when the client leaves."""
        [result] = [item async for item in self.iterate(lambda: iter((work(),)), cancel)]
        return result

    async def run_for(self, request: Request, work: Callable[[], T], cancel: Cancel) -> T:
        """The result of a blocking call; a client that leaves meanwhile cancels it."""
        async with cancel_on_disconnect(request, cancel):
            return await self.run(work, cancel)

    def stop(self) -> None:
        """Cancel what runs and refuse what comes; the server is about to end."""
        with self._lock:
            self._stopped = True
            cancels = list(self._running.values())
        for cancel in cancels:
            cancel()

    def _admit(self, cancel: Cancel) -> object:
        with self._lock:
            if self._stopped:
                raise EngineStopped("the server is stopping")
            if len(self._running) >= self._limit:
                raise QueueFull(
                    f"{self._limit} requests are under way; try again later",
                    _FULL_RETRY_SECONDS,
                )
            ticket = object()
            self._running[ticket] = cancel
        return ticket

    def _dismiss(self, ticket: object) -> None:
        with self._lock:
            del self._running[ticket]


class _Failure:
    def __init__(self, error: BaseException) -> None:
        self.error = error


async def _read(mailbox: asyncio.Queue[Any], cancel: Cancel) -> AsyncGenerator[Any]:
    ended = False
    try:
        while (item := await mailbox.get()) is not _END:
            if isinstance(item, _Failure):
                raise item.error
            yield item
        ended = True
    finally:
        if not ended:
            cancel()


async def merged(sources: Sequence[AsyncIterator[T]]) -> AsyncGenerator[tuple[int, T]]:
    """The items of all sources as they come, each with its source's index.

    What one source raises is raised here, and ends the others.
    """
    mailbox: asyncio.Queue[Any] = asyncio.Queue()

    async def forward(index: int, source: AsyncIterator[T]) -> None:
        try:
            async for item in source:
                mailbox.put_nowait((index, item))
            mailbox.put_nowait(_END)
        except Exception as error:  # a task's boundary: the reader gets it
            mailbox.put_nowait(_Failure(error))

    tasks = [asyncio.create_task(forward(*numbered)) for numbered in enumerate(sources)]
    try:
        ended = 0
        while ended < len(tasks):
            item = await mailbox.get()
            if isinstance(item, _Failure):
                raise item.error
            if item is _END:
                ended += 1
            else:
                yield item
    finally:
        for task in tasks:
            task.cancel()


@asynccontextmanager
async def cancel_on_disconnect(request: Request, cancel: Cancel) -> AsyncIterator[None]:
    """Call `cancel` if the client leaves while the block runs. The body must have been read."""

    async def watch() -> None:
        while (await request.receive())["type"] != "http.disconnect":
            pass
        cancel()

    watcher = asyncio.create_task(watch())
    try:
        yield
    finally:
        watcher.cancel()


async def begun(
    items: AsyncIterator[T], request: Request, cancel: Cancel, *, patience_seconds: float = 0.0
) -> AsyncGenerator[T]:
    """The same items, once the first is there: what is raised until then is raised here.

    So a refusal is an error response and not an event of a stream that has already begun.
    patience_seconds: wait that long for the second item too; a full queue shows itself only then.
    """
    async with cancel_on_disconnect(request, cancel):
        first = await anext(items, _END)
        second = asyncio.ensure_future(_next_or_end(items))
        try:
            await asyncio.wait((second,), timeout=patience_seconds)
            if second.done():
                second.result()
        except BaseException:
            second.cancel()
            raise

    async def rest() -> AsyncGenerator[Any]:
        item: object = first
        upcoming = second
        try:
            while item is not _END:
                yield item
                item = await upcoming
                upcoming = asyncio.ensure_future(_next_or_end(items))
        finally:
            upcoming.cancel()

    return rest()


async def _next_or_end(items: AsyncIterator[Any]) -> object:
    return await anext(items, _END)


class EventStream(StreamingResponse):
    """A response of server-sent events that ends its source, however it ends itself."""

    media_type = "text/event-stream"

    def __init__(self, events: AsyncIterator[str], cancel: Cancel) -> None:
        # Proxies that collect a response before they pass it on would make a stream useless.
        headers = {"Cache-Control": "no-cache", "X-Accel-Buffering": "no"}
        super().__init__(events, headers=headers)
        self._cancel = cancel

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the events until they end or the client leaves."""
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._cancel()


def server_sent_event(data: object, *, event: str | None = None) -> str:
    """One event of a text/event-stream. data: anything JSON can hold, or a bare string."""
    text = data if isinstance(data, str) else json.dumps(data, ensure_ascii=False)
    name = f"event: {event}\n" if event else ""
    return f"{name}data: {text}\n\n"
