"""What a reader sees before the first question."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from app.ui.chat import ask
from app.ui.escaping import one_line, plain
from app.ui.session import PageState
from ingest.records import DocumentRecord
from rag.library import Library

# Questions about the documents in data/samples, by file name.
SAMPLE_QUESTIONS: dict[str, tuple[str, ...]] = {}
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
    """Up to SHOWN questions that the documents can be asked: one a sample document, in turns."""
    lists = [SAMPLE_QUESTIONS[d.name] for d in documents if d.name in SAMPLE_QUESTIONS]
    longest = max(map(len, lists), default=0)
    in_turns = [listed[i] for i in range(longest) for listed in lists if i < len(listed)]
    return in_turns[:SHOWN] or [_about(d) for d in documents[:SHOWN]]


def _about(document: DocumentRecord) -> str:
    return f"What is “{one_line(document.title or document.name, limit=60)}” about?"
