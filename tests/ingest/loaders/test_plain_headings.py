from __future__ import annotations

from pathlib import Path

import pytest

from ingest.chunking import chunk_document
from ingest.loaders import load
from ingest.loaders.plain_headings import plain_headings


def found(*pages: str) -> list[list[tuple[int, str]]]:
    return [
        [(h.level, text[h.start : h.end]) for h in headings]
        for text, headings in zip(pages, plain_headings(pages), strict=True)
    ]


@pytest.mark.parametrize(
    ("text", "headings"),
    [
        (
            "My notes\n========\n\nx\n\n Calm\n----\ny",
            [(1, "My notes\n========"), (2, "Calm\n----")],
        ),
        ("x.\n\nHOUSE RULES\nNo dogs.\n", [(3, "HOUSE RULES")]),
        ("1. Water\nIt leaks.\n\n2. Rents\nUnpaid.", [(4, "1. Water"), (4, "2. Rents")]),
        ("1 A bc\nx\n\n1.1 B cd\ny", [(4, "1 A bc"), (5, "1.1 B cd")]),
        ("1. Apples\n2. Pears\n\nx", []),
        ("3. Water\nx\n\n4. Rents\ny", []),
        ("1. Water\nx\n\n3. Rents\ny", []),
        ("x\nHOUSE RULES\ny", []),
        ("NO DOGS\nNO CATS\n", []),
        ("PORTMERE PM1 4QT\nx", []),
        ("", []),
    ],
)
def test_only_what_is_surely_a_heading(text: str, headings: list[tuple[int, str]]) -> None:
    assert found(text) == [headings]


def test_numbers_go_on_from_page_to_page() -> None:
    assert found("1. Water\nx", "2. Rents\ny") == [[(4, "1. Water")], [(4, "2. Rents")]]


def test_the_items_of_minutes_are_sections(tmp_path: Path) -> None:
    """ "What was agreed about the fence?" had three "Agreed:" lines to choose from."""
    path = tmp_path / "minutes.txt"
    path.write_text("Minutes\n\n1. Water\nAgreed: a tank.\n\n2. Fence\nAgreed: three quotes.\n")
    document = load(path, name=path.name)
    (chunk,) = chunk_document(document, count_tokens=lambda text: len(text.split()))
    assert [path for _, path in chunk.sections] == ["", "1. Water", "2. Fence"]
