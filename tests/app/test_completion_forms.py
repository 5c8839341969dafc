"""What a request for a plain completion says, and the form of its reply."""

from __future__ import annotations

import json
from typing import Any

import pytest

from app.api.completion_forms import CompletionBody, CompletionFrame
from app.api.errors import ApiError
from inference.request import SamplingParams, TokenEvent, TokenLogprob


def body(prompt: Any, **fields: Any) -> CompletionBody:
    return CompletionBody.model_validate({"model": "m", "prompt": prompt, **fields})


@pytest.mark.parametrize(
    ("prompt", "prompts"),
    [
        ("a", ["a"]),
        (["a", "b"], ["a", "b"]),
        ([1, 2], [[1, 2]]),
        ([[1, 2], [3]], [[1, 2], [3]]),
    ],
    ids=str,
)
def test_prompts_are_texts_or_tokens_one_or_several(prompt: Any, prompts: Any) -> None:
    assert body(prompt).prompts() == prompts


@pytest.mark.parametrize(
    ("field", "value"),
    [("echo", True), ("best_of", 3), ("suffix", "end")],
    ids=str,
)
def test_what_is_not_offered_is_refused_by_name(field: str, value: Any) -> None:
    with pytest.raises(ApiError) as refused:
        body("x", **{field: value}).check_offered()
    assert refused.value.param == field
    body("x", echo=False, best_of=2, n=2, suffix=None, user="u").check_offered()


def test_sampling_takes_what_is_given_and_openais_defaults() -> None:
    assert body("x").sampling() == SamplingParams(temperature=1.0, max_tokens=16)
    given = body("x", temperature=0, max_tokens=5, logprobs=0, logit_bias={"7": -100}, top_k=3)
    assert given.sampling() == SamplingParams(
        max_tokens=5, logprobs=0, logit_bias={7: -100.0}, top_k=3
    )


def test_log_probabilities_of_a_stream_count_their_offsets_by_choice() -> None:
    frame = CompletionFrame("m")

    def piece(index: int, text: str) -> dict[str, Any]:
        event = TokenEvent(text, None, (TokenLogprob(text, -1.0, ((text, -1.0),)),))
        chunk = json.loads(frame.piece(index, event).removeprefix("data: "))
        logprobs: dict[str, Any] = chunk["choices"][0]["logprobs"]
        return logprobs

    assert piece(0, "abc")["text_offset"] == [0]
    assert piece(1, "x")["text_offset"] == [0]
    assert piece(0, "d") == {
        "tokens": ["d"],
        "token_logprobs": [-1.0],
        "top_logprobs": [{"d": -1.0}],
        "text_offset": [3],
    }
