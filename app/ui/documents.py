"""The sidebar: the library's documents, uploads, and what answers the questions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

import streamlit as st

from app.counts import counted
from app.ui.components import draw
from app.ui.escaping import one_line, plain
from app.ui.session import OpenSource, PageState
from app.ui.uploads import UploadedDocument, UploadJob
from app.ui.wording import sentence
from ingest.naming import archive_of
from ingest.outcomes import AddReport
from ingest.progress import ProgressCallback
from ingest.records import DocumentRecord
from rag.library import Library

SEARCH_FROM = 8
LISTED = 100
CHOOSABLE = 1_000  # every run of the page sends them all to the browser
ID_CHARS = 12
UPLOAD_POLL_SECONDS = 0.3
MAX_PASSWORD_CHARS = 1_000  # a PDF's have 127 bytes at most
TYPE_LABELS = {
    "application/pdf": "PDF",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": "DOC",
    "text/html": "WEB",
    "text/markdown": "MD",
    "text/plain": "TXT",
}


def draw_documents(library: Library, state: PageState, *, max_upload_mb: int) -> None:
    """Draw the sidebar's list of documents and the way to add some."""
    everything = library.documents()
    _choose_collection(everything, state)
    chosen = [d for d in everything if state.collection in (None, d.collection)]
    st.markdown(f"##### Documents :gray-badge[{len(chosen):,}]", anchors=False)
    _draw_uploader(library, state, max_upload_mb=max_upload_mb)
    _draw_upload_progress(state)
    found = _searched(chosen)
    _choose_documents(chosen, found, state)
    _draw_list(found, state)
    if state.removing is not None:
        _confirm_removal(library, state)


def _choose_collection(documents: Sequence[DocumentRecord], state: PageState) -> None:
    names = sorted({document.collection for document in documents})
    if len(names) < 2:
        state.collection = None
        return
    state.collection = st.selectbox(
        "Collection",
        [None, *names],
        format_func=lambda name: "All collections" if name is None else one_line(name),
        key="collection",
    )


def _choose_documents(
    documents: Sequence[DocumentRecord], found: Sequence[DocumentRecord], state: PageState
) -> None:
    """Let the reader ask some of the documents only. found: those that are offered."""
    if len(documents) < 2:
        state.documents = []
        return
    offered = {document.document_id: document for document in found[:CHOOSABLE]}
    offered |= {d.document_id: d for d in documents if d.document_id in state.documents}
    labels = distinct_labels(offered.values(), among=documents)
    state.documents = st.multiselect(
        "Documents to ask",
        list(offered),
        format_func=lambda document_id: labels.get(document_id, document_id),
        placeholder="All of them",
        key="documents-asked",
    )


def distinct_labels(
    offered: Iterable[DocumentRecord], *, among: Iterable[DocumentRecord]
) -> dict[str, str]:
    """Document -> its name to show, with the beginning of its id where several have the name."""
    counts = Counter(document.name for document in among)
    return {
        document.document_id: one_line(document.name, limit=80)
        + ("" if counts[document.name] == 1 else f" ({document.document_id[:ID_CHARS]})")
        for document in offered
    }


# --- adding -------------------------------------------------------------------------------------


def _draw_uploader(library: Library, state: PageState, *, max_upload_mb: int) -> None:
    busy = state.upload is not None and not state.upload.finished
    # A new key empties the uploader, so that a rerun never hands over the same files twice.
    files = st.file_uploader(
        "Add documents",
        accept_multiple_files=True,
        max_upload_size=max_upload_mb,
        disabled=busy,
        key=f"uploader-{state.uploader_version}",
        label_visibility="collapsed",
    )
    if not files or busy:
        return
    collection = state.collection

    def add(name: str, data: bytes, *, password: str, progress: ProgressCallback) -> AddReport:
        return library.add_bytes(
            name, data, collection=collection, password=password, progress=progress
        )

    uploaded = [UploadedDocument(file.name, file.getvalue()) for file in files]
    state.upload = UploadJob(uploaded, add).start()
    state.uploader_version += 1
    st.rerun()


def _draw_upload_progress(state: PageState) -> None:
    job = state.upload
    if job is None:
        return
    if job.finished:
        clicked = _draw_upload_files(job, finished=True)
        if clicked is None:
            return
        if clicked.get("kind") == "password":
            unlock(job, clicked)
        else:
            state.upload = None
        st.rerun()  # which also has Streamlit forget what was clicked

    @st.fragment(run_every=UPLOAD_POLL_SECONDS)
    def show() -> None:
        # What ends is drawn as ended by the rerun alone: here a click on it would be lost.
        _draw_upload_files(job, finished=False)
        if job.finished:
            st.rerun()  # the list of documents has changed

    show()


def _draw_upload_files(job: UploadJob, *, finished: bool) -> Mapping[str, Any] | None:
    files = [
        {
            "name": one_line(file.name, limit=80),
            "state": file.state.value,
            "detail": one_line(file.detail),
            "needsPassword": file.needs_password,
        }
        for file in job.files
    ]
    return draw("uploads", {"finished": finished, "files": files}, key="uploads")


def unlock(job: UploadJob, clicked: Mapping[str, Any]) -> None:
    """Try a file again with the password that was typed. clicked: from a browser, so anything."""
    index, password = clicked.get("index"), clicked.get("password")
    if isinstance(index, int) and isinstance(password, str) and password:
        job.unlock(index, password[:MAX_PASSWORD_CHARS])


# --- the list -----------------------------------------------------------------------------------


def _searched(documents: Sequence[DocumentRecord]) -> list[DocumentRecord]:
    if len(documents) < SEARCH_FROM:
        return list(documents)
    sought = st.text_input(
        "Find a document",
        placeholder="Find a document",
        type="search",
        icon=":material/search:",
        live=True,
        key="document-search",
        label_visibility="collapsed",
    )
    words = (sought or "").casefold().split()
    return [d for d in documents if all(word in f"{d.name} {d.title}".casefold() for word in words)]


def _draw_list(documents: Sequence[DocumentRecord], state: PageState) -> None:
    if not documents:
        st.caption("Nothing here yet." if state.upload is None else "")
        return
    clicked = draw(
        "documents",
        {"documents": [_listed(document) for document in documents[:LISTED]]},
        key="documents",
    )
    if len(documents) > LISTED:
        st.caption(f"{LISTED} of {len(documents):,} shown: search to find the others.")
    if clicked is None:
        return
    known = {document.document_id for document in documents}
    if clicked["id"] not in known:
        return
    if clicked["kind"] == "remove":
        state.removing = clicked["id"]
    else:
        state.open(OpenSource(document_id=clicked["id"], page_index=0))


def _listed(document: DocumentRecord) -> dict[str, str]:
    added = _day(document.added_at)
    has_pages = document.media_type == "application/pdf"  # the others have sections, unnumbered
    pages = [counted(document.page_count, "page")] if has_pages else []
    name, archive = document.name, archive_of(document.name, document.path)
    if archive is not None:  # the list is narrow: with the archive first, all look alike
        name = name.removeprefix(f"{archive[0]}/")
        pages.insert(0, f"in {one_line(archive[0], limit=40)}")
    return {
        "id": document.document_id,
        "name": one_line(name),
        "type": TYPE_LABELS.get(document.media_type, "FILE"),
        "facts": " · ".join([*pages, counted(document.chunk_count, "passage"), added]),
        "title": one_line(f"{document.title or document.name}, added {added}"),
    }


def _day(added_at: datetime) -> str:
    return f"{added_at.day} {added_at:%b}" + ("" if _this_year(added_at) else f" {added_at:%Y}")


def _this_year(moment: datetime) -> bool:
    return moment.year == datetime.now(tz=moment.tzinfo).year


# --- removing -----------------------------------------------------------------------------------


def _confirm_removal(library: Library, state: PageState) -> None:
    def closed() -> None:
        state.removing = None

    st.dialog("Remove this document?", on_dismiss=closed)(_draw_confirmation)(library, state)


def _draw_confirmation(library: Library, state: PageState) -> None:
    document_id = state.removing
    record = next((d for d in library.documents() if d.document_id == document_id), None)
    if record is None or document_id is None:
        state.removing = None
        st.rerun()
        return
    st.text(one_line(record.name))
    st.caption("It leaves the library and is no longer used in answers. Your own file stays.")
    together = from_the_archive_of(record, library.documents(record.collection))
    chosen: list[str] = []
    with st.container(horizontal=True, horizontal_alignment="right"):
        if st.button("Keep it", key="keep"):
            state.removing = None
            st.rerun()
        if len(together) > 1 and st.button(
            f"Remove all {len(together):,} of this archive", key="confirm-remove-archive"
        ):
            chosen = together
        if st.button("Remove", type="primary", key="confirm-remove"):
            chosen = [document_id]
    if not chosen:
        return
    try:
        library.remove(*chosen)
    except Exception as error:  # the page's boundary: a sentence, never a traceback
        st.error(plain(sentence(error)))
        return
    state.removing = None
    st.rerun()


def from_the_archive_of(record: DocumentRecord, documents: Iterable[DocumentRecord]) -> list[str]:
    """The ids of the documents that came out of the same archive; empty if it came out of none.

    documents: of its collection.
    """
    archive = archive_of(record.name, record.path)
    if archive is None:
        return []
    return [d.document_id for d in documents if archive_of(d.name, d.path) == archive]
