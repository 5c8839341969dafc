"""The completions of one request over HTTP, from the engine's streams to the response."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Any

from fastapi import Request

from app.api.errors import ended_early, error_body
from app.api.generation_forms import Choice, Frame, GenerationBody, samples_usage
from app.api.streaming import EventStream, WorkerThreads, begun, merged, server_sent_event
from inference.request import FinishReason, TokenEvent, TokenLogprob
from inference.service import TokenStream


class Generation:
    """Completions under way: for each prompt in order, `samples` streams."""

    def __init__(self, streams: Sequence[TokenStream], samples: int) -> None:
        self.streams = streams
        self._samples = samples

    def cancel(self) -> None:
        """End all: the engine stops generating. From any thread; harmless where one has ended."""
        for stream in self.streams:
            stream.cancel()

    def read(self) -> list[Choice]:
        """Wait for all. Raises what the first that failed raises; the others are then cancelled."""
        try:
            return [_choice(stream) for stream in self.streams]
        except BaseException:
            self.cancel()
            raise

    def usage(self) -> dict[str, Any]:
        """What they cost together, once they have ended."""
        usages = [stream.usage for stream in self.streams]
        return samples_usage([usage for usage in usages if usage is not None], self._samples)


def _choice(stream: TokenStream) -> Choice:
    text: list[str] = []
    logprobs: list[TokenLogprob] = []
    for event in stream:
        text.append(event.text)
        logprobs += event.logprobs
    if stream.finish_reason is FinishReason.CANCELLED:  # not to be taken for the model's own end
        raise ended_early()
    return Choice("".join(text), tuple(logprobs), stream.finish_reason)


async def respond(
    generation: Generation,
    body: GenerationBody,
    frame: Frame,
    request: Request,
    workers: WorkerThreads,
) -> Any:
    """The response: whole, or a stream where the body asks for one."""
    try:
        if not body.stream:
            choices = await workers.run_for(request, generation.read, generation.cancel)
            return frame.whole(choices, generation.usage())
        sources = [
            workers.iterate(lambda stream=stream: stream, stream.cancel)  # type: ignore[misc]
            for stream in generation.streams
        ]
        events = await begun(merged(sources), request, generation.cancel)
    except BaseException:
        generation.cancel()
        raise
    chunks = _chunks(events, generation, frame, usage=body.wants_usage)
    return EventStream(chunks, generation.cancel)


async def _chunks(
    events: AsyncIterator[tuple[int, TokenEvent]],
    generation: Generation,
    frame: Frame,
    *,
    usage: bool,
) -> AsyncIterator[str]:
    try:
        for index in range(len(generation.streams)):
            if opening := frame.opening(index):
                yield opening
        async for index, event in events:
            if event.text or event.logprobs:
                yield frame.piece(index, event)
            if event.finish_reason is FinishReason.CANCELLED:
                raise ended_early()
            if event.finish_reason is not None:
                yield frame.ending(index, event.finish_reason)
        if usage:
            yield frame.usage_chunk(generation.usage())
        yield server_sent_event("[DONE]")
    except Exception as error:  # the response has begun: the failure becomes its last event
        yield server_sent_event(error_body(error))
