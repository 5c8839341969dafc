"""The OpenAI-compatible API of a real server with the bundled models, by the official client."""

from __future__ import annotations

import json
import math
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import numpy as np
import openai
import pytest

from tests.app.conftest import ServerProcess

pytestmark = pytest.mark.model
FISH: Any = [{"role": "user", "content": "Name a fish."}]
LIST = "A list of things: " + ", ".join(f"thing {i}" for i in range(80))


@pytest.fixture(scope="module")
def official(server: ServerProcess) -> openai.OpenAI:
    return openai.OpenAI(base_url=f"{server.address}/v1", api_key="none", max_retries=0)


@pytest.fixture(scope="module")
def models(official: openai.OpenAI) -> list[str]:
    return [model.id for model in official.models.list()]


@pytest.fixture(scope="module")
def model(models: list[str]) -> str:
    return models[1]


@pytest.fixture(scope="module")
def embedder(models: list[str]) -> str:
    return models[2]


def metric(server: ServerProcess, name: str) -> float:
    lines = httpx.get(f"{server.address}/metrics", timeout=60).text.splitlines()
    return next(float(line.split()[1]) for line in lines if line.startswith(f"paperlight_{name} "))


# --- chat -----------------------------------------------------------------------------------------


def test_log_probabilities_are_of_the_tokens_that_make_the_text(
    official: openai.OpenAI, model: str
) -> None:
    reply = official.chat.completions.create(
        model=model, messages=FISH, temperature=0, max_tokens=6, logprobs=True, top_logprobs=3
    )
    choice = reply.choices[0]
    assert choice.logprobs is not None
    records = choice.logprobs.content or []
    assert "".join(record.token for record in records) == choice.message.content
    for record in records:
        assert record.bytes == list(record.token.encode())
        assert record.logprob == record.top_logprobs[0].logprob  # greedy: the best one
        assert len(record.top_logprobs) == 3
        assert sum(math.exp(top.logprob) for top in record.top_logprobs) <= 1 + 1e-6


def test_streamed_log_probabilities_are_those_of_the_whole_reply(
    official: openai.OpenAI, model: str
) -> None:
    request: dict[str, Any] = {
        "model": model,
        "messages": FISH,
        "temperature": 0,
        "max_tokens": 6,
        "logprobs": True,
    }
    whole = official.chat.completions.create(**request).choices[0].logprobs.content
    parts = [
        record
        for chunk in official.chat.completions.create(**request, stream=True)
        if chunk.choices and chunk.choices[0].logprobs
        for record in chunk.choices[0].logprobs.content
    ]
    assert [record.token for record in parts] == [record.token for record in whole]
    expected = pytest.approx([record.logprob for record in whole], abs=0.05)
    assert [record.logprob for record in parts] == expected


def test_samples_compute_their_prompt_once(
    official: openai.OpenAI, model: str, server: ServerProcess
) -> None:
    before = metric(server, "prompt_tokens_computed_total")
    reply = official.chat.completions.create(
        model=model,
        messages=[{"role": "user", "content": LIST}],
        n=4,
        seed=11,
        temperature=1.5,
        max_completion_tokens=12,
    )
    computed = metric(server, "prompt_tokens_computed_total") - before
    assert reply.usage is not None
    assert computed <= reply.usage.prompt_tokens
    assert [choice.index for choice in reply.choices] == [0, 1, 2, 3]
    assert len({choice.message.content for choice in reply.choices}) > 1
    assert reply.usage.completion_tokens <= 4 * 12
    again = official.chat.completions.create(
        model=model, messages=[{"role": "user", "content": LIST}], max_tokens=1
    )
    assert again.usage is not None
    assert again.usage.prompt_tokens_details is not None
    assert again.usage.prompt_tokens_details.cached_tokens == again.usage.prompt_tokens - 1


def test_greedy_samples_are_equal_and_stream_side_by_side(
    official: openai.OpenAI, model: str
) -> None:
    texts = {0: "", 1: "", 2: ""}
    ends = []
    chunks = official.chat.completions.create(
        model=model,
        messages=FISH,
        n=3,
        temperature=0,
        max_tokens=8,
        stream=True,
        stream_options={"include_usage": True},
    )
    *rest, last = list(chunks)
    for chunk in rest:
        assert chunk.usage is None
        for choice in chunk.choices:
            texts[choice.index] += choice.delta.content or ""
            ends += [choice.index] if choice.finish_reason else []
    assert texts[0]
    assert len(set(texts.values())) == 1
    assert sorted(ends) == [0, 1, 2]
    assert last.usage is not None
    assert last.usage.completion_tokens <= 3 * 8


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
def test_a_json_schema_is_followed(official: openai.OpenAI, model: str, stream: bool) -> None:
    schema = {
        "type": "object",
        "properties": {"city": {"type": "string", "maxLength": 12}, "big": {"type": "boolean"}},
        "required": ["city", "big"],
        "additionalProperties": False,
    }
    reply: Any = official.chat.completions.create(
        model=model,
        messages=[{"role": "user", "content": "Describe Paris as JSON."}],
        response_format={
            "type": "json_schema",
            "json_schema": {"name": "city", "schema": schema, "strict": True},
        },
        temperature=0,
        max_tokens=80,
        stream=stream,
    )
    if stream:
        text = "".join(chunk.choices[0].delta.content or "" for chunk in reply)
    else:
        text = reply.choices[0].message.content
    answer = json.loads(text)
    assert set(answer) == {"city", "big"}
    assert isinstance(answer["big"], bool)


def test_a_json_object_begins_as_one(official: openai.OpenAI, model: str) -> None:
    reply = official.chat.completions.create(
        model=model,
        messages=[{"role": "user", "content": "Describe Paris as JSON."}],
        response_format={"type": "json_object"},
        temperature=0,
        max_tokens=60,
    )
    choice = reply.choices[0]
    assert (choice.message.content or "").startswith("{")
    if choice.finish_reason == "stop":
        assert isinstance(json.loads(choice.message.content or ""), dict)


HUGE = {"type": "json_schema", "json_schema": {"name": "x", "schema": {"maxLength": 10**9}}}


@pytest.mark.parametrize(
    ("change", "words", "param"),
    [
        ({"tools": [{"type": "function", "function": {"name": "f"}}]}, "tools are not", "tools"),
        ({"response_format": {"type": "xml"}}, "json_schema", "response_format.type"),
        ({"response_format": HUGE}, "more than 2000 times", "response_format"),
        ({"response_format": {"type": "json_schema"}}, "needs a", "response_format.json_schema"),
        ({"top_logprobs": 2}, "needs logprobs", "top_logprobs"),
        ({"n": 0}, "greater than or equal", "n"),
        ({"logit_bias": {"9999999": 1}}, "logit_bias", None),
        ({"max_completion_tokens": 0}, "greater than or equal", "max_completion_tokens"),
        ({"messages": [{"role": "tool", "content": "x"}]}, "role", "messages.0.role"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_what_a_chat_cannot_be_is_refused(
    official: openai.OpenAI, model: str, change: dict[str, Any], words: str, param: str | None
) -> None:
    request: dict[str, Any] = {"model": model, "messages": FISH} | change
    with pytest.raises(openai.BadRequestError, match=words) as refused:
        official.chat.completions.create(**request)
    assert refused.value.param == param
    assert refused.value.type == "invalid_request_error"


def test_fields_that_change_nothing_here_are_accepted(official: openai.OpenAI, model: str) -> None:
    reply = official.chat.completions.create(
        model=model,
        messages=FISH,
        max_tokens=1,
        user="somebody",
        store=False,
        metadata={"a": "b"},
        parallel_tool_calls=False,
        service_tier="auto",
        extra_body={"no_such_field": 1, "top_k": 1},
    )
    assert reply.choices[0].finish_reason == "length"


# --- completions ----------------------------------------------------------------------------------


def test_text_is_continued_whole_and_as_a_stream(official: openai.OpenAI, model: str) -> None:
    request: dict[str, Any] = {
        "model": model,
        "prompt": "One, two, three,",
        "temperature": 0,
        "max_tokens": 8,
    }
    whole = official.completions.create(**request)
    assert "four" in whole.choices[0].text
    assert whole.choices[0].finish_reason == "length"
    assert whole.usage is not None
    assert whole.usage.completion_tokens == 8
    *chunks, last = list(
        official.completions.create(**request, stream=True, stream_options={"include_usage": True})
    )
    assert "".join(c.choices[0].text for c in chunks) == whole.choices[0].text
    assert chunks[-1].choices[0].finish_reason == "length"
    assert last.usage.completion_tokens == 8
    assert last.usage.prompt_tokens == whole.usage.prompt_tokens


def test_token_ids_stop_strings_and_log_probabilities(official: openai.OpenAI, model: str) -> None:
    request: dict[str, Any] = {"model": model, "temperature": 0, "max_tokens": 12}
    spelled = official.completions.create(**request, prompt="One, two, three,", logprobs=2)
    records = spelled.choices[0].logprobs
    assert records is not None
    assert "".join(records.tokens or []) == spelled.choices[0].text
    lengths = np.cumsum([0, *map(len, records.tokens or [])])
    assert records.text_offset == [int(n) for n in lengths[:-1]]
    for token, logprob, top in zip(
        records.tokens or [], records.token_logprobs or [], records.top_logprobs or [], strict=True
    ):
        assert top[token] == logprob
    stop = spelled.choices[0].text[-4:]
    stopped = official.completions.create(**request, prompt="One, two, three,", stop=[stop])
    assert stopped.choices[0].text == spelled.choices[0].text.partition(stop)[0]
    assert stopped.choices[0].finish_reason == "stop"
    banned = official.completions.create(**request, prompt=[[1, 2, 3], [4, 5]], n=2)
    assert [choice.index for choice in banned.choices] == [0, 1, 2, 3]
    assert banned.usage is not None
    assert banned.usage.prompt_tokens == 5
    assert banned.choices[0].text == banned.choices[1].text


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"echo": True}, "echo is not offered"),
        ({"prompt": [10**9]}, "token ids"),
        ({"prompt": ""}, "prompt is empty"),
        ({"model": "paperlight"}, "completes text"),
        ({"stop": ["x"] * 17}, "16 stop strings"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_what_cannot_be_continued_is_refused(
    official: openai.OpenAI, model: str, change: dict[str, Any], words: str
) -> None:
    with pytest.raises(openai.BadRequestError, match=words):
        official.completions.create(**({"model": model, "prompt": "x"} | change))


# --- embeddings -----------------------------------------------------------------------------------


def test_embeddings_are_unit_vectors_that_know_what_is_alike(
    official: openai.OpenAI, embedder: str
) -> None:
    texts = ["A ferry crosses the bay.", "A boat sails over the water.", "Tax law is dull."]
    packed = official.embeddings.create(model=embedder, input=texts)  # base64, by the client
    plain = official.embeddings.create(model=embedder, input=texts, encoding_format="float")
    vectors = np.array([entry.embedding for entry in packed.data])
    assert vectors == pytest.approx(np.array([entry.embedding for entry in plain.data]), abs=1e-6)
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(1.0, abs=1e-5)
    likeness = vectors @ vectors.T
    assert likeness[0, 1] > likeness[0, 2] + 0.2
    assert packed.usage.prompt_tokens == packed.usage.total_tokens > 3 * 4
    one = official.embeddings.create(model=embedder, input=texts[0], dimensions=vectors.shape[1])
    assert np.array(one.data[0].embedding) == pytest.approx(vectors[0], abs=1e-3)


def test_what_cannot_be_embedded_is_refused(official: openai.OpenAI, embedder: str) -> None:
    with pytest.raises(openai.BadRequestError, match="token ids"):
        official.embeddings.create(model=embedder, input=[1, 2, 3])
    with pytest.raises(openai.BadRequestError, match="dimensions"):
        official.embeddings.create(model=embedder, input="x", dimensions=7)
    with pytest.raises(openai.BadRequestError, match="at most"):
        official.embeddings.create(model=embedder, input="word " * 2000)


# --- clients that leave, clients that do not read -------------------------------------------------


def test_leaving_a_stream_frees_every_sample(
    official: openai.OpenAI, model: str, server: ServerProcess
) -> None:
    before = metric(server, "requests_cancelled_total")
    stream = official.completions.create(
        model=model, prompt="Once upon a time", max_tokens=3000, n=3, stream=True, temperature=0
    )
    next(iter(stream))
    stream.close()
    for _ in range(200):  # each request asks the engine for steps: no clock is waited for
        official.completions.create(model=model, prompt="x", max_tokens=1)
        if metric(server, "requests_cancelled_total") == before + 3:
            break
    assert metric(server, "requests_cancelled_total") == before + 3
    assert metric(server, "requests_running") == 0


def test_a_reader_who_never_reads_holds_nobody_up(
    official: openai.OpenAI, model: str, server: ServerProcess
) -> None:
    with ThreadPoolExecutor(1) as pool:
        silent = official.completions.create(
            model=model, prompt="Once upon a time", max_tokens=200, stream=True, temperature=0
        )
        other = pool.submit(
            official.completions.create, model=model, prompt="x", max_tokens=4, temperature=0
        )
        assert other.result(timeout=60).choices[0].finish_reason
        # What was not read is there, to the end.
        assert list(silent)[-1].choices[0].finish_reason
    assert metric(server, "requests_running") == 0
