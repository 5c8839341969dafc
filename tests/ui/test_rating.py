"""What a click on a thumb does to the library and to what the browser is told."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from app.ui.exchange import Progress, Stage
from app.ui.rating import describe_rating, rate
from app.ui.session import PageState
from rag.results import Answer
from rag.settings import Settings
from tests.fakes import ModellessLibrary, ScriptedService

UP = {"kind": "rating", "rating": "up"}
DOWN = {"kind": "rating", "rating": "down"}
NONE = {"kind": "rating", "rating": ""}


class Reader:
    """A reader with one answer before them."""

    def __init__(self, library: ModellessLibrary) -> None:
        self.library = library
        self.state = PageState()
        self.answer: Answer = library.ask("When was the Tamber bridge opened?")

    def click(self, clicked: Mapping[str, Any]) -> dict[str, Any]:
        """Click, and look at what is shown then."""
        rate(self.library, self.state, 0, self.answer, clicked)
        progress = Progress(Stage.DONE, answer=self.answer)
        return describe_rating(progress, self.state.rated.get(0))

    def kept(self) -> list[tuple[str, str, bool]]:
        return [(f.rating.value, f.expected, f.not_answerable) for f in self.library.feedback.all()]


@pytest.fixture
def reader(tmp_path: Path) -> Iterator[Reader]:
    service = ScriptedService("The Tamber bridge was opened on 4 May 1922 [1].")
    with ModellessLibrary(tmp_path, Settings(home=tmp_path), lambda: service) as library:
        library.add_bytes("town.txt", b"The Tamber bridge was opened on 4 May 1922.")
        yield Reader(library)


def test_a_thumb_is_kept_and_a_second_click_takes_it_back(reader: Reader) -> None:
    shown = reader.click(UP)
    assert (shown["given"], shown["error"]) == ("up", "")
    assert "waits for review" in shown["note"]
    assert reader.kept() == [("up", "", False)]
    assert reader.click(NONE)["given"] == ""
    assert reader.kept() == []


def test_another_thumb_takes_the_place_of_the_first(reader: Reader) -> None:
    reader.click(UP)
    shown = reader.click(DOWN)
    assert (shown["given"], shown["corrected"]) == ("down", False)
    assert reader.kept() == [("down", "", False)]


@pytest.mark.parametrize(
    ("correction", "kept"),
    [
        ({"expected": " 1923 ", "notAnswerable": False}, ("down", "1923", False)),
        ({"expected": "", "notAnswerable": True}, ("down", "", True)),
    ],
    ids=["right answer", "not answerable"],
)
def test_a_bad_answer_can_be_put_right(
    reader: Reader, correction: dict[str, Any], kept: tuple[str, str, bool]
) -> None:
    reader.click(DOWN)
    assert reader.click({"kind": "correction", **correction})["corrected"]
    assert reader.kept() == [kept]


def test_when_the_document_is_gone_the_reader_is_told(reader: Reader) -> None:
    reader.click(UP)
    (record,) = reader.library.documents()
    reader.library.remove(record.document_id)
    shown = reader.click(DOWN)
    assert shown["given"] == ""
    assert "no longer in the library" in shown["error"]


@pytest.mark.parametrize(
    "clicked",
    [{"kind": "rating", "rating": 7}, {"kind": "rating"}, {"kind": "rating", "rating": ["up"]}],
    ids=["number", "nothing", "list"],
)
def test_a_browser_may_say_anything(reader: Reader, clicked: dict[str, Any]) -> None:
    assert reader.click(clicked)["given"] == ""
    assert reader.kept() == []


def test_only_a_finished_answer_can_be_rated(reader: Reader) -> None:
    assert not describe_rating(Progress(Stage.STOPPED, answer=reader.answer), None)["offered"]
    assert not rate(reader.library, reader.state, 0, None, UP)
