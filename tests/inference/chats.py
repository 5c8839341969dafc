"""Requests for the bundled model, and when two of its greedy answers count as the same."""

from __future__ import annotations

from inference.request import Message, Prompt, Request, SamplingParams
from inference.service import GenerationService

# Logits of one token computed in batches of different shapes differ by rounding (other matrix
# kernels, another order of sums; attention adds up in half precision for single rows and in single
# precision for many). Greedy outputs may part where the best two are this close; 0.40 was seen.
TIE_MARGIN = 0.45


def chat(
    service: GenerationService, question: str, sampling: SamplingParams | None = None
) -> Request:
    """A request that asks one question; greedy, 24 tokens unless told otherwise."""
    prompt = service.encode_chat([Message("user", question)])
    return Request(prompt, sampling or SamplingParams(max_tokens=24))


def assert_same_up_to_ties(
    service: GenerationService, request: Request, expected: str, actual: str
) -> None:
    """Equal texts, or texts that part at a token where the model's best two were a near tie."""
    if expected == actual:
        return
    tokenizer = service.tokenizer
    left, right = tokenizer.encode(expected), tokenizer.encode(actual)
    shared = next((i for i, (a, b) in enumerate(zip(left, right, strict=False)) if a != b), None)
    shared = min(len(left), len(right)) if shared is None else shared
    prompt = Prompt(request.prompt.tokens + tuple(left[:shared]))
    with service.submit(Request(prompt, SamplingParams(max_tokens=1, logprobs=2))) as stream:
        [record] = [entry for event in stream for entry in event.logprobs] or [None]
    if record is not None:
        gap = record.top[0][1] - record.top[1][1]
        assert gap < TIE_MARGIN, (gap, expected, actual)
