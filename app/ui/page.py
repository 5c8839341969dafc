"""The page's script: Streamlit runs it from the top for every interaction of every session."""

from __future__ import annotations

import streamlit as st

from app.ui.chat import draw_conversation, draw_input, draw_new_conversation
from app.ui.citations import source_drawer
from app.ui.documents import draw_documents
from app.ui.engine import draw_engine
from app.ui.escaping import plain
from app.ui.frame import begin_page
from app.ui.session import page_state
from app.ui.welcome import draw_welcome
from app.ui.wording import sentence
from app.workspace import current


def main() -> None:
    """Draw the whole page once; a failure is told in one sentence."""
    begin_page()
    try:
        _draw_page()
    except Exception as error:  # the page's boundary; Streamlit's own control flow passes it
        st.error(plain(sentence(error)), icon=":material/error:")


def _draw_page() -> None:
    workspace, state = current(), page_state()
    library = workspace.library
    with st.sidebar:
        draw_new_conversation(state)
        draw_documents(library, state, max_upload_mb=workspace.settings.max_upload_mb)
        draw_engine(workspace)
    if state.exchanges:
        draw_conversation(library, state, workspace.start)
    else:
        draw_welcome(library, state)
    draw_input(library, state)
    source_drawer(library, state)


if __name__ == "__main__":  # how Streamlit runs it
    main()
