"""OpenAI's (legacy) completions as data: text is continued as it is, without a chat template.

Pure: knows neither the engine's queue nor the library.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pydantic import Field

from app.api.generation_forms import (
    LEAST_LOGPROB,
    Choice,
    GenerationBody,
    ReplyHead,
    finish_word,
    not_offered,
)
from inference.request import FinishReason, SamplingParams, TokenEvent, TokenLogprob

MOST_PROMPTS = 128
DEFAULT_MAX_TOKENS = 16  # OpenAI's, for this endpoint


class CompletionBody(GenerationBody):
    """A completion of text or of token ids."""

    prompt: str | list[str] | list[int] | list[list[int]] = Field(
        description="Text or token ids to continue, or several. Text is read as text: special "
        "tokens in it are no commands; send token ids for those"
    )
    logprobs: int | None = Field(
        default=None,
        ge=0,
        le=20,
        description="Report each token's log-probability and those of this many most probable",
    )
    echo: bool | None = Field(default=None, description="Only false")
    best_of: int | None = Field(default=None, description="Only the value of n")
    suffix: str | None = Field(default=None, description="Refused: text is continued at its end")

    def check_offered(self) -> None:
        """Raise ApiError for what changes a completion and is not offered here."""
        if self.echo:
            raise not_offered("echo", "echo is not offered; put the prompt before the text")
        if self.best_of is not None and self.best_of != self.samples:
            raise not_offered("best_of", "best_of is not offered; ask for n and choose yourself")
        if self.suffix:
            raise not_offered("suffix", "suffix is not offered; text is continued at its end")
        if not 1 <= len(self.prompts()) <= MOST_PROMPTS:
            raise not_offered("prompt", f"send 1 to {MOST_PROMPTS} prompts")

    def prompts(self) -> list[str | list[int]]:
        """Each prompt: text or token ids."""
        if isinstance(self.prompt, str):
            return [self.prompt]
        if self.prompt and isinstance(self.prompt[0], int):
            return [[token for token in self.prompt if isinstance(token, int)]]
        return [part for part in self.prompt if not isinstance(part, int)]

    def sampling(self) -> SamplingParams:
        """How tokens are chosen. Raises ApiError."""
        return self.sampling_with(
            max_tokens=self.max_tokens or DEFAULT_MAX_TOKENS, logprobs=self.logprobs
        )


class CompletionFrame:
    """The frame around completions.

    Choices are numbered prompt by prompt. A choice's `text_offset` counts characters of the
    tokens reported so far.
    """

    def __init__(self, model: str, *, wants_usage: bool = False) -> None:
        self._head = ReplyHead("cmpl", "text_completion", model, wants_usage=wants_usage)
        self._offsets: dict[int, int] = {}

    def opening(self, _index: int) -> str:
        """Nothing: text begins with its first piece."""
        return ""

    def piece(self, index: int, event: TokenEvent) -> str:
        """The chunk of new text, with its log-probabilities."""
        return self._head.event([self._choice(index, event.text, None, event.logprobs)])

    def ending(self, index: int, reason: FinishReason | None) -> str:
        """The chunk that says why a choice ended."""
        return self._head.event([self._choice(index, "", finish_word(reason))])

    def usage_chunk(self, usage: dict[str, Any]) -> str:
        """The chunk after the last one, which tells what the completions cost."""
        return self._head.event([], usage=usage)

    def whole(self, choices: Sequence[Choice], usage: dict[str, Any]) -> dict[str, Any]:
        """A text_completion."""
        body = [
            self._choice(index, choice.text, finish_word(choice.finish_reason), choice.logprobs)
            for index, choice in enumerate(choices)
        ]
        return self._head.fields | {"object": "text_completion", "choices": body, "usage": usage}

    def _choice(
        self,
        index: int,
        text: str,
        finish_reason: str | None,
        logprobs: Sequence[TokenLogprob] = (),
    ) -> dict[str, Any]:
        return {
            "index": index,
            "text": text,
            "logprobs": self._logprobs(index, logprobs) if logprobs else None,
            "finish_reason": finish_reason,
        }

    def _logprobs(self, index: int, records: Sequence[TokenLogprob]) -> dict[str, Any]:
        offsets = []
        for record in records:
            start = self._offsets.get(index, 0)
            offsets.append(start)
            self._offsets[index] = start + len(record.text)
        return {
            "tokens": [record.text for record in records],
            "token_logprobs": [max(record.logprob, LEAST_LOGPROB) for record in records],
            "top_logprobs": [
                {text: max(logprob, LEAST_LOGPROB) for text, logprob in record.top}
                for record in records
            ],
            "text_offset": offsets,
        }
