from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer, models, pre_tokenizers, processors

from ingest.embedding_batches import Collector, Piece, batches, cut, padded_length, unit_rows

CLS, SEP, UNKNOWN = 0, 1, 2


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    """One token a letter, of words at most 3 long a token; [CLS] before, [SEP] behind."""
    letters = {c: 3 + i for i, c in enumerate("abcdefghij")}
    vocabulary = {"[CLS]": CLS, "[SEP]": SEP, "[UNK]": UNKNOWN, **letters}
    vocabulary |= {f"##{c}": 100 + i for c, i in letters.items()}
    made = Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]"))
    made.pre_tokenizer = pre_tokenizers.Whitespace()
    made.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", CLS), ("[SEP]", SEP)]
    )
    return made


def test_a_text_that_fits_is_one_piece_with_its_prompt(tokenizer: Tokenizer) -> None:
    (piece,) = cut(["ab c"], tokenizer=tokenizer, prompt="d ", max_ids=6)
    assert piece == Piece(0, "ab c", tokenizer.encode("d ab c").ids)


def test_a_long_text_is_cut_between_words_and_nothing_is_lost(tokenizer: Tokenizer) -> None:
    pieces = list(cut(["ab cde fg hij a"], tokenizer=tokenizer, prompt="j ", max_ids=8))
    # 8 less [CLS], j and [SEP] leaves room for 5 letters.
    assert [piece.text for piece in pieces] == ["ab cde", "fg hij", "a"]
    assert all(piece.ids == tokenizer.encode(f"j {piece.text}").ids for piece in pieces)


def test_a_word_longer_than_the_model_reads_is_cut_inside(tokenizer: Tokenizer) -> None:
    pieces = list(cut(["abcdefghij" * 3], tokenizer=tokenizer, prompt="", max_ids=9))
    assert "".join(piece.text for piece in pieces) == "abcdefghij" * 3
    assert max(len(piece.ids) for piece in pieces) <= 9


@given(
    words=st.lists(st.text("abcdefghij", min_size=1, max_size=12), min_size=1, max_size=30),
    max_ids=st.integers(4, 12),
)
def test_windows_hold_every_letter_and_none_is_too_long(
    tokenizer: Tokenizer, words: list[str], max_ids: int
) -> None:
    text = " ".join(words)
    pieces = list(cut([text], tokenizer=tokenizer, prompt="", max_ids=max_ids))
    assert "".join(p.text for p in pieces).replace(" ", "") == text.replace(" ", "")
    assert all(len(piece.ids) <= max_ids for piece in pieces)


@given(
    lengths=st.lists(st.integers(1, 60), max_size=60),
    budget=st.integers(8, 200),
    at_once=st.integers(1, 5),
)
def test_batches_hold_each_piece_once_within_the_budget(
    lengths: list[int], budget: int, at_once: int
) -> None:
    pieces = [Piece(row, "", [0] * length) for row, length in enumerate(lengths)]
    made = batches(pieces, budget, at_once=at_once)
    assert sorted(piece.row for batch in made for piece in batch) == list(range(len(lengths)))
    sizes = [len(piece.ids) for batch in made for piece in batch]
    assert sizes == sorted(sizes, reverse=True)
    for batch in made:
        assert len(batch) == 1 or len(batch) * padded_length(len(batch[0].ids)) <= budget


@pytest.mark.parametrize(
    ("count", "sizes"), [(1, [1]), (2, [1, 1]), (8, [4, 4]), (11, [6, 5]), (20, [5, 5, 5, 5])]
)
def test_what_is_computed_side_by_side_is_shared_fairly(count: int, sizes: list[int]) -> None:
    """Eight passages on two cores were one batch, and one of the cores waited."""
    pieces = [Piece(row, "", [0] * 180) for row in range(count)]
    assert [len(batch) for batch in batches(pieces, 8 * 184, at_once=2)] == sizes


def test_a_texts_vector_is_the_mean_of_its_windows_by_their_lengths() -> None:
    pieces = [Piece(0, "", [1]), Piece(1, "", [1] * 3), Piece(1, "", [1])]
    collector = Collector(pieces, texts=2, dimensions=2)
    east, north = [2.0, 0.0], [0.0, 5.0]
    assert collector.take(pieces[1:2], np.array([east], dtype=np.float32)) == []
    complete = collector.take([pieces[2], pieces[0]], np.array([north, north], dtype=np.float32))
    assert complete == [1, 0]
    weighted = np.array([3.0, 1.0]) / np.hypot(3, 1)
    np.testing.assert_allclose(collector.vectors(), [[0, 1], weighted], atol=1e-6)


def test_a_row_of_zeros_stays_one() -> None:
    np.testing.assert_array_equal(unit_rows(np.zeros((1, 3), dtype=np.float32)), [[0, 0, 0]])
