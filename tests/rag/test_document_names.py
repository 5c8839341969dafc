from __future__ import annotations

import math

import pytest

from ingest.keywords import query_terms
from rag.document_names import DocumentNames, of_named_documents
from tests.rag.passages import make_hit

FILINGS = [("a", "BESTBUY_2019_10K.pdf"), ("b", "BESTBUY_2023_10K.pdf"), ("c", "3M_2023_10K.pdf")]


def named(text: str) -> dict[str, float]:
    return DocumentNames(FILINGS).named_in(query_terms(text))


def test_rare_words_of_a_name_tell_more_than_common_ones() -> None:
    shares = named("What were the inventories of Best Buy in FY2023?")
    # Names with: bestbuy 2 of 3, 2023 2 of 3, 2019 1 of 3, 10k and its number 10 all 3.
    two, one, three = math.log(1 + 3 / 2), math.log(1 + 3), math.log(2)
    assert shares["b"] == pytest.approx(2 * two / (2 * two + 2 * three))
    assert shares["a"] == pytest.approx(two / (two + one + 2 * three))
    assert max(shares, key=lambda document: shares[document]) == "b"


def test_a_whole_name_is_one() -> None:
    assert named("3M 2023 10-K")["c"] == pytest.approx(1.0)


def test_a_quarter_written_onto_its_year_is_named_by_both() -> None:
    """Of "Q2 of FY2024" only the year was found in 2024Q2, as in the names of other documents."""
    names = DocumentNames([("a", "BESTBUY_2024Q2_10Q.pdf"), ("b", "BESTBUY_2024_10K.pdf")])
    shares = names.named_in(query_terms("How many stores did Best Buy have in Q2 of FY2024?"))
    # Terms of a: bestbuy, 2024 (both in 2 of 2), q2 and 10q with its number 10.
    assert shares["a"] > 0.5
    assert shares["a"] > shares["b"]


def test_documents_that_share_no_word_are_left_out() -> None:
    assert named("Who painted the ceiling?") == {}


def test_sentences_and_empty_names_name_nothing() -> None:
    names = DocumentNames(
        [("a", ""), ("b", "one two three four five six seven eight nine ten.txt")]
    )
    assert names.named_in(["two", "three"]) == {}


@pytest.mark.parametrize(
    ("question", "left"),
    [
        # Best Buy 2023 is meant; of 3M only the year is said, and of the other filing the company.
        ("What were the inventories of Best Buy in 2023?", ["BESTBUY_2023_10K.pdf"]),
        # One word of a name is no document.
        ("What does Best Buy sell?", [name for _, name in FILINGS]),
        ("How did 3M and Best Buy do in 2023?", ["BESTBUY_2023_10K.pdf", "3M_2023_10K.pdf"]),
        ("What were the inventories?", [name for _, name in FILINGS]),
    ],
)
def test_who_names_a_document_is_not_answered_from_another(question: str, left: list[str]) -> None:
    hits = [make_hit("Inventories.", document=name) for _, name in FILINGS]
    assert [hit.document_name for hit in of_named_documents(hits, question)] == left
