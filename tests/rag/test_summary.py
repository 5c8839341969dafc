"""Summaries of documents that fit the context and of those that do not."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Literal

import pytest

from inference.request import Message
from ingest.errors import DocumentNotFound
from rag.errors import ContextTooSmall
from rag.library import Library
from rag.settings import Settings
from rag.summary import Summary
from tests.fakes import ModellessLibrary, ScriptedGenerator

TOWNS = ("Arden", "Brill", "Callow", "Dunmore", "Esker", "Fenwick", "Garrow", "Holm")


def chapter(town: str, number: int) -> str:
    filler = " ".join(f"Street {i} of {town} has {number + i} houses." for i in range(30))
    return f"The town of {town} was founded in {1500 + number}. {filler}"


LONG = "\n\n".join(chapter(town, number) for number, town in enumerate(TOWNS))
SHORT = "The ferry to Grey Island takes 50 minutes. It leaves every day at 07:30."

MakeLibrary = Callable[..., ModellessLibrary]


@pytest.fixture
def make_library(tmp_path: Path) -> Iterator[MakeLibrary]:
    made: list[ModellessLibrary] = []

    def make(
        text: str, reply: Any, *, unsupported: Literal["drop", "keep"] = "drop", **generator: Any
    ) -> ModellessLibrary:
        model = ScriptedGenerator(reply, **generator)
        settings = Settings(home=tmp_path, unsupported=unsupported)
        library = ModellessLibrary(tmp_path / "library", settings, lambda: model)
        library.add_bytes("towns.txt", text.encode())
        made.append(library)
        return library

    yield make
    for library in made:
        library.close()


def summary_of(library: Library, **options: Any) -> Summary:
    (record,) = library.documents()
    return library.summarize(record.document_id, **options)


def founding(messages: Sequence[Message]) -> str:
    """Says of each town in the passages when it was founded, and something untrue."""
    shown = messages[-1].text
    said = [
        f"The town of {town} was founded in {1500 + number} [1]."
        for number, town in enumerate(TOWNS)
        if f"The town of {town} was founded" in shown
    ]
    return " ".join([*said, "King Olav of Norway burned them all in 1788."])


def assert_resolves(library: Library, summary: Summary) -> None:
    for citation in summary.citations:
        page = library.page(citation.document_id, citation.page_index)
        assert page.text[citation.start : citation.end] == citation.quote


def test_a_document_that_fits_is_read_whole(make_library: MakeLibrary) -> None:
    library = make_library(SHORT, "The ferry to Grey Island takes 50 minutes.")
    seen: list[tuple[int, int]] = []
    summary = summary_of(library, progress=lambda done, count: seen.append((done, count)))
    assert summary.text == "The ferry to Grey Island takes 50 minutes [1]."
    assert (summary.parts, summary.document_name, seen) == (1, "towns.txt", [(1, 1)])
    assert_resolves(library, summary)


def test_a_longer_one_is_read_in_parts_and_every_statement_is_cited(
    make_library: MakeLibrary,
) -> None:
    library = make_library(LONG, founding, context_tokens=1300)
    seen: list[tuple[int, int]] = []
    summary = summary_of(library, progress=lambda done, count: seen.append((done, count)))
    assert summary.parts >= 3
    expected = [
        f"The town of {t} was founded in {1500 + n} [{n + 1}]." for n, t in enumerate(TOWNS)
    ]
    assert summary.text == " ".join(expected)
    assert "Olav" not in summary.text
    assert_resolves(library, summary)
    assert [c.quote for c in summary.citations] == [
        f"The town of {t} was founded in {1500 + n}." for n, t in enumerate(TOWNS)
    ]
    assert seen[-1] == (summary.parts + 1, summary.parts + 1)
    model: Any = library.generator
    assert all(len(r.prompt.tokens) < model.context_tokens for r in model.requests)


def test_every_passage_is_read(make_library: MakeLibrary) -> None:
    library = make_library(LONG, founding, context_tokens=1300)
    summary_of(library)
    model: Any = library.generator
    shown = "\n".join(c[-1].text for c in model.conversations)
    assert all(f"Street {i} of {town} has" in shown for town in TOWNS for i in range(30))


@pytest.mark.parametrize("text", [SHORT, LONG], ids=["whole", "in parts"])
def test_where_the_model_says_nothing_true_sentences_of_the_document_stand_in(
    make_library: MakeLibrary, text: str
) -> None:
    """Two opening sentences stood for a German lease that a model had told in English."""
    library = make_library(text, "King Olav burned it in 1788.", context_tokens=1300)
    summary = summary_of(library)
    marked = [f"{' '.join(c.quote.rstrip('.').split())} [{c.marker}]." for c in summary.citations]
    assert summary.text == " ".join(marked)
    assert len(marked) == summary.parts
    assert_resolves(library, summary)


def test_a_model_that_goes_round_in_circles_is_left(make_library: MakeLibrary) -> None:
    """A German lease was told in 320 tokens, 200 of which were two sentences again and again."""
    library = make_library(SHORT, "The ferry to Grey Island takes 50 minutes. " * 40)
    assert summary_of(library).text == "The ferry to Grey Island takes 50 minutes [1]."
    model: Any = library.generator
    assert model.streams[0].cancelled.is_set()


def test_what_has_no_source_can_be_kept_and_says_so(make_library: MakeLibrary) -> None:
    said = "The ferry to Grey Island takes 50 minutes. King Olav burned it in 1788."
    library = make_library(SHORT, said, unsupported="keep")
    assert summary_of(library).text == (
        "The ferry to Grey Island takes 50 minutes [1]. King Olav burned it in 1788 (no source)."
    )
    assert library.ask("How long does the ferry to Grey Island take?").text.endswith(
        "King Olav burned it in 1788 (no source)."
    )


def test_what_has_no_source_is_nothing_to_make_a_summary_of_parts_of(
    make_library: MakeLibrary,
) -> None:
    library = make_library(LONG, founding, unsupported="keep", context_tokens=1300)
    summary_of(library)
    model: Any = library.generator
    last = model.conversations[-1][-1].text
    assert "part 1" in last
    assert "Olav" not in last


def test_where_the_model_makes_nothing_of_the_parts_their_summaries_stand_in(
    make_library: MakeLibrary,
) -> None:
    """The parts' summaries did not fit one prompt, the model put them together to nothing but
    blanks, and the summary ended with "the context is too small".
    """

    def reply(messages: Sequence[Message]) -> str:
        shown = messages[-1].text
        return "" if "part 1" in shown else founding(messages)

    library = make_library(LONG * 6, reply, context_tokens=900)
    summary = summary_of(library)
    assert summary.text.startswith("The town of Arden was founded in 1500 [1].")
    assert_resolves(library, summary)


def test_a_context_without_room_is_told(make_library: MakeLibrary) -> None:
    library = make_library(SHORT, "x", context_tokens=200)
    with pytest.raises(ContextTooSmall, match="raise context_tokens"):
        summary_of(library)


def test_a_cancelled_summary_ends(make_library: MakeLibrary) -> None:
    library = make_library(LONG, founding, context_tokens=1300, hold=True)
    cancel = threading.Event()
    results: list[Summary] = []
    thread = threading.Thread(target=lambda: results.append(summary_of(library, cancel=cancel)))
    thread.start()
    cancel.set()
    thread.join(30)
    assert results[0].cancelled


def test_an_unknown_document_loads_no_model(make_library: MakeLibrary) -> None:
    library = make_library(SHORT, "x")
    with pytest.raises(DocumentNotFound):
        library.summarize("absent")
    assert not library._parts.generator.is_made


def test_what_a_small_model_would_write_is_not_asked_for(make_library: MakeLibrary) -> None:
    """The bundled model made up a founding year, and went round in circles; all of it was cited."""
    library = make_library(LONG, "King Olav burned it in 1788 [1].", parameters=135_000_000)
    told: list[tuple[int, int]] = []
    summary = summary_of(library, progress=lambda done, of: told.append((done, of)))
    model: Any = library.generator
    assert model.conversations == []
    assert summary.model == ""
    assert 3 <= len(summary.citations) <= 7
    assert all(citation.quote in LONG for citation in summary.citations)
    assert_resolves(library, summary)
    starts = [citation.start for citation in summary.citations]
    assert starts == sorted(starts)
    assert told == [(1, 1)]


def test_a_table_without_sentences_is_told_by_its_first_lines(make_library: MakeLibrary) -> None:
    text = "Town | Founded\nArden | 1500\nBrill | 1501\nCallow | 1502"
    summary = summary_of(make_library(text, "x", parameters=135_000_000))
    assert [citation.quote for citation in summary.citations] == text.splitlines()[:3]
    assert summary.text == "Town | Founded [1]\nArden | 1500 [2]\nBrill | 1501 [3]"


def test_a_form_is_told_by_its_lines_with_labels(make_library: MakeLibrary) -> None:
    """Of an invoice the summary was "Payment within 30 days to our account.", and no more."""
    text = (
        "Invoice\n\nInvoice number: BW-2231\nInvoice date: 14 March 2026\nTotal due: 768.00 GBP\n\n"
        "Payment within 30 days by bank transfer to our account.\n"
    )
    summary = summary_of(make_library(text, "x", parameters=135_000_000))
    quotes = [citation.quote for citation in summary.citations]
    assert len(quotes) == 3
    assert set(quotes) < {line for line in text.splitlines() if line not in ("", "Invoice")}


def test_who_asks_a_question_for_a_summary_gets_it(make_library: MakeLibrary) -> None:
    """ "The documents do not say" was the answer."""
    library = make_library(SHORT, "x", parameters=135_000_000)
    answer = library.ask("Please summarize towns.txt.")
    assert (answer.text, answer.citations) == (
        summary_of(library).text,
        summary_of(library).citations,
    )
    assert library.ask("Summarize what Mars is made of.").refused


@pytest.mark.model
def test_the_bundled_model_s_library_quotes(tmp_path: Path, llm_path: Path) -> None:
    settings = Settings(model=str(llm_path), context_tokens=1024, max_sequences=2)
    with Library.open(tmp_path / "library", settings=settings) as library:
        library.add_bytes("towns.txt", LONG.encode())
        summary = summary_of(library)
        assert summary.citations
        assert all(citation.quote in LONG for citation in summary.citations)
        assert_resolves(library, summary)
