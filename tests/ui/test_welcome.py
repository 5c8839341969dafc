"""The questions that a reader is offered to begin with."""

from __future__ import annotations

from datetime import UTC, datetime

from app.ui.welcome import SAMPLE_QUESTIONS, SHOWN, questions
from ingest.records import DocumentRecord
from rag.settings import CHECKOUT


def record(name: str, title: str = "") -> DocumentRecord:
    return DocumentRecord(
        document_id=name,
        name=name,
        path=f"/{name}",
        collection="default",
        sha256="",
        media_type="text/plain",
        title=title,
        byte_size=1,
        page_count=1,
        chunk_count=1,
        added_at=datetime(2026, 1, 1, tzinfo=UTC),
    )


def test_every_prepared_question_is_about_a_sample_that_ships() -> None:
    shipped = {path.name for path in (CHECKOUT / "data" / "samples").iterdir()}
    assert set(SAMPLE_QUESTIONS) <= shipped


def test_the_samples_come_with_prepared_questions() -> None:
    offered = questions([record(name) for name in SAMPLE_QUESTIONS])
    assert offered == list(SAMPLE_QUESTIONS.values())[:SHOWN]


def test_other_documents_are_asked_what_they_are_about() -> None:
    assert questions([record("a.txt", "A title"), record("b.txt")]) == [
        "What is “A title” about?",
        "What is “b.txt” about?",
    ]


def test_an_empty_library_offers_nothing() -> None:
    assert questions([]) == []
