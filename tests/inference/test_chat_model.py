"""The LangChain face of the engine, with the real bundled model."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
from langchain_core.messages import HumanMessage, ToolMessage
from langchain_core.output_parsers import StrOutputParser
from langchain_core.prompts import ChatPromptTemplate

from inference.chat_model import PaperlightChatModel
from inference.engine_config import EngineConfig
from inference.request import InvalidRequest, Message, Request, SamplingParams
from inference.service import InferenceService

pytestmark = pytest.mark.model
QUESTION = [HumanMessage("What is the capital of France?")]


@pytest.fixture(scope="module")
def model(llm_path: Path) -> Iterator[PaperlightChatModel]:
    with InferenceService(EngineConfig(llm_path, context_tokens=2048, threads=2)) as service:
        yield PaperlightChatModel(service=service, max_tokens=16)


def test_invoke_answers_with_usage(model: PaperlightChatModel) -> None:
    model.invoke(QUESTION)
    # Both now find the prompt cached and compute its last token alone. A whole prompt at once is
    # computed by other kernels, whose rounding can turn a near tie: seen on processors with AMX.
    answer = model.invoke(QUESTION)
    prompt = model.service.encode_chat([Message("user", "What is the capital of France?")])
    assert answer.text == model.service.complete(Request(prompt, SamplingParams(max_tokens=16)))
    assert answer.usage_metadata is not None
    assert answer.usage_metadata["output_tokens"] > 0


def test_stream_and_async_stream_add_up_to_invoke(model: PaperlightChatModel) -> None:
    async def read() -> str:
        return "".join([str(chunk.text) async for chunk in model.astream(QUESTION)])

    whole = model.invoke(QUESTION).text
    assert "".join(str(chunk.text) for chunk in model.stream(QUESTION)) == whole
    assert asyncio.run(read()) == whole


def test_a_batch_answers_in_order_inside_a_chain(model: PaperlightChatModel) -> None:
    """By what is asked, not word for word: which prompts share a batch is chance, and rounds."""
    prompt = ChatPromptTemplate.from_messages([("user", "Repeat this word: {kind}")])
    kinds = ["fish", "tree", "dog"]
    answers = (prompt | model | StrOutputParser()).batch([{"kind": kind} for kind in kinds])
    assert len(answers) == len(kinds)
    for kind, answer in zip(kinds, answers, strict=True):
        assert [other for other in kinds if other in answer.casefold()] == [kind]


def test_stopping_a_stream_early_stops_the_engine(model: PaperlightChatModel) -> None:
    stream = model.stream([HumanMessage("Write a long story.")], max_tokens=1000)
    next(stream)
    stream.close()  # type: ignore[attr-defined]
    model.invoke(QUESTION)  # the engine took the cancellation before it finished this
    assert model.service.metrics()["requests_running"] == 0


def test_unknown_messages_and_options_are_named(model: PaperlightChatModel) -> None:
    with pytest.raises(InvalidRequest, match="tool"):
        model.invoke([ToolMessage("x", tool_call_id="1")])
    with pytest.raises(InvalidRequest, match="flavour"):
        model.invoke(QUESTION, flavour="mint")
