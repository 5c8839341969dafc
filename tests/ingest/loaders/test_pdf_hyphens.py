from __future__ import annotations

import time

import pytest

from ingest.loaders.pdf_hyphens import join_hyphens


def joined(*pages: str) -> list[str]:
    return join_hyphens([page.replace("/", "\ufffe") for page in pages])


@pytest.mark.parametrize(
    ("text", "others", "expected"),
    [
        ("an exam/ple", "", "an example"),
        ("forward/looking", "looking forward", "forward-looking"),
        ("Non/GAAP", "", "Non-GAAP"),
        ("year/on-year", "", "year-on-year"),
        ("state-of/the-art", "", "state-of-the-art"),
        ("coope/\nration", "cooperation", "cooperation"),
        ("well/known", "well-known wellknown", "well-known"),
        ("well/known", "", "well-known"),
        ("cross/currency", "a currency of cross-border trade", "cross-currency"),
        ("pages 10/20", "", "pages 10-20"),
        ("/", "", "-"),
        ("", "", ""),
    ],
)
def test_a_hyphen_at_a_line_end_is_judged_by_the_documents_own_words(
    text: str, others: str, expected: str
) -> None:
    assert joined(text, others) == [expected, others]


def test_the_halves_of_a_parted_word_do_not_speak_for_the_hyphen() -> None:
    """They were taken for words of the document, so that no word was joined: "im-portant"."""
    assert joined("an im/\nportant frame/work, not a work") == [
        "an important framework, not a work"
    ]


def test_where_a_document_parts_no_words_each_hyphen_is_one() -> None:
    """Of "write-/downs" it says nothing, but of two more hyphens at line ends that they stay."""
    text = "long/term and short/term write/downs"
    assert joined(text, "A long term, a short one.")[0] == "long-term and short-term write-downs"
    text = "long/term frame/work an/other write/downs"
    others = "a long term, another framework"
    assert joined(text, others)[0] == "long-term framework another writedowns"


def test_a_long_run_of_letters_does_not_slow_the_hyphens_down() -> None:
    started = time.monotonic()
    joined("a" * 2_000_000 + "/" + "b" * 2_000_000)
    assert time.monotonic() - started < 5
