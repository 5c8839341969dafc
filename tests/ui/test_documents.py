"""Choosing the documents that are asked, and opening those that need a password."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from app.ui.documents import (
    MAX_PASSWORD_CHARS,
    distinct_labels,
    from_the_archive_of,
    unlock,
)
from app.ui.session import PageState
from app.ui.uploads import UploadJob
from ingest.records import DocumentRecord
from ingest.search_filter import SearchFilter
from tests.ui.test_welcome import record


def test_documents_of_one_name_are_told_apart() -> None:
    documents = [
        replace(record("plan.pdf"), document_id="aaaaaaaaaaaaaaaaaaaa"),
        replace(record("plan.pdf"), document_id="bbbbbbbbbbbbbbbbbbbb"),
        replace(record("a\n\x1bname.pdf"), document_id="cccccccccccccccccccc"),
    ]
    labels = distinct_labels(documents[1:], among=documents)
    assert list(labels.values()) == [
        "plan.pdf (bbbbbbbbbbbb)",
        "a name.pdf",
    ]


def test_a_session_asks_the_documents_that_were_chosen() -> None:
    state = PageState()
    assert not state.filter
    state.collection, state.documents = "reports", ["b", "a"]
    assert state.filter == SearchFilter(collection="reports", documents=["a", "b"])


def test_documents_are_chosen_among_those_found_and_stay_chosen() -> None:
    """What was chosen stays while the list is searched for others, and goes with its document."""

    def page() -> None:
        from dataclasses import replace

        import streamlit as st

        from app.ui.documents import _choose_documents
        from app.ui.session import page_state
        from tests.ui.test_welcome import record

        documents = [
            replace(record(f"plan {n % 3}.txt"), document_id=f"{n}" * 20)
            for n in range(1 if st.checkbox("alone") else 2 if st.checkbox("removed") else 5)
        ]
        found = documents[:2] if st.checkbox("searched") else documents
        _choose_documents(documents, found, page_state())
        st.text(" ".join(page_state().documents))

    def chosen() -> list[str]:
        assert not test.exception
        return [document_id[0] for document_id in test.text[0].value.split()]

    test = AppTest.from_function(page).run()
    assert chosen() == []
    test.multiselect[0].select("1" * 20).select("4" * 20).run()
    assert chosen() == ["1", "4"]
    searched = next(box for box in test.checkbox if box.label == "searched")
    searched.check().run()
    assert chosen() == ["1", "4"]
    assert [label[:6] for label in test.multiselect[0].options] == ["plan 0", "plan 1", "plan 1"]
    next(box for box in test.checkbox if box.label == "removed").check().run()
    assert chosen() == ["1"]
    next(box for box in test.checkbox if box.label == "alone").check().run()
    assert chosen() == []


@pytest.mark.parametrize(
    ("clicked", "tried"),
    [
        ({"index": 0, "password": "open sesame"}, [(0, "open sesame")]),
        ({"index": 2, "password": " "}, [(2, " ")]),
        ({"index": 0, "password": "x" * 5_000}, [(0, "x" * MAX_PASSWORD_CHARS)]),
        ({"index": 0, "password": ""}, []),
        ({"index": "0", "password": "x"}, []),
        ({"index": [0], "password": "x"}, []),
        ({"index": 0, "password": {"x": 1}}, []),
        ({}, []),
    ],
    ids=str,
)
def test_only_a_password_for_a_file_is_tried(
    monkeypatch: pytest.MonkeyPatch, clicked: dict[str, Any], tried: list[tuple[int, str]]
) -> None:
    """It comes from a browser, so it may be anything."""
    seen: list[tuple[int, str]] = []
    monkeypatch.setattr(UploadJob, "unlock", lambda _, *given: seen.append(given))
    unlock(UploadJob([], lambda *_, **__: pytest.fail("nothing is added here")), clicked)
    assert seen == tried


def test_documents_of_one_archive_are_known_to_belong_together() -> None:
    def of(document_id: str, name: str, path: str) -> DocumentRecord:
        return replace(record(name), document_id=document_id, path=path)

    documents = [
        of("1", "a.zip/x.pdf", "/docs/a.zip/x.pdf"),
        of("2", "a.zip/b/y.pdf", "/docs/a.zip/b/y.pdf"),
        of("3", "a.zip/x.pdf", "/other/a.zip/x.pdf"),
        of("4", "a.zip.txt", "/docs/a.zip.txt"),
    ]
    assert from_the_archive_of(documents[0], documents) == ["1", "2"]
    assert from_the_archive_of(documents[2], documents) == ["3"]
    assert from_the_archive_of(documents[3], documents) == []
