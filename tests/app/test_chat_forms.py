"""What an OpenAI request says, and what is refused in it."""

from __future__ import annotations

from typing import Any

import pytest

from app.api.chat_forms import ChatBody, Reply, token_counts
from app.api.errors import ApiError
from inference.request import Message, SamplingParams
from rag.results import Turn


def body(*messages: tuple[str, Any], **fields: Any) -> ChatBody:
    said = [{"role": role, "content": content} for role, content in messages]
    return ChatBody.model_validate({"model": "m", "messages": said, **fields})


def test_the_last_user_message_is_the_question_and_answered_ones_are_the_history() -> None:
    asked = body(
        ("system", "Be brief."),
        ("user", "Who is the harbour master?"),
        ("assistant", "Ines Calloway [1]."),
        ("user", "unanswered"),
        ("user", [{"type": "text", "text": "Since "}, {"type": "text", "text": "when?"}]),
    )
    assert asked.question() == (
        "Since when?",
        [Turn("Who is the harbour master?", "Ines Calloway [1].")],
    )


@pytest.mark.parametrize("roles", [("assistant",), ("system",), ("user", "assistant")], ids=str)
def test_a_conversation_that_does_not_end_with_the_user_is_no_question(roles: Any) -> None:
    with pytest.raises(ApiError, match="last message"):
        body(*((role, "x") for role in roles)).question()


def test_a_developer_message_is_a_system_message() -> None:
    assert body(("developer", "x"), ("user", "y")).conversation() == [
        Message("system", "x"),
        Message("user", "y"),
    ]


def test_sampling_takes_what_is_given_and_openais_temperature() -> None:
    given = body(("user", "x"), max_completion_tokens=7, max_tokens=9, stop="END", seed=-1)
    assert given.sampling() == SamplingParams(
        temperature=1.0, max_tokens=7, stop=("END",), seed=0xFFFFFFFF
    )


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("n", 2),
        ("logprobs", True),
        ("tools", [{"type": "function"}]),
        ("response_format", {"type": "json_object"}),
    ],
    ids=lambda value: str(value),
)
def test_what_is_not_offered_is_refused_by_name(field: str, value: Any) -> None:
    with pytest.raises(ApiError) as refused:
        body(("user", "x"), **{field: value}).check_offered()
    assert refused.value.param == field
    assert refused.value.code == "unsupported_parameter"


def test_what_changes_nothing_is_passed_over() -> None:
    fields = {"n": 1, "logprobs": False, "tools": [], "response_format": {"type": "text"}}
    body(("user", "x"), user="somebody", store=True, **fields).check_offered()


@pytest.mark.parametrize("stop", ["", ["x"] * 17], ids=["empty", "too-many"])
def test_stop_strings_that_cannot_be_are_refused(stop: Any) -> None:
    with pytest.raises(ApiError, match="stop"):
        body(("user", "x"), stop=stop).sampling()


def test_a_stream_has_one_id_and_its_usage_comes_without_choices() -> None:
    reply = Reply("m")
    chunk, usage = reply.chunk({"content": "x"}), reply.usage_chunk(token_counts(3, 2, 1))
    assert chunk.partition('"id": ')[2][:40] == usage.partition('"id": ')[2][:40]
    assert '"choices": []' in usage
    assert '"total_tokens": 4' in usage
