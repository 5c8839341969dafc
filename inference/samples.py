"""Several completions at once: samples of one prompt, or many prompts, all queued or none.

Equal prompts that wait together are computed once (see Engine._should_wait_for_shared_prefix): the
first computes, the others share its cells and compute their last token only.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Protocol

from inference.request import InvalidRequest, Request
from inference.service import TokenStream

SEED_BITS = 0xFFFFFFFF  # llama.cpp's seeds are 32 bits wide


class Submitter(Protocol):
    """What takes requests, e.g. inference.service.InferenceService."""

    def submit(self, request: Request) -> TokenStream:
        """Queue a request and return at once."""
        ...


def sample_requests(request: Request, count: int) -> list[Request]:
    """`count` requests for the same prompt. Sample i is drawn with seed + i, where one is given.

    Raises InvalidRequest for a count below 1.
    """
    if count < 1:
        raise InvalidRequest(f"the number of samples must be 1 or more, not {count}")
    seed = request.sampling.seed
    if seed is None:
        return [request] * count
    return [
        replace(request, sampling=replace(request.sampling, seed=(seed + i) & SEED_BITS))
        for i in range(count)
    ]


def submit_all(service: Submitter, requests: Iterable[Request]) -> list[TokenStream]:
    """A stream for each request, in order. Where one is refused, the others are cancelled.

    Raises what `submit` raises: InvalidRequest, QueueFull or EngineStopped.
    """
    streams: list[TokenStream] = []
    try:
        for request in requests:
            streams.append(service.submit(request))
    except BaseException:
        for stream in streams:
            stream.cancel()
        raise
    return streams
