"""The documents that ship with the product, asked the questions that come with them.

The bundled model has 135 M parameters: it may word an answer badly, so the answers are counted and
not each demanded; what must hold for every one of them is that its citations resolve.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from rag.library import Library
from rag.results import Answer
from rag.settings import CHECKOUT, Settings

pytestmark = pytest.mark.model

SAMPLES = CHECKOUT / "data" / "samples"
QUESTIONS: list[dict[str, Any]] = json.loads(
    (CHECKOUT / "tests" / "data" / "sample_questions.json").read_text("utf-8")
)
ANSWERABLE = [question for question in QUESTIONS if question["answerable"]]
UNANSWERABLE = [question for question in QUESTIONS if not question["answerable"]]
# Floors, not aims: rounding in batches of other shapes changes a word here and there.
LEAST_RIGHT = 0.5  # of the answerable ones
LEAST_REFUSED = 0.6  # of the others, which all ask for what a sample could well have said


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Library]:
    folder = tmp_path_factory.mktemp("samples")
    settings = Settings(home=Settings().home)  # its models folder; the library is its own
    with Library.open(folder / "library", settings=settings) as library:
        report = library.add(SAMPLES)
        assert [file.outcome for file in report.files] == ["added"] * len(report.files)
        yield library


@pytest.fixture(scope="module")
def answers(library: Library) -> dict[str, Answer]:
    asked = [question["question"] for question in QUESTIONS]
    return dict(zip(asked, library.batch(asked), strict=True))


def is_right(question: dict[str, Any], answer: Answer) -> bool:
    """The gold words are there, and a citation names their document and page."""
    text = answer.text.casefold()
    said = any(gold.casefold() in text for gold in question["answer_contains"])
    place = (question["document"], question["page"])
    return said and any((c.document_name, c.page) == place for c in answer.citations)


def test_the_samples_are_of_many_kinds() -> None:
    names = sorted(path.name for path in SAMPLES.iterdir())
    assert len(names) >= 8
    assert {Path(name).suffix for name in names} >= {".pdf", ".docx", ".md", ".html", ".txt"}
    assert len(ANSWERABLE) >= 12


@pytest.mark.parametrize("question", ANSWERABLE, ids=lambda q: q["question"][:40])
def test_the_right_page_is_among_the_first_five_passages(
    library: Library, question: dict[str, Any]
) -> None:
    hits = library.search(question["question"], k=5)
    place = (question["document"], question["page"])
    assert place in [(hit.document_name, hit.page) for hit in hits]


def test_half_the_answers_and_more_are_right_and_cite_the_page(
    answers: dict[str, Answer],
) -> None:
    wrong = [
        (question["question"], answers[question["question"]].text)
        for question in ANSWERABLE
        if not is_right(question, answers[question["question"]])
    ]
    assert len(wrong) <= (1 - LEAST_RIGHT) * len(ANSWERABLE), wrong


def test_most_of_what_the_samples_do_not_say_is_refused(answers: dict[str, Answer]) -> None:
    given = [answers[question["question"]] for question in UNANSWERABLE]
    assert sum(answer.refused for answer in given) >= LEAST_REFUSED * len(given)
    assert not any(answer.citations for answer in given if answer.refused)


def test_every_citation_is_at_its_place_in_its_document(
    library: Library, answers: dict[str, Answer]
) -> None:
    citations = [citation for answer in answers.values() for citation in answer.citations]
    assert citations
    for citation in citations:
        page = library.page(citation.document_id, citation.page_index)
        assert page.text[citation.start : citation.end] == citation.quote
        assert page.number == citation.page
