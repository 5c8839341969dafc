"""The conversation: questions, answers as they are written, and the way to ask."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from typing import Any

import streamlit as st

from app.counts import counted
from app.ui.answer_text import Block, emphasized, split_answer
from app.ui.components import draw
from app.ui.escaping import one_line
from app.ui.exchange import Exchange, Progress, Stage, turns
from app.ui.rating import describe_rating, rate
from app.ui.session import OpenSource, PageState, reader_watch, session_id
from app.workspace import StartProgress
from rag.library import Library
from rag.results import Answer, AnswerEvent, Citation, Hit
from rag.settings import MOST_QUESTION_CHARS

# Below about ten redraws a second text seems to come in jerks; each costs a small message.
POLL_SECONDS = 0.12
SNIPPET_CHARS = 400


def draw_conversation(library: Library, state: PageState, start: StartProgress) -> None:
    """Draw every exchange, the last one live while it is being answered.

    start: of the server: a question asked before its end waits for it.
    """
    for number, exchange in enumerate(state.exchanges):
        if exchange is state.running:
            _draw_live(library, exchange, number, state, start)
        else:
            _draw_exchange(library, exchange, number, state)


def draw_new_conversation(state: PageState) -> None:
    """Draw the way to begin again, once there is something to leave behind."""

    def begin() -> None:
        if state.running is not None:
            state.running.stop()
        state.exchanges.clear()
        state.rated.clear()
        state.open(None)

    if state.exchanges:
        st.button(
            "New conversation",
            icon=":material/edit_square:",
            width="stretch",
            on_click=begin,
            key="new-conversation",
        )


def draw_input(library: Library, state: PageState) -> None:
    """Draw the question box, and the Stop button while an answer is written."""
    running = state.running
    with st.bottom:
        if running is not None:
            with st.container(horizontal=True, horizontal_alignment="center", key="stop-bar"):
                st.button(
                    "Stopping…" if running.stopping else "Stop",
                    icon=":material/stop_circle:",
                    key="stop",
                    disabled=running.stopping,
                    on_click=running.stop,
                )
        question = st.chat_input(
            "Ask your documents" if not state.exchanges else "Ask a follow-up question",
            max_chars=MOST_QUESTION_CHARS,
            disabled=running is not None,
            key="question",
        )
    if question and question.strip():
        ask(library, state, question.strip())
        st.rerun()


def ask(library: Library, state: PageState, question: str) -> None:
    """Begin to answer a question; the page shows it from the next run on."""
    if state.running is not None:
        return
    history, chosen, client = turns(state.exchanges), state.filter, session_id()

    def stream(cancel: threading.Event) -> Iterator[AnswerEvent]:
        return library.stream(
            question, history=history, filter=chosen, cancel=cancel, client=client
        )

    state.exchanges.append(Exchange(question, stream, watched=reader_watch()).start())


def _draw_live(
    library: Library, exchange: Exchange, number: int, state: PageState, start: StartProgress
) -> None:
    @st.fragment(run_every=POLL_SECONDS)
    def show() -> None:
        waiting_for = "" if start.is_ready else start.status.what
        _draw_exchange(library, exchange, number, state, waiting_for=waiting_for)
        if exchange.progress.stage.finished:
            st.rerun()  # the rest of the page follows: the question box, the Stop button

    show()


def _draw_exchange(
    library: Library,
    exchange: Exchange,
    number: int,
    state: PageState,
    *,
    waiting_for: str = "",
) -> None:
    progress = exchange.progress
    newest = number > 0 and exchange is state.exchanges[-1]
    data = describe(exchange.question, progress, waiting_for=waiting_for) | {
        "id": exchange.id,
        "newest": newest,
        "rating": describe_rating(progress, state.rated.get(number)),
    }
    clicked = draw("exchange", data, key=f"exchange-{number}")
    if clicked is None:
        return
    source = _source(progress, clicked)
    if source is not None:
        state.open(source)
    if rate(library, state, number, progress.answer, clicked):
        st.rerun()  # what was drawn above does not know yet


def _source(progress: Progress, clicked: Mapping[str, Any]) -> OpenSource | None:
    """The place that was clicked; None when the browser names one that is not there."""
    index = clicked.get("index")
    places = progress.citations if clicked.get("kind") == "citation" else progress.passages
    if not isinstance(index, int) or not 0 <= index < len(places):
        return None
    place = places[index]
    return OpenSource(
        document_id=place.document_id,
        page_index=place.page_index,
        start=place.start,
        end=place.end,
        marker=place.marker if isinstance(place, Citation) else None,
    )


# --- what the browser is told: see frontend/exchange.js -----------------------------------------


def describe(question: str, progress: Progress, *, waiting_for: str = "") -> dict[str, Any]:
    """An exchange as plain data for the browser. waiting_for: what the server does first."""
    answer = progress.answer
    finished = progress.stage.finished
    blocks = split_answer(progress.text, progress.citations if finished else ())
    if answer is not None:
        blocks = emphasized(blocks, answer.short)
    refused = answer is not None and answer.refused
    return {
        "question": question,
        "readAs": one_line(answer.read_as) if answer is not None else "",
        "stage": progress.stage.value,
        "note": _note(progress, waiting_for),
        "error": progress.error,
        "refused": refused,
        "copy": progress.text if finished else "",
        "blocks": [_block(block) for block in blocks],
        "chips": _chips(progress.citations) if finished else [],
        "passagesLabel": _passages_label(progress, refused=refused),
        "passages": [_passage(i, hit) for i, hit in enumerate(progress.passages)]
        if finished
        else [],
        "facts": facts(answer) if answer is not None else "",
    }


def _note(progress: Progress, waiting_for: str) -> str:
    match progress.stage:
        case Stage.SEARCHING if waiting_for:
            return f"{one_line(waiting_for)}…"
        case Stage.SEARCHING:
            return "Searching your documents…"
        case Stage.READING:
            names = {hit.document_name for hit in progress.passages}
            passages = counted(len(progress.passages), "passage")
            return f"Reading {passages} from {counted(len(names), 'document')}…"
        case Stage.STOPPED if not progress.text:
            return "Stopped before there was an answer."
        case _:
            return ""


def _block(block: Block) -> dict[str, Any]:
    return {
        "kind": block.kind.value,
        "ordinal": block.ordinal,
        "runs": [
            {"text": run.text, "style": run.style.value, "citation": run.citation}
            for run in block.runs
        ],
    }


def _chips(citations: tuple[Citation, ...]) -> list[dict[str, Any]]:
    """One chip a marker, in the order of the text, opening the marker's first quote."""
    first: dict[int, int] = {}
    for index, citation in enumerate(citations):
        first.setdefault(citation.marker, index)
    return [
        {
            "marker": marker,
            "citation": index,
            "name": one_line(citations[index].document_name, limit=120),
            "page": _page_label(citations[index]),
        }
        for marker, index in first.items()
    ]


def _passages_label(progress: Progress, *, refused: bool) -> str:
    kind = "Nearest passages" if refused else "Sources considered"
    return f"{kind} ({len(progress.passages)})"


def _passage(index: int, hit: Hit) -> dict[str, Any]:
    return {
        "index": index,
        "name": one_line(hit.document_name, limit=120),
        "page": _page_label(hit),
        "snippet": one_line(hit.text, limit=SNIPPET_CHARS),
        "reason": one_line(hit.reason),
    }


def _page_label(place: Citation | Hit) -> str:
    page = [] if place.page is None else [f"p. {place.page}"]
    return " · ".join([*page, "OCR"] if place.read_by_ocr else page)


def facts(answer: Answer) -> str:
    """The small print: how fast the answer came, and from what model."""
    timings, usage = answer.timings, answer.usage
    writing_seconds = timings.total_seconds - timings.first_token_seconds
    parts = []
    if timings.first_token_seconds > 0 and usage.completion_tokens > 0:
        parts.append(f"first word after {timings.first_token_seconds:.1f} s")
    if usage.completion_tokens > 1 and writing_seconds > 0:
        rate = (usage.completion_tokens - 1) / writing_seconds
        parts.append(f"{rate:.0f} tokens/s" if rate >= 10 else f"{rate:.1f} tokens/s")
    if usage.cached_tokens > 0 and usage.prompt_tokens > 0:
        parts.append(f"{usage.cached_tokens / usage.prompt_tokens:.0%} of the prompt reused")
    if answer.cancelled:
        parts.insert(0, "stopped")
    return " · ".join(filter(None, [*parts, one_line(answer.model, limit=60)]))
