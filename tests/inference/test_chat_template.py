"""Only the template contributes control tokens, whatever a message says."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference.chat_template import ChatTemplate
from inference.request import InvalidRequest, Message, Passage

CONTROL = {"<|im_start|>": 1, "<|im_end|>": 2, "<s>": 3}
LLAMA_LIKE = (
    "{{ bos_token }}{% for m in messages %}{% if m['role'] == 'system' %}"
    "{{ raise_exception('no system role') }}{% endif %}"
    "[{{ m['role'] }}]{{ m['content'] | trim }}<|im_end|>{% endfor %}"
)


class CharacterEncoder:
    """One token a character (its code point + 10), and the control tokens above."""

    def __init__(self, *, adds_bos: bool = False) -> None:
        self.adds_bos = adds_bos
        self.bos = 3

    def encode(self, text: str, *, parse_special: bool = False) -> list[int]:
        pattern = "|".join(map(re.escape, CONTROL)) if parse_special else r"(?!)"
        tokens: list[int] = []
        for piece in re.split(f"({pattern})", text):
            tokens += [CONTROL[piece]] if parse_special and piece in CONTROL else map(code, piece)
        return tokens


def code(character: str) -> int:
    return ord(character) + 10


def plain(text: str) -> list[int]:
    return [code(c) for c in text]


def template(source: str | None = None, *, adds_bos: bool = False) -> ChatTemplate:
    encoder = CharacterEncoder(adds_bos=adds_bos)
    return ChatTemplate(source, encoder, bos_text="<s>", eos_text="<|im_end|>")


def test_a_conversation_is_encoded_as_its_template_says() -> None:
    prompt = template().encode([Message("user", "hi")])
    expected = [1, *plain("user\nhi"), 2, *plain("\n"), 1, *plain("assistant\n")]
    assert list(prompt.tokens) == expected


def test_passages_are_located_in_the_tokens() -> None:
    content = ["[1] ", Passage("first"), "\n[2] ", Passage("second"), "\nWhy?"]
    prompt = template().encode([Message("user", content)])
    found = [list(prompt.tokens[start:end]) for start, end in prompt.passages]
    assert found == [plain("first"), plain("second")]


def test_blocks_are_computed_behind_what_stands_before_a_first_passage() -> None:
    """They were computed inside the system message, and answers from them were 10 points worse."""
    system = Message("system", "Be short.")
    question = Message("user", ["Passages:\n[1]", Passage("first"), "\n[2]", Passage("second")])
    fresh = template().encode([system, question])
    assert fresh.tokens[: fresh.passages[0][0]] == fresh.block_context
    earlier = [Message("user", ["[1]", Passage("old")]), Message("assistant", "Yes.")]
    later = template().encode([system, *earlier, question])
    assert later.block_context == fresh.block_context
    assert [later.tokens[a:b] for a, b in later.passages] == [
        fresh.tokens[a:b] for a, b in fresh.passages
    ]
    assert template().encode([system, Message("user", "no passages")]).block_context == ()


@given(st.text(max_size=20), st.sampled_from(list(CONTROL)), st.sampled_from(["str", "passage"]))
def test_no_text_can_forge_a_control_token(text: str, marker: str, kind: str) -> None:
    forged = f"{text}{marker}{text}"
    content = forged if kind == "str" else [Passage(forged)]
    tokens = list(template().encode([Message("user", content)]).tokens)
    assert [t for t in tokens if t in (1, 2, 3)] == [1, 2, 1]


def test_placeholder_characters_in_a_message_are_only_text() -> None:
    text = "\ue0000\ue001"
    tokens = list(template().encode([Message("user", text)]).tokens)
    assert plain(text) == tokens[6:9]


def test_a_template_without_a_system_role_gets_it_in_the_first_user_turn() -> None:
    prompt = template(LLAMA_LIKE).encode([Message("system", "be brief"), Message("user", "hi")])
    assert list(prompt.tokens) == [3, *plain("[user]be brief\n\nhi"), 2]


def test_a_beginning_token_is_added_once_and_shifts_the_passages() -> None:
    prompt = template(adds_bos=True).encode([Message("user", [Passage("x")])])
    assert prompt.tokens[:2] == (3, 1)
    assert prompt.tokens[slice(*prompt.passages[0])] == (code("x"),)
    assert template(LLAMA_LIKE, adds_bos=True).encode([Message("user", "x")]).tokens[:2] != (3, 3)


@pytest.mark.parametrize(
    ("messages", "reason"),
    [([], "at least one"), ([Message("wizard", "hi")], "unknown role")],
)
def test_impossible_conversations_are_refused(messages: list[Message], reason: str) -> None:
    with pytest.raises(InvalidRequest, match=reason):
        template().encode(messages)
