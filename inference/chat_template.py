"""Chat messages -> prompt tokens, through the model's own template.

The template is rendered with placeholders where the messages' contents belong; the pieces between
them are the template's and may hold control tokens, the contents are tokenized as data. So neither
a document nor a user can forge a chat marker, and the tokens of a message do not depend on its
neighbours (which lets prompts that share a beginning share its tokens).
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Protocol

from jinja2 import BaseLoader, TemplateError
from jinja2.sandbox import ImmutableSandboxedEnvironment

from inference.request import InvalidRequest, Message, Passage, Prompt

# Used for a GGUF without a template; nearly every small instruct model knows it.
CHATML = (
    "{% for message in messages %}<|im_start|>{{ message['role'] }}\n"
    "{{ message['content'] }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
# Private-use characters: no template looks for them, and `trim` leaves them alone.
_PLACEHOLDER = "\ue000{}\ue001"
_PLACEHOLDERS = re.compile("\ue000(\\d+)\ue001")
ROLES = ("system", "user", "assistant")


class TextEncoder(Protocol):
    """What this module needs of a tokenizer."""

    adds_bos: bool
    bos: int

    def encode(self, text: str, *, parse_special: bool = False) -> list[int]:
        """Token ids of `text`."""
        ...


class ChatTemplate:
    """A compiled template. Thread-safe.

    template: Jinja source from the GGUF, None takes ChatML. It runs in Jinja's sandbox: a model
    file is not trusted with more than text.
    """

    def __init__(
        self, template: str | None, encoder: TextEncoder, *, bos_text: str, eos_text: str
    ) -> None:
        environment = ImmutableSandboxedEnvironment(
            loader=BaseLoader(),
            trim_blocks=True,
            lstrip_blocks=True,
            extensions=["jinja2.ext.loopcontrols"],
        )
        environment.globals["raise_exception"] = _raise_template_error
        environment.globals["strftime_now"] = lambda form: datetime.now().strftime(form)
        self._template = environment.from_string(template or CHATML)
        self._encoder = encoder
        self._bos_text = bos_text
        self._eos_text = eos_text

    def encode(
        self,
        messages: Sequence[Message],
        *,
        add_generation_prompt: bool = True,
        answer_start: str = "",
    ) -> Prompt:
        """Tokens of a conversation, ready for the model's answer.

        answer_start: what the answer begins with; the model goes on from there.
        Raises InvalidRequest if there are no messages, a role is unknown, or the template
        refuses their order.
        """
        if not messages:
            raise InvalidRequest("a conversation needs at least one message")
        for message in messages:
            if message.role not in ROLES:
                raise InvalidRequest(f"unknown role {message.role!r}; use one of {ROLES}")
        try:
            rendered = self._render(messages, add_generation_prompt)
        except TemplateError:
            # Gemma and others refuse a system message: say it at the head of the first user turn.
            messages = _fold_system_message(messages)
            try:
                rendered = self._render(messages, add_generation_prompt)
            except TemplateError as error:
                raise InvalidRequest(f"the model's chat template refuses this: {error}") from error
        prompt = self._encode_rendered(rendered, messages)
        if answer_start:
            begun = (*prompt.tokens, *self._encoder.encode(answer_start))
            prompt = replace(prompt, tokens=begun)
        if not prompt.passages:
            return prompt
        return replace(prompt, block_context=self._block_context(messages))

    def _block_context(self, messages: Sequence[Message]) -> tuple[int, ...]:
        """What stands before the first passage of the last message if no others come before it."""
        content = messages[-1].content
        if isinstance(content, str) or not any(isinstance(part, Passage) for part in content):
            return ()
        lead = list(itertools.takewhile(lambda part: isinstance(part, str), content))
        shortest = [Message(messages[-1].role, [*lead, Passage("x")])]
        if messages[0].role == "system" and len(messages) > 1:
            shortest.insert(0, messages[0])
        try:
            prompt = self._encode_rendered(self._render(shortest, True), shortest)
        except TemplateError:
            return ()
        return prompt.tokens[: prompt.passages[0][0]]

    def _render(self, messages: Sequence[Message], add_generation_prompt: bool) -> str:
        rendered = self._template.render(
            messages=[
                {"role": message.role, "content": _PLACEHOLDER.format(index)}
                for index, message in enumerate(messages)
            ],
            add_generation_prompt=add_generation_prompt,
            bos_token=self._bos_text,
            eos_token=self._eos_text,
        )
        found = [int(number) for number in _PLACEHOLDERS.findall(rendered)]
        if found != list(range(len(messages))):
            raise TemplateError("the template leaves out or reorders messages")
        return rendered

    def _encode_rendered(self, rendered: str, messages: Sequence[Message]) -> Prompt:
        tokens: list[int] = []
        passages: list[tuple[int, int]] = []
        # re.split with one group alternates template text and message numbers.
        for position, piece in enumerate(_PLACEHOLDERS.split(rendered)):
            if position % 2 == 0:
                tokens += self._encoder.encode(piece, parse_special=True)
                continue
            content = messages[int(piece)].content
            # Passages of earlier messages (examples) are part of what every prompt begins with.
            passages.clear()
            for part in [content] if isinstance(content, str) else content:
                start = len(tokens)
                if isinstance(part, Passage):
                    tokens += self._encoder.encode(part.text)
                    passages.append((start, len(tokens)))
                else:
                    tokens += self._encoder.encode(part)
        if self._encoder.adds_bos and tokens[:1] != [self._encoder.bos]:
            tokens.insert(0, self._encoder.bos)
            passages = [(start + 1, end + 1) for start, end in passages]
        return Prompt(tuple(tokens), tuple(p for p in passages if p[0] < p[1]))


def _raise_template_error(message: str) -> None:
    raise TemplateError(message)


def _fold_system_message(messages: Sequence[Message]) -> Sequence[Message]:
    if len(messages) < 2 or messages[0].role != "system" or messages[1].role != "user":
        return messages
    system, user = messages[0], messages[1]
    parts = [system.content] if isinstance(system.content, str) else list(system.content)
    more = [user.content] if isinstance(user.content, str) else list(user.content)
    return [Message("user", [*parts, "\n\n", *more]), *messages[2:]]
