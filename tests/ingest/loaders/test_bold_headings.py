"""Questions and titles in bold, in web pages and in Word's files."""

from __future__ import annotations

import time
from pathlib import Path

import docx
import pytest

from ingest.chunking import chunk_document
from ingest.loaders import load
from ingest.loaders.web import html_to_text


def text_of(body: str) -> str:
    return html_to_text(f"<html><body>{body}</body></html>")[1]


def test_a_question_in_bold_heads_its_answer() -> None:
    """ "Do I bring nappies?" was quoted as the answer, and "Yes." stood under nothing."""
    body = "<p><strong>Do I bring nappies?</strong></p><p>Yes, and wipes.</p>"
    assert text_of(body) == "###### Do I bring nappies?\n\nYes, and wipes."


@pytest.mark.parametrize(
    "body",
    [
        "<p><b>Where?</b><br>In Hull.</p>",
        "<p><span style='font-weight: 700'>Where?</span></p><p>In Hull.</p>",
        "<p><span><b>Whe</b><b>re?</b></span> </p><div>In Hull.</div>",
        "<dl><dt>Where?</dt><dd>In Hull.</dd></dl>",
    ],
)
def test_other_ways_to_write_it(body: str) -> None:
    assert text_of(body) == "###### Where?\n\nIn Hull."


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ("<p><b>Do not open.</b></p><p>x</p>", "Do not open.\n\nx"),
        ("<p><b>Note:</b> closed</p><p>x</p>", "Note: closed\n\nx"),
        ("<p><b>Ana Lopez</b></p><p><b>Ben Ode</b></p>", "Ana Lopez\n\nBen Ode"),
        ("<p><b>Important</b> words</p><p>x</p>", "Important words\n\nx"),
        ("<p><b>Never.</b> He said that.</p>", "Never. He said that."),
        ("<ul><li><p><b>Bread</b></p><p>x</p></li></ul>", "-\n\nBread\n\nx"),
        ("<p>a <b>Title</b></p><p>x</p>", "a Title\n\nx"),
    ],
)
def test_what_heads_nothing_stays_as_it_is(body: str, text: str) -> None:
    assert text_of(body) == text


def test_titles_that_run_into_their_paragraphs() -> None:
    body = "<p><b>Deposit. </b>It is <i>900</i>.</p><p><b>Pets</b>. None.</p>"
    assert text_of(body) == "###### Deposit\n\nIt is 900.\n\n###### Pets\n\nNone."


def test_bold_paragraphs_of_a_word_file_are_sections(tmp_path: Path) -> None:
    written = docx.Document()
    written.add_heading("Laptops", 1)
    for question, answer in (("Who gets one?", "Everybody."), ("When?", "On the first day.")):
        written.add_paragraph().add_run(question).bold = True
        written.add_paragraph(answer)
    written.save(str(tmp_path / "a.docx"))
    document = load(tmp_path / "a.docx", name="a.docx")
    (chunk,) = chunk_document(document, count_tokens=lambda text: len(text.split()))
    assert [path for _, path in chunk.sections] == ["Laptops > Who gets one?", "Laptops > When?"]


def test_terms_stand_with_what_they_mean() -> None:
    body = (
        "<dl><dt>Gybe</dt><dd>To turn.</dd><div><dt>Commodore:</dt><dd>B. Haigh</dd></div>"
        "<dt>Cleat</dt><dt>Bitt</dt><dd>A fitting.</dd><dd><p>Of wood.</p>Or steel.</dd>tail</dl>"
    )
    assert text_of(body) == (
        "Gybe: To turn.\n\nCommodore: B. Haigh\n\nCleat\n\nBitt: A fitting.\n\nOf wood.\n\n"
        "Or steel.\n\ntail"
    )


@pytest.mark.parametrize("body", ["<p><b>" * 30_000, "<p><b>a</b>.</p>" * 30_000, "<b>" * 50_000])
def test_much_bold_takes_linear_time(body: str) -> None:
    started = time.monotonic()
    text_of(body)
    assert time.monotonic() - started < 20
