from __future__ import annotations

import random
import re

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from inference.request import InvalidRequest, SamplingParams, Verbatim
from inference.verbatim import PieceTable, VerbatimState

END = 0


class Letters:
    """Token 0 ends; then all single bytes, then whole pieces of several."""

    def __init__(self, *pieces: str) -> None:
        self._pieces = [b"", *(bytes([byte]) for byte in range(256)), *(p.encode() for p in pieces)]

    @property
    def size(self) -> int:
        return len(self._pieces)

    def piece(self, token: int) -> bytes:
        return self._pieces[token]

    def is_end_of_generation(self, token: int) -> bool:
        return token == END

    def token(self, text: str) -> int:
        return self._pieces.index(text.encode())


def everything(rule: Verbatim, *pieces: str) -> set[str]:
    """All completions, whitespace at the ends left out; by trying every path."""
    vocabulary = Letters(*pieces)
    table = PieceTable(vocabulary)
    found: set[str] = set()

    def walk(tokens: tuple[int, ...]) -> None:
        state = VerbatimState(table, rule)
        for token in tokens:
            state.accept(token)
        for token in state.allowed():
            if token == END:
                found.add(b"".join(vocabulary.piece(t) for t in tokens).decode().strip())
            else:
                walk((*tokens, token))

    walk(())
    return found


def runs_of_words(text: str) -> set[str]:
    """The oracle: from the beginning of a word to the end of one."""
    words = [(m.start(), m.end()) for m in re.finditer(r"\w+", text)]
    return {text[a:b] for i, (a, _) in enumerate(words) for _, b in words[i:]}


def test_it_copies_runs_of_whole_words() -> None:
    text = "the old mill ran"
    assert everything(Verbatim((text,)), "mill", " mill", "the ol") == runs_of_words(text)


def test_a_phrase_is_said_whole_or_not_at_all() -> None:
    said = everything(Verbatim(("a b",), ("not stated",)), "not", " stated")
    assert said == {"a", "b", "a b", "not stated"}


@pytest.mark.parametrize(
    ("text", "inside", "outside"),
    [
        ("rose to $1,577.5 million", {"$1,577.5", "$1,577.5 million"}, {"$1", "577", "1,577", "5"}),
        ("it fell -4.2%", {"-4.2%", "4.2"}, {"-4", "4", "2%"}),
        ("seit März", {"März", "seit März"}, {"M", "rz", "Mä"}),
    ],
)
def test_figures_and_words_are_not_cut(text: str, inside: set[str], outside: set[str]) -> None:
    said = everything(Verbatim((text,)))
    assert inside <= said
    assert not outside & said


def test_a_script_without_spaces_may_be_cut_anywhere_between_characters() -> None:
    assert everything(Verbatim(("東京都",))) == {"東", "東京", "東京都", "京", "京都", "都"}


@given(
    st.text(alphabet="ab c.", min_size=1, max_size=12).filter(lambda text: re.search(r"\w", text)),
    st.lists(st.text(alphabet="ab c.", min_size=2, max_size=4), max_size=4),
    st.randoms(use_true_random=False),
)
@example("a.b..a", [" ."], random.Random(0))
@settings(max_examples=150, deadline=None)
def test_whatever_is_chosen_stands_in_the_text(
    text: str, pieces: list[str], choose: random.Random
) -> None:
    """However the vocabulary cuts words, any path ends, with whole words of the text."""
    vocabulary = Letters(*pieces)
    state = VerbatimState(PieceTable(vocabulary), Verbatim((text,)))
    said = b""
    for _ in range(100):
        token = choose.choice(state.allowed())
        if token == END:
            break
        said += vocabulary.piece(token)
        state.accept(token)
    else:
        pytest.fail("it never ended")
    plain = " ".join(text.split())
    copied = said.decode().removeprefix(" ")  # a space may come first: " .a" copies from "b..a"
    assert copied.strip()
    assert copied in plain
    assert re.search(rf"(?<![a-z]){re.escape(copied.strip())}(?![a-z])", plain)


def test_there_must_be_something_to_copy() -> None:
    with pytest.raises(InvalidRequest, match="needs a text"):
        Verbatim((" ",))
    with pytest.raises(InvalidRequest, match="not both"):
        SamplingParams(grammar="root ::= [a-z]", verbatim=Verbatim(("text",)))


def test_half_a_character_is_refused_before_it_reaches_the_engine() -> None:
    """The engine's thread could not encode a text to copy with a lone surrogate, and ended."""
    for rule in (lambda: Verbatim(("\ud800",)), lambda: Verbatim(("text",), ("\udfff",))):
        with pytest.raises(InvalidRequest, match="half a character"):
            rule()
