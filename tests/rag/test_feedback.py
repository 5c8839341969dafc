"""Thumbs up and down: what is kept, what is learned, and what goes with its documents."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest

from ingest.database import connect
from ingest.errors import LibraryReadOnly
from ingest.schema import SCHEMA_VERSION
from ingest.store import Store
from rag.answer_sets import Answerable, load_questions
from rag.errors import FeedbackNotFound, InvalidFeedback
from rag.feedback import Judgement, Place, Rating, judgement_of
from rag.prompts import LabelledPassage
from rag.refusal import REFUSAL
from rag.settings import Settings
from tests.fakes import ModellessLibrary, ScriptedGenerator
from tests.mounts import read_only

TOWN = (
    "The Orlin valley is narrow. Work on the Orlin bridge began in 1911. The Orlin bridge was"
    " opened on 4 May 1922. It carries two lanes. Trams crossed it until 1961."
)
QUESTION = "When was the Orlin bridge opened?"
RIGHT = "The Orlin bridge was opened on 4 May 1922 [1]."


@pytest.fixture
def library(tmp_path: Path) -> Iterator[ModellessLibrary]:
    settings = Settings(home=tmp_path)
    service = ScriptedGenerator(RIGHT)
    with ModellessLibrary(tmp_path / "library", settings, lambda: service) as library:
        library.add_bytes("town.txt", TOWN.encode())
        library.add_bytes("other.txt", b"The ferry to Grey Island takes 50 minutes.")
        yield library


def up(library: ModellessLibrary) -> Judgement:
    return judgement_of(library.ask(QUESTION), Rating.UP)


def test_a_good_answer_teaches_nothing_before_it_is_approved(library: ModellessLibrary) -> None:
    kept = library.feedback.give(up(library))
    assert (kept.rating, kept.approved, kept.question) == (Rating.UP, False, QUESTION)
    assert library.feedback.examples() == []


def test_an_approved_answer_is_shown_to_the_model_with_its_sentence_and_the_ones_beside_it(
    library: ModellessLibrary,
) -> None:
    library.feedback.approve(library.feedback.give(up(library)).feedback_id)
    (example,) = library.feedback.examples()
    assert example.answer == RIGHT
    assert example.kind == "date"
    assert example.passages == (
        LabelledPassage(
            "town.txt",
            None,
            "Work on the Orlin bridge began in 1911. The Orlin bridge was opened on 4 May 1922."
            " It carries two lanes.",
        ),
    )
    library.ask("When was the Orlin bridge opened to trams?")
    conversations = cast("Any", library.generator).conversations
    assert RIGHT not in [message.text for message in conversations[0]]  # the question before
    assert RIGHT in [message.text for message in conversations[-1]]


def test_what_was_approved_can_be_taken_back(library: ModellessLibrary) -> None:
    number = library.feedback.give(up(library)).feedback_id
    library.feedback.approve(number)
    library.feedback.delete(number)
    assert library.feedback.examples() == []
    with pytest.raises(FeedbackNotFound, match=f"no feedback {number}"):
        library.feedback.approve(number)
    with pytest.raises(FeedbackNotFound):
        library.feedback.delete(number)


def test_an_answer_that_its_passages_do_not_support_is_not_approved(
    library: ModellessLibrary,
) -> None:
    forged = replace(up(library), answer="The bridge was sold to Pelham Estates in 1999 [1].")
    number = library.feedback.give(forged).feedback_id
    with pytest.raises(InvalidFeedback, match="says what the passages that it cites do not"):
        library.feedback.approve(number)
    assert library.feedback.examples() == []


def test_markers_become_the_numbers_of_the_examples_passages(library: ModellessLibrary) -> None:
    """An answer numbers its quotations; an example's answer numbers its passages."""
    ids = {record.name: record.document_id for record in library.documents()}
    opened, lanes = TOWN.index("The Orlin bridge was"), TOWN.index("It carries")
    places = (
        Place(1, ids["town.txt"], 0, opened, lanes - 1),
        Place(2, ids["other.txt"], 0, 0, 42),
        Place(3, ids["town.txt"], 0, lanes, lanes + 21),
    )
    answer = "It was opened on 4 May 1922 [1]. The ferry takes 50 minutes [2]. Two lanes [3][7]."
    kept = library.feedback.give(Judgement(Rating.UP, QUESTION, answer, places=places))
    assert kept.example is not None
    assert kept.example.answer == (
        "It was opened on 4 May 1922 [1]. The ferry takes 50 minutes [2]. Two lanes [1]."
    )
    assert [p.document_name for p in kept.example.passages] == ["town.txt", "other.txt"]
    assert kept.example.passages[0].text.endswith("Trams crossed it until 1961.")


def test_a_good_refusal_teaches_to_refuse(library: ModellessLibrary) -> None:
    answer = library.ask("Who designed the parliament of Bern?")
    assert answer.refused
    kept = library.feedback.give(judgement_of(answer, Rating.UP))
    library.feedback.approve(kept.feedback_id)
    (example,) = library.feedback.examples()
    assert (example.kind, example.answer) == ("not answerable", REFUSAL)
    assert example.passages


def test_bad_answers_whose_right_answer_is_known_are_an_evaluation_set(
    library: ModellessLibrary, tmp_path: Path
) -> None:
    answer = library.ask(QUESTION)
    give = library.feedback.give
    give(judgement_of(answer, Rating.DOWN, expected="in May 1922"))
    give(judgement_of(replace(answer, question="Who paid?"), Rating.DOWN, not_answerable=True))
    unknown = give(judgement_of(replace(answer, question="Why?"), Rating.DOWN))
    give(up(library))
    assert len(library.feedback.cases()) == 2
    with pytest.raises(InvalidFeedback, match="--expected"):
        library.feedback.approve(unknown.feedback_id)
    library.feedback.approve(unknown.feedback_id, expected="to cross the Orlin")
    path = tmp_path / "cases.jsonl"
    path.write_text("\n".join(json.dumps(row) for row in library.feedback.cases()), "utf-8")
    assert [(q.text, q.gold, q.answerable) for q in load_questions(path)] == [
        (QUESTION, ("in May 1922",), Answerable.YES),
        ("Who paid?", (), Answerable.NO),
        ("Why?", ("to cross the Orlin",), Answerable.YES),
    ]


@pytest.mark.parametrize("how", ["removed", "replaced"])
def test_feedback_goes_with_the_document_that_it_quotes(
    library: ModellessLibrary, how: str
) -> None:
    first = library.feedback.give(up(library))
    library.feedback.approve(first.feedback_id)
    library.feedback.give(judgement_of(library.ask(QUESTION), Rating.DOWN, expected="1922"))
    kept = library.feedback.give(
        judgement_of(library.ask("Who designed the parliament of Bern?"), Rating.DOWN)
    )
    town = next(r for r in library.documents() if r.name == "town.txt")
    if how == "removed":
        library.remove(town.document_id)
    else:
        library.add_bytes("town.txt", b"Nothing is said of any bridge here.")
    left = {each.feedback_id for each in library.feedback.all()}
    assert first.feedback_id not in left
    assert left <= {kept.feedback_id}
    assert library.feedback.examples() == library.feedback.cases() == []
    with connect(library._parts.store.path) as connection:
        assert "1922" not in str(connection.execute("SELECT * FROM feedback").fetchall())


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"end": 10_000}, "cites characters"),
        ({"start": -1}, "cites characters"),
        ({"page_index": 7}, "no longer in the library"),
        ({"document_id": "absent"}, "no longer in the library"),
    ],
    ids=["beyond the page", "before the page", "no such page", "no such document"],
)
def test_a_citation_of_what_is_not_there_is_refused(
    library: ModellessLibrary, changes: dict[str, Any], message: str
) -> None:
    given = up(library)
    forged = replace(given, places=(replace(given.places[0], **changes),))
    with pytest.raises(InvalidFeedback, match=message):
        library.feedback.give(forged)
    assert library.feedback.all() == []


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"question": "  "}, "needs the question"),
        ({"answer": "x" * 5000}, "longer than"),
        ({"expected": "1922"}, "A good answer needs no other"),
        ({"places": ()}, "without citations"),
        ({"rating": Rating.DOWN, "expected": "1922", "not_answerable": True}, "Either"),
    ],
    ids=["no question", "long answer", "corrected", "no citations", "two right answers"],
)
def test_a_judgement_that_makes_no_sense_is_refused(
    library: ModellessLibrary, changes: dict[str, Any], message: str
) -> None:
    with pytest.raises(InvalidFeedback, match=message):
        library.feedback.give(replace(up(library), **changes))


def test_a_read_only_library_answers_and_takes_no_feedback(
    library: ModellessLibrary, tmp_path: Path
) -> None:
    """What it has learned was read by a connection that writes: every question ended with
    "attempt to write a readonly database".
    """
    number = library.feedback.give(up(library)).feedback_id
    library.feedback.approve(number)
    judgement = up(library)
    library.close()
    settings, service = Settings(home=tmp_path), ScriptedGenerator(RIGHT)
    with (
        read_only(tmp_path / "library"),
        ModellessLibrary(tmp_path / "library", settings, lambda: service) as opened,
    ):
        assert opened.ask(QUESTION).text == RIGHT
        assert [kept.feedback_id for kept in opened.feedback.all()] == [number]
        assert len(opened.feedback.examples()) == 1
        with pytest.raises(LibraryReadOnly):
            opened.feedback.give(judgement)
        with pytest.raises(LibraryReadOnly):
            opened.feedback.delete(number)


def test_a_library_of_the_first_version_takes_feedback(tmp_path: Path) -> None:
    """Libraries made before there was feedback have version 1 and no such tables."""
    Store(tmp_path / "library.db").close()
    with sqlite3.connect(tmp_path / "library.db") as old:
        old.executescript(
            "DROP TABLE feedback_documents; DROP TABLE feedback;"
            "ALTER TABLE documents DROP COLUMN reading_version;"
            "ALTER TABLE chunks DROP COLUMN sections;"
            "ALTER TABLE pages DROP COLUMN read_by_ocr; PRAGMA user_version = 1;"
        )
    with (
        Store(tmp_path / "library.db"),
        sqlite3.connect(tmp_path / "library.db") as upgraded,
    ):
        assert upgraded.execute("PRAGMA user_version").fetchone() == (SCHEMA_VERSION,)
        assert upgraded.execute("SELECT count(*) FROM feedback").fetchone() == (0,)
