from __future__ import annotations

import pytest

from rag.refusal import (
    RelevanceThresholds,
    asks_for_another,
    is_relevant,
    refusal_text,
    says_it_does_not_know,
    uncertain_text,
)
from tests.rag.passages import make_hit


@pytest.mark.parametrize(
    "answer",
    [
        "The documents do not say.",
        "The passages do not contain the answer to this question.",
        "The document doesn't mention the price.",
        "The provided passages do not explicitly state who it was.",
        "I don't know.",
        "I do not have enough information to answer.",
        "I cannot find that in the passages.",
        "I'm sorry, but I am unable to answer that.",
        "There is no information about the organ in the passages.",
        "The cost is not mentioned in the passages.",
        "It is not specified.",
        "This is not stated in the provided documents.",
        "Not mentioned.",
        "None of the passages mention a coat.",
        "Die Dokumente sagen dazu nichts.",
        "Die Textstellen enthalten keine Angaben zum Preis.",
        "Les documents ne le disent pas.",
        "Los pasajes no mencionan el precio.",
        "文档中没有说明。",
    ],
)
def test_admissions_are_recognised(answer: str) -> None:
    assert says_it_does_not_know(answer)


@pytest.mark.parametrize(
    "answer",
    [
        "The warranty does not cover water damage.",
        "The contract does not specify a minimum term.",
        "No, the deposit is not refunded.",
        "The report was not mentioned by the minister until 2019.",
        "Visitors may not park there.",
        "The information desk opens at nine.",
        "It is known as the Tamber bridge.",
        "Die Unterlagen werden nicht zurückgesandt.",
        "Die Garantie gilt nicht für Wasserschäden.",
        "Les animaux ne sont pas admis.",
        "No se permiten perros en la vivienda.",
        "",
    ],
)
def test_answers_with_a_negation_are_answers(answer: str) -> None:
    assert not says_it_does_not_know(answer)


def test_a_refusal_names_each_nearest_place_once() -> None:
    hits = [
        make_hit("a", document="report.pdf", page=3),
        make_hit("b", document="report.pdf", page=3),
        make_hit("c", document="notes.txt", page=None),
    ]
    assert refusal_text(hits) == (
        "The documents do not say. The nearest passages are in report.pdf, page 3 and notes.txt."
    )
    assert refusal_text(hits[:1]).endswith("The nearest passage is in report.pdf, page 3.")
    assert refusal_text(hits, question="Wie hoch ist die Kaution?") == (
        "Die Dokumente sagen dazu nichts. "
        "Die nächstliegenden Textstellen stehen in report.pdf, Seite 3 und notes.txt."
    )
    assert refusal_text([]).endswith("No passage in the library is near this question.")


@pytest.mark.parametrize(
    ("dense", "coverage", "reliable", "relevant"),
    [
        (0.6, 0.0, True, True),
        (0.2, 0.0, True, True),
        (0.17, 0.6, True, True),
        (0.17, 0.2, True, False),
        (0.1, 1.0, True, False),
        (0.9, 0.2, False, False),
        (0.1, 0.7, False, True),
        (None, 0.7, True, True),
    ],
)
def test_relevance_needs_meaning_or_words(
    dense: float | None, coverage: float, reliable: bool, relevant: bool
) -> None:
    hit = make_hit("text", dense=dense)
    found = is_relevant(hit, coverage, RelevanceThresholds(), dense_is_reliable=reliable)
    assert found is relevant


@pytest.mark.parametrize(
    ("question", "another"),
    [
        ("What rent does the tenant of Unit 8 pay?", True),
        ("What rent does the tenant of Unit 7 pay?", False),
        ("What rent does the tenant of Room 8 pay?", False),  # no text numbers its rooms
        ("What does unit 7 cost in 2025?", False),
        ("What does Clause 9.9 say?", True),
    ],
)
def test_a_number_that_the_texts_do_not_have_is_another_thing(question: str, another: bool) -> None:
    texts = ["Lease of Unit 7. See clause 5.2 and clause 8.", "The rent 2024 was paid."]
    assert asks_for_another(question, texts) is another


@pytest.mark.parametrize(
    ("question", "another"),
    [
        ("Can it be paid within 10 days?", False),  # refused, for "within 14 days" was there
        ("What do posters cost if I order 30?", False),  # for "ordered 300 leaflets"
        ("What does E5 mean?", True),
        ("What does E-7 mean?", False),
        ("What did it earn in Q3?", False),  # "the third quarter"
        ("What does F2 mean?", False),
    ],
)
def test_counted_things_are_not_numbered_and_codes_are(question: str, another: bool) -> None:
    texts = ["Pay within 14 days. We ordered 300 leaflets.", "E7 | pump | E9 | door", "Q1 and Q2"]
    assert asks_for_another(question, texts) is another


def test_a_number_before_a_word_like_a_plural_is_known_all_the_same() -> None:
    """ "6 goes" looked like a count of things, so that "year 6" was that of no text."""
    texts = ["The visit of Year 6 goes to the coast. From Year 3 on they swim."]
    assert not asks_for_another("What does the year 6 trip cost?", texts)
    assert asks_for_another("What does the year 5 trip cost?", texts)


def test_a_question_without_spaces_needs_fewer_of_its_pairs_of_characters() -> None:
    """Four of five of RGB's Chinese questions were refused before a model was asked."""
    hit = make_hit("第六届立法会共有70个议席。")
    thresholds = RelevanceThresholds()
    for unspaced in (False, True):
        relevant = is_relevant(hit, 0.3, thresholds, dense_is_reliable=False, unspaced=unspaced)
        assert relevant is unspaced
    assert not is_relevant(hit, 0.2, thresholds, dense_is_reliable=False, unspaced=True)


@pytest.mark.parametrize(
    ("sentence", "shown"), [("A  rent\nof £5.", "A rent of £5."), ("押" * 500, "押" * 400 + " …")]
)
def test_the_sentence_that_comes_nearest_is_shown_on_one_line_and_not_without_end(
    sentence: str, shown: str
) -> None:
    text = uncertain_text(make_hit(sentence, page=3), sentence, question="What is the rent?")
    assert text.endswith(f"in report.pdf, page 3: “{shown}”")
