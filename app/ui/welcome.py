"""What a reader sees before the first question."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from app.ui.chat import ask
from app.ui.escaping import one_line, plain
from app.ui.session import PageState
from ingest.records import DocumentRecord
from rag.library import Library

# By file name in data/samples; each is answered well even by the small bundled model.
SAMPLE_QUESTIONS = {
    "annual-report-2024.pdf": "How many HydroMast 4 gauges were sold in the first ten months?",
    "espresso-machine-manual.pdf": "How long does descaling take?",
    "incident-2025-031.txt": "How many customers were charged without receiving a ticket?",
    "product-council-notes.md": "When is the cargo bike launched?",
    "ferrule-sync-release-notes.md": "How long are deleted files kept on the server?",
    "orchard-bee-study.pdf": "How many bee species were found in the orchards?",
}
SHOWN = 4


def draw_welcome(library: Library, state: PageState) -> None:
    """Draw the greeting and a few questions to begin with."""
    documents = library.documents()
    with st.container(key="welcome"):
        st.markdown("# Ask your documents", anchors=False)
        if not documents:
            st.markdown(
                "Every answer is cited to the page it comes from. Nothing leaves this machine.  \n"
                "Add a document on the left to begin."
            )
            return
        st.markdown("Every answer is cited to the page it comes from. Nothing leaves this machine.")
        with st.container(key="samples", gap="small"):
            for number, question in enumerate(questions(documents)):
                st.button(
                    plain(question),
                    key=f"sample-{number}",
                    width="stretch",
                    icon=":material/arrow_outward:",
                    icon_position="right",
                    on_click=ask,
                    args=(library, state, question),
                )


def questions(documents: Sequence[DocumentRecord]) -> list[str]:
    """Up to SHOWN questions that the documents can be asked: those of the samples, if any."""
    names = {document.name for document in documents}
    prepared = [question for name, question in SAMPLE_QUESTIONS.items() if name in names]
    return (prepared or [_about(document) for document in documents])[:SHOWN]


def _about(document: DocumentRecord) -> str:
    return f"What is “{one_line(document.title or document.name, limit=60)}” about?"
