"""What an OpenAI request says, and what is refused in it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from app.api.chat_forms import ChatBody, ChatFrame
from app.api.errors import ApiError
from app.api.generation_forms import Choice, samples_usage, token_counts
from inference.request import FinishReason, Message, SamplingParams, TokenLogprob, Usage
from rag.results import Turn
from rag.settings import MOST_QUESTION_CHARS


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


@pytest.mark.parametrize("place", [0, 1, 2])
def test_a_message_of_millions_of_characters_is_refused(place: int) -> None:
    """3,000,000 × "a" were searched for, for half a minute, also when their sender had gone."""
    roles = ("user", "assistant", "user")
    said = ["How tall is it?", "41 metres [1].", "Since when?"]
    said[place] = "a" * MOST_QUESTION_CHARS
    assert body(*zip(roles, said, strict=True)).question()
    said[place] += "a"
    with pytest.raises(ApiError, match=f"at most {MOST_QUESTION_CHARS} characters") as refused:
        body(*zip(roles, said, strict=True)).question()
    assert refused.value.status == 400
    assert refused.value.param == "messages"


def test_what_is_said_so_long_ago_that_it_is_not_used_may_be_long() -> None:
    turns = [("user", "a" * 100_000), ("assistant", "b")]
    turns += [("user", "How tall?"), ("assistant", "41 metres.")] * 200
    _, history = body(*turns, ("user", "Since when?")).question()
    assert history == [Turn("How tall?", "41 metres.")] * 200


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


SCHEMA = {"type": "object", "properties": {"a": {"type": "integer"}}}


@pytest.mark.parametrize(
    ("field", "value", "documents"),
    [
        ("tools", [{"type": "function"}], False),
        ("tools", [{"type": "function"}], True),
        ("modalities", ["text", "audio"], False),
        ("n", 2, True),
        ("logprobs", True, True),
        ("response_format", {"type": "json_object"}, True),
    ],
    ids=lambda value: str(value),
)
def test_what_is_not_offered_is_refused_by_name(field: str, value: Any, documents: bool) -> None:
    with pytest.raises(ApiError) as refused:
        body(("user", "x"), **{field: value}).check_offered(documents=documents)
    assert refused.value.param == field
    assert refused.value.code == "unsupported_parameter"


def test_who_wants_json_from_the_documents_is_told_who_gives_it() -> None:
    """ "Answers from the documents are text" left a user with nothing to do."""
    with pytest.raises(ApiError, match="POST /api/extract fills in a JSON schema"):
        body(("user", "x"), response_format={"type": "json_object"}).check_offered(documents=True)


def test_the_model_itself_takes_what_the_documents_do_not() -> None:
    asked = body(
        ("user", "x"),
        n=2,
        logprobs=True,
        top_logprobs=3,
        response_format={"type": "json_schema", "json_schema": {"name": "s", "schema": SCHEMA}},
    )
    asked.check_offered(documents=False)
    assert asked.samples == 2
    assert asked.sampling().logprobs == 3
    assert json.loads(asked.json_schema() or "") == SCHEMA


@pytest.mark.parametrize(
    ("fields", "schema"),
    [
        ({}, None),
        ({"response_format": {"type": "text"}}, None),
        ({"response_format": {"type": "json_object"}}, '{"type": "object"}'),
    ],
    ids=str,
)
def test_a_response_format_is_a_schema_where_it_is_json(
    fields: dict[str, Any], schema: str | None
) -> None:
    assert body(("user", "x"), **fields).json_schema() == schema


def test_a_json_schema_must_be_there() -> None:
    with pytest.raises(ApiError, match="needs a json_schema"):
        body(("user", "x"), response_format={"type": "json_schema"}).json_schema()


def test_alternatives_need_logprobs() -> None:
    with pytest.raises(ApiError, match="needs logprobs"):
        body(("user", "x"), top_logprobs=2).check_offered(documents=False)
    assert body(("user", "x"), logprobs=True).sampling().logprobs == 0
    assert body(("user", "x"), logprobs=False).sampling().logprobs is None


def test_what_changes_nothing_is_passed_over() -> None:
    fields = {"n": 1, "logprobs": False, "tools": [], "response_format": {"type": "text"}}
    asked = body(("user", "x"), user="somebody", store=True, **fields)
    asked.check_offered(documents=True)
    asked.check_offered(documents=False)


def test_log_probabilities_have_openais_form() -> None:
    record = TokenLogprob("é", -0.5, (("é", -0.5), ("\ufffd", float("-inf"))))
    choice = Choice("é", (record,), FinishReason.LENGTH)
    [reply] = ChatFrame("m").whole([choice], {})["choices"]
    assert reply["finish_reason"] == "length"
    assert reply["logprobs"]["content"] == [
        {
            "token": "é",
            "logprob": -0.5,
            "bytes": [0xC3, 0xA9],
            "top_logprobs": [
                {"token": "é", "logprob": -0.5, "bytes": [0xC3, 0xA9]},
                {"token": "\ufffd", "logprob": -9999.0, "bytes": None},
            ],
        }
    ]


@pytest.mark.parametrize("stop", ["", ["x"] * 17], ids=["empty", "too-many"])
def test_stop_strings_that_cannot_be_are_refused(stop: Any) -> None:
    with pytest.raises(ApiError, match="stop"):
        body(("user", "x"), stop=stop).sampling()


def test_a_stream_has_one_id_and_its_usage_comes_without_choices() -> None:
    frame = ChatFrame("m", wants_usage=True)
    chunk, usage = frame.chunk({"content": "x"}), frame.usage_chunk(token_counts(3, 2, 1))
    assert chunk.partition('"id": ')[2][:40] == usage.partition('"id": ')[2][:40]
    assert '"usage": null' in chunk
    assert '"choices": []' in usage
    assert '"total_tokens": 4' in usage
    assert "usage" not in ChatFrame("m").chunk({"content": "x"})


def test_a_prompt_counts_once_and_its_samples_do_not_count_as_cached() -> None:
    def usage(prompt: int, cached: int, completion: int) -> Usage:
        return Usage(prompt, cached, completion, 0.0, 0.0, 0.0)

    usages = [usage(10, 4, 3), usage(10, 9, 2), usage(20, 0, 1), usage(20, 19, 1)]
    assert samples_usage(usages, 2) == token_counts(30, 4, 7)
