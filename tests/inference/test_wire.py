"""What crosses the pipe between a service and its engine's process comes out as it went in."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from inference.engine_config import EngineConfig
from inference.model_description import ModelDescription
from inference.request import (
    DeadlineExceeded,
    FinishReason,
    InferenceError,
    InvalidRequest,
    Priority,
    Prompt,
    QueueFull,
    Request,
    SamplingParams,
    TokenEvent,
    TokenLogprob,
    Usage,
)
from inference.wire import (
    Wire,
    config_from_plain,
    config_to_plain,
    description_from_plain,
    description_to_plain,
    event_from_plain,
    event_to_plain,
    request_from_plain,
    request_to_plain,
)

USAGE = Usage(9, 4, 3, 0.25, 0.5, 1.75, drafted_tokens=2, accepted_draft_tokens=1)
LOGPROB = TokenLogprob("é\ud800", -0.1, ((" a", -0.1), ("\n", float("-inf"))))


def through_the_pipe(value: object) -> object:
    pipe = io.BytesIO()
    Wire(pipe, pipe).send(["test", value])
    pipe.seek(0)
    received = Wire(pipe, pipe).receive()
    assert received is not None
    return received[1]


@pytest.mark.parametrize(
    "request_",
    [
        Request(Prompt((1, 2, 3))),
        Request(
            Prompt((5, 6, 7, 8), passages=((1, 2), (2, 4)), block_context=(5, 9)),
            SamplingParams(
                temperature=0.7,
                seed=2**32 - 1,
                max_tokens=7,
                stop=("\n\n", "</s>", "\ud800"),
                logit_bias={3: float("-inf"), 4: 1.5},
                grammar='root ::= "é"',
                logprobs=5,
            ),
            Priority.BATCH,
            deadline_seconds=2.5,
            client="somebody",
        ),
    ],
    ids=["plain", "everything"],
)
def test_a_request_arrives_as_it_was(request_: Request) -> None:
    plain = through_the_pipe(request_to_plain(request_))
    assert request_from_plain(plain) == request_  # type: ignore[arg-type]


def test_numbers_of_numpy_arrive_as_numbers() -> None:
    sent = Request(Prompt(tuple(np.arange(3, dtype=np.int32))), SamplingParams(top_k=np.int64(4)))  # type: ignore[arg-type]
    received = request_from_plain(through_the_pipe(request_to_plain(sent)))  # type: ignore[arg-type]
    assert received == Request(Prompt((0, 1, 2)), SamplingParams(top_k=4))


@pytest.mark.parametrize(
    ("event", "usage"),
    [
        (TokenEvent(" sea"), None),
        (TokenEvent("\ud83d", None, (LOGPROB, replace(LOGPROB, top=()))), None),
        (TokenEvent(".", FinishReason.LENGTH, (LOGPROB,)), USAGE),
        (TokenEvent("", FinishReason.CANCELLED), USAGE),
    ],
    ids=["text", "logprobs", "last", "cancelled"],
)
def test_an_event_arrives_as_it_was(event: TokenEvent, usage: Usage | None) -> None:
    row = through_the_pipe(event_to_plain(event, usage))
    assert event_from_plain(row) == (event, usage)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (InvalidRequest("no grammar"), InvalidRequest),
        (DeadlineExceeded("late"), DeadlineExceeded),
        (InferenceError("broken"), InferenceError),
        (QueueFull("an engine never says this", 1.0), InferenceError),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
def test_an_error_arrives_with_its_kind_and_words(
    error: InferenceError, kind: type[InferenceError]
) -> None:
    received, usage = event_from_plain(through_the_pipe(event_to_plain(error, USAGE)))  # type: ignore[arg-type]
    assert type(received) is kind
    assert str(received) == str(error)
    assert usage == USAGE


def test_configuration_and_description_arrive_as_they_were() -> None:
    config = EngineConfig(
        Path("/models/a b.gguf"),
        tensor_split=(0.5, 0.5),
        adapters=((Path("/lora.gguf"), 0.25),),
        block_folder=Path("/blocks"),
    )
    for sent in (config, EngineConfig(Path("x.gguf"))):
        assert config_from_plain(through_the_pipe(config_to_plain(sent))) == sent  # type: ignore[arg-type]
    facts = ModelDescription("m", Path("/m.gguf"), "llama", 1, "Q8_0", 2, 3, 4, 5.5)
    assert description_from_plain(through_the_pipe(description_to_plain(facts))) == facts  # type: ignore[arg-type]


@pytest.mark.parametrize("kept", [0, 2, 4, 9], ids=["nothing", "head", "no-body", "body"])
def test_a_message_cut_short_is_the_end(kept: int) -> None:
    pipe = io.BytesIO()
    Wire(pipe, pipe).send(["metrics", {"steps_total": 1}])
    cut = io.BytesIO(pipe.getvalue()[:kept])
    assert Wire(cut, cut).receive() is None
