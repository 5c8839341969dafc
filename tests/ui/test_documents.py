"""Choosing the documents that are asked."""

from __future__ import annotations

from dataclasses import replace

from app.ui.documents import distinct_labels
from app.ui.session import PageState
from ingest.search_filter import SearchFilter
from tests.ui.test_welcome import record


def test_documents_of_one_name_are_told_apart() -> None:
    documents = [
        replace(record("plan.pdf"), document_id="aaaaaaaaaaaaaaaaaaaa"),
        replace(record("plan.pdf"), document_id="bbbbbbbbbbbbbbbbbbbb"),
        replace(record("a\n\x1bname.pdf"), document_id="cccccccccccccccccccc"),
    ]
    assert list(distinct_labels(documents).values()) == [
        "plan.pdf (aaaaaaaaaaaa)",
        "plan.pdf (bbbbbbbbbbbb)",
        "a name.pdf",
    ]


def test_a_session_asks_the_documents_that_were_chosen() -> None:
    state = PageState()
    assert not state.filter
    state.collection, state.documents = "reports", ["b", "a"]
    assert state.filter == SearchFilter(collection="reports", documents=["a", "b"])
