"""The service as a LangChain chat model: sync, async, streamed and in batches.

`batch` and concurrent callers share the engine's batch; nothing here holds a lock.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import Any

from langchain_core.callbacks import AsyncCallbackManagerForLLMRun, CallbackManagerForLLMRun
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import (
    AIMessage,
    AIMessageChunk,
    BaseMessage,
    HumanMessage,
    SystemMessage,
)
from langchain_core.messages.ai import UsageMetadata
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult
from pydantic import ConfigDict, Field

from inference.request import InvalidRequest, Message, Priority, Request, SamplingParams, TokenEvent
from inference.service import GenerationService, TokenStream


class PaperlightChatModel(BaseChatModel):
    """Chat completions from a `GenerationService`, which stays the caller's to close."""

    model_config = ConfigDict(arbitrary_types_allowed=True)

    service: GenerationService = Field(exclude=True)
    temperature: float = 0.0
    max_tokens: int = 512
    top_p: float = 0.95
    seed: int | None = None
    priority: Priority = Priority.INTERACTIVE

    @property
    def _llm_type(self) -> str:
        return "paperlight"

    @property
    def _identifying_params(self) -> dict[str, Any]:
        return {"model": self.service.model_name, "temperature": self.temperature}

    def _submit(
        self, messages: list[BaseMessage], stop: list[str] | None, options: dict[str, Any]
    ) -> TokenStream:
        values = {
            "temperature": self.temperature,
            "max_tokens": self.max_tokens,
            "top_p": self.top_p,
            "seed": self.seed,
            **options,
        }
        unknown = set(values) - set(SamplingParams.__dataclass_fields__)
        if unknown:
            raise InvalidRequest(f"unknown sampling options: {', '.join(sorted(unknown))}")
        sampling = SamplingParams(**values, stop=tuple(stop or ()))
        prompt = self.service.encode_chat([_to_message(message) for message in messages])
        return self.service.submit(Request(prompt, sampling, self.priority))

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,  # noqa: ARG002 - LangChain's signature
        **kwargs: Any,
    ) -> ChatResult:
        with self._submit(messages, stop, kwargs) as stream:
            text = stream.text()
        reason = stream.finish_reason.value if stream.finish_reason else None
        message = AIMessage(
            text,
            usage_metadata=_usage(stream),
            response_metadata={"finish_reason": reason, "model_name": self.service.model_name},
        )
        return ChatResult(generations=[ChatGeneration(message=message)])

    def _stream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> Iterator[ChatGenerationChunk]:
        with self._submit(messages, stop, kwargs) as stream:
            for event in stream:
                chunk = _chunk(event, stream)
                if run_manager:
                    run_manager.on_llm_new_token(event.text, chunk=chunk)
                yield chunk

    async def _astream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> AsyncIterator[ChatGenerationChunk]:
        with await asyncio.to_thread(self._submit, messages, stop, kwargs) as stream:
            while (event := await asyncio.to_thread(next, stream, None)) is not None:
                chunk = _chunk(event, stream)
                if run_manager:
                    await run_manager.on_llm_new_token(event.text, chunk=chunk)
                yield chunk


def _chunk(event: TokenEvent, stream: TokenStream) -> ChatGenerationChunk:
    message = AIMessageChunk(content=event.text)
    if event.finish_reason is not None:
        message.usage_metadata = _usage(stream)
        message.response_metadata = {"finish_reason": event.finish_reason.value}
    return ChatGenerationChunk(message=message)


def _usage(stream: TokenStream) -> UsageMetadata | None:
    usage = stream.usage
    if usage is None:
        return None
    return UsageMetadata(
        input_tokens=usage.prompt_tokens,
        output_tokens=usage.completion_tokens,
        total_tokens=usage.prompt_tokens + usage.completion_tokens,
        input_token_details={"cache_read": usage.cached_tokens},
    )


def _to_message(message: BaseMessage) -> Message:
    match message:
        case SystemMessage():
            role = "system"
        case HumanMessage():
            role = "user"
        case AIMessage():
            role = "assistant"
        case _:
            raise InvalidRequest(f"messages of type {message.type!r} are not supported")
    return Message(role, str(message.text))
