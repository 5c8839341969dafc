"""What the browser is told about an exchange."""

from __future__ import annotations

from dataclasses import replace

from app.ui.chat import describe, facts
from app.ui.exchange import Progress, Stage
from rag.results import Answer, AnswerTimings, AnswerUsage, Citation, Hit

HIT = Hit(1, "d", "a.pdf", "/a.pdf", 1, 0, 0, 4, "Text", "", 1.0, 0.5, None, "close in meaning")
CITATION = Citation(1, "d", "a.pdf", "/a.pdf", 1, 0, "Text", 0, 4, "So it is.")
ANSWER = Answer(
    question="q",
    text="So it is [1].",
    refused=False,
    passages=(HIT, HIT),
    citations=(CITATION, replace(CITATION, marker=2, document_name="b.md", page=None)),
    usage=AnswerUsage(prompt_tokens=800, cached_tokens=600, completion_tokens=41),
    timings=AnswerTimings(retrieval_seconds=0.1, first_token_seconds=0.5, total_seconds=2.5),
    model="tiny",
)
DONE = Progress(Stage.DONE, ANSWER.text, ANSWER.passages, ANSWER.citations, ANSWER)


def test_a_finished_answer_has_its_sources_and_the_small_print() -> None:
    data = describe("q", DONE)
    assert data["chips"] == [
        {"marker": 1, "citation": 0, "name": "a.pdf", "page": "p. 1"},
        {"marker": 2, "citation": 1, "name": "b.md", "page": ""},
    ]
    assert data["passagesLabel"] == "Sources considered (2)"
    assert data["copy"] == "So it is [1]."
    assert data["blocks"][0]["runs"][1] == {"text": "1", "style": "citation", "citation": 0}


def test_what_was_read_by_ocr_is_marked_so() -> None:
    scanned = replace(CITATION, read_by_ocr=True)
    passages = (HIT, replace(HIT, read_by_ocr=True))
    citations = (scanned, replace(scanned, marker=2, page=None))
    data = describe("q", replace(DONE, citations=citations, passages=passages))
    assert [chip["page"] for chip in data["chips"]] == ["p. 1 · OCR", "OCR"]
    assert [passage["page"] for passage in data["passages"]] == ["p. 1", "p. 1 · OCR"]


def test_while_it_is_written_an_answer_offers_nothing_to_open() -> None:
    data = describe("q", replace(DONE, stage=Stage.WRITING, answer=None))
    assert (data["chips"], data["passages"], data["copy"]) == ([], [], "")
    assert {run["style"] for block in data["blocks"] for run in block["runs"]} == {"plain"}


def test_a_refusal_offers_the_nearest_passages() -> None:
    data = describe("q", replace(DONE, citations=(), answer=replace(ANSWER, refused=True)))
    assert data["refused"]
    assert data["passagesLabel"] == "Nearest passages (2)"


def test_a_question_asked_while_the_server_starts_says_what_it_waits_for() -> None:
    assert describe("q", Progress(), waiting_for="Loading the models")["note"] == (
        "Loading the models…"
    )
    assert describe("q", Progress())["note"] == "Searching your documents…"


def test_what_is_being_read_is_counted_in_plain_english() -> None:
    """A small library was told "Reading 1 passages from 1 documents…"."""
    reading = Progress(Stage.READING, passages=(HIT,))
    assert describe("q", reading)["note"] == "Reading 1 passage from 1 document…"
    others = (HIT, HIT, replace(HIT, document_name="b.md"))
    note = describe("q", replace(reading, passages=others))["note"]
    assert note == "Reading 3 passages from 2 documents…"


def test_a_stop_before_the_first_word_is_told() -> None:
    assert describe("q", Progress(Stage.STOPPED))["note"] == "Stopped before there was an answer."


def test_the_small_print_gives_speed_reuse_and_model() -> None:
    # 40 tokens after the first one, in 2.0 seconds; 600 of 800 prompt tokens reused.
    assert facts(ANSWER) == (
        "first word after 0.5 s · 20 tokens/s · 75% of the prompt reused · tiny"
    )


def test_the_small_print_leaves_out_what_was_not_measured() -> None:
    blank = replace(ANSWER, usage=AnswerUsage(), timings=AnswerTimings(), cancelled=True)
    assert facts(blank) == "stopped · tiny"


def test_a_follow_up_says_what_it_was_read_as() -> None:
    """Nobody could see which earlier question a follow-up had been put together with."""
    answer = replace(ANSWER, question="And on Sunday?", asked="And on Sunday? (the office)")
    assert describe("And on Sunday?", replace(DONE, answer=answer))["readAs"] == answer.asked
    plain = replace(ANSWER, question="When?  ", asked="When?")
    assert describe("When?", replace(DONE, answer=plain))["readAs"] == ""
