"""Threads for requests: order, failures, limits, and that they end with their readers."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator

import pytest
from starlette.requests import Request

from app.api.streaming import WorkerThreads, begun, merged, server_sent_event
from inference.request import EngineStopped, QueueFull


def request_of(client_left: asyncio.Event) -> Request:
    """A request whose client leaves when the event is set."""

    async def receive() -> dict[str, object]:
        await client_left.wait()
        return {"type": "http.disconnect"}

    return Request({"type": "http", "headers": []}, receive)


def test_items_arrive_in_order_and_end() -> None:
    async def read() -> list[int]:
        return [n async for n in WorkerThreads(1).iterate(lambda: iter(range(100)), lambda: None)]

    assert asyncio.run(read()) == list(range(100))


def test_what_the_source_raises_is_raised_to_the_reader_after_its_items() -> None:
    def source() -> Iterator[int]:
        yield 1
        raise ValueError("broken")

    async def read() -> None:
        items = WorkerThreads(1).iterate(source, lambda: None)
        assert await anext(items) == 1
        with pytest.raises(ValueError, match="broken"):
            await anext(items)

    asyncio.run(read())


def test_a_reader_that_leaves_cancels_its_source() -> None:
    cancelled = threading.Event()

    def source() -> Iterator[int]:
        yield 1
        cancelled.wait()

    async def read() -> None:
        items = WorkerThreads(1).iterate(source, cancelled.set)
        assert await anext(items) == 1
        await items.aclose()

    asyncio.run(read())
    assert cancelled.is_set()


def test_a_result_that_was_read_cancels_nothing() -> None:
    # Several files of one upload share an event: the first one's end cancelled the second.
    cancelled = threading.Event()

    async def read() -> int:
        return await WorkerThreads(1).run(lambda: 7, cancelled.set)

    assert asyncio.run(read()) == 7
    assert not cancelled.is_set()


def test_one_request_too_many_is_refused_until_another_has_ended() -> None:
    first_may_end = threading.Event()

    async def read() -> None:
        workers = WorkerThreads(1)
        first = asyncio.create_task(workers.run(first_may_end.wait, first_may_end.set))
        await asyncio.sleep(0)  # let it begin
        with pytest.raises(QueueFull):
            await workers.run(lambda: None, lambda: None)
        first_may_end.set()
        await first
        while True:  # its thread lives a moment longer than its result
            try:
                return await workers.run(lambda: None, lambda: None)
            except QueueFull:
                await asyncio.sleep(0)

    asyncio.run(asyncio.wait_for(read(), 10))


def test_stopping_cancels_what_runs_and_refuses_what_comes() -> None:
    cancelled = threading.Event()

    async def read() -> None:
        workers = WorkerThreads(4)
        running = asyncio.create_task(workers.run(cancelled.wait, cancelled.set))
        await asyncio.sleep(0)
        workers.stop()
        assert await running is True
        with pytest.raises(EngineStopped):
            await workers.run(lambda: None, lambda: None)

    asyncio.run(asyncio.wait_for(read(), 10))


def test_a_client_that_leaves_before_the_answer_cancels_it() -> None:
    cancelled = threading.Event()

    async def read() -> None:
        left = asyncio.Event()
        answer = asyncio.create_task(
            WorkerThreads(1).run_for(request_of(left), cancelled.wait, cancelled.set)
        )
        await asyncio.sleep(0)
        left.set()
        assert await answer is True

    asyncio.run(asyncio.wait_for(read(), 10))


def test_a_client_that_leaves_before_the_first_item_cancels_the_stream() -> None:
    cancelled = threading.Event()

    def source() -> Iterator[int]:
        cancelled.wait()
        yield 1

    async def read() -> list[int]:
        left = asyncio.Event()
        items = WorkerThreads(1).iterate(source, cancelled.set)
        beginning = asyncio.create_task(begun(items, request_of(left), cancelled.set))
        await asyncio.sleep(0)
        left.set()
        return [n async for n in await beginning]

    assert asyncio.run(asyncio.wait_for(read(), 10)) == [1]


@pytest.mark.parametrize("items_before", [0, 1], ids=["at-once", "after-the-first-item"])
def test_a_refusal_at_the_beginning_is_raised_before_the_response_begins(items_before: int) -> None:
    def source() -> Iterator[int]:
        yield from range(items_before)
        raise QueueFull("full", 3.0)

    async def read() -> None:
        items = WorkerThreads(1).iterate(source, lambda: None)
        with pytest.raises(QueueFull):
            await begun(items, request_of(asyncio.Event()), lambda: None, patience_seconds=10)

    asyncio.run(read())


def test_a_begun_stream_has_all_items() -> None:
    async def read(count: int) -> list[int]:
        items = WorkerThreads(1).iterate(lambda: iter(range(count)), lambda: None)
        stream = await begun(items, request_of(asyncio.Event()), lambda: None)
        return [n async for n in stream]

    for count in (0, 1, 2, 50):
        assert asyncio.run(read(count)) == list(range(count))


def test_an_event_is_one_line_of_data_whatever_it_holds() -> None:
    text = server_sent_event({"text": "a\nb\r\n\u2028data: x"}, event="token")
    assert text.splitlines(keepends=True)[0] == "event: token\n"
    assert text.split("\n")[1].startswith("data: {")
    assert text.count("\n") == 3


def test_merged_sources_keep_their_own_order_and_one_failure_ends_all() -> None:
    cancelled = threading.Event()

    def broken() -> Iterator[int]:
        yield 1
        raise ValueError("broken")

    def waiting() -> Iterator[int]:
        yield 2
        cancelled.wait()

    async def read() -> None:
        workers = WorkerThreads(4)
        sources = [workers.iterate(lambda: iter(range(50)), lambda: None) for _ in range(2)]
        items = [item async for item in merged(sources)]
        for index in range(2):
            assert [item for source, item in items if source == index] == list(range(50))
        pair = [workers.iterate(waiting, cancelled.set), workers.iterate(broken, lambda: None)]
        with pytest.raises(ValueError, match="broken"):
            async for _ in merged(pair):
                pass

    asyncio.run(read())
    assert cancelled.is_set()
