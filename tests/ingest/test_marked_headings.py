from __future__ import annotations

import time

import pytest

from ingest.marked_headings import heading_title, marked_headings


def found(text: str) -> list[tuple[int, str]]:
    return [(h.level, text[h.start : h.end]) for h in marked_headings(text)]


@pytest.mark.parametrize(
    ("text", "headings"),
    [
        ("# A\n\nx\n\n  ## B ##  \ny", [(1, "# A"), (2, "## B ##")]),
        ("#hashtag\n####### seven\n# ", []),
        ("    # a comment in code that is set in\n\t# and another", []),
        ("```sh\n# a comment\n```\n# A", [(1, "# A")]),
        ("~~~\n# a comment, to the end", []),
        ("x # A", []),
        ("# " + "long " * 80, []),
    ],
)
def test_what_is_marked_as_a_heading(text: str, headings: list[tuple[int, str]]) -> None:
    assert found(text) == headings


@pytest.mark.parametrize(
    ("heading", "title"),
    [("## A b ##", "A b"), ("What it\nsells", "What it sells"), ("#5 of many", "#5 of many")],
)
def test_the_title_of_a_heading(heading: str, title: str) -> None:
    assert heading_title(heading) == title


@pytest.mark.parametrize("text", ["#" * 400_000, "# a" + " " * 400_000 + "b", "# a\n" * 100_000])
def test_many_marks_take_linear_time(text: str) -> None:
    started = time.monotonic()
    marked_headings(text)
    assert time.monotonic() - started < 5
