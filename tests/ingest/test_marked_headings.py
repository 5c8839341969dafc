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
        ("## A\n\n**Who pays?**\n\nWe do.", [(2, "## A"), (7, "**Who pays?**")]),
        ("1. **Q: Who pays?**\nWe do.", [(7, "1. **Q: Who pays?**")]),
        ("**Note:** x\n\n**Do not open it.**\n\ny\n\n**b** or **c**\nz", []),
        ("**Ana Lopez**\n\n**Ben Ode**\n", []),
        ("**Deposit.** It is 9.\n\n**Pets**. None.", [(8, "**Deposit.**"), (8, "**Pets**.")]),
        ("**Never.** That is what he said.", []),
        ("Wool\n===\n\nx\n\nMilk\n---\ny", [(1, "Wool\n==="), (2, "Milk\n---")]),
        ("a | b\n---\n\n- item\n---\n\nx\nwrapped\n---\n\n---\ntitle: x\n---", []),
    ],
)
def test_what_is_marked_as_a_heading(text: str, headings: list[tuple[int, str]]) -> None:
    assert found(text) == headings


@pytest.mark.parametrize(
    ("heading", "title"),
    [
        ("## A b ##", "A b"),
        ("What it\nsells", "What it sells"),
        ("#5 of many", "#5 of many"),
        ("## **A** b", "A b"),
        ("**Who pays?**", "Who pays?"),
        ("7.2 Notice.", "7.2 Notice"),
        ("A b\n===", "A b"),
        ("__init__", "__init__"),
    ],
)
def test_the_title_of_a_heading(heading: str, title: str) -> None:
    assert heading_title(heading) == title


@pytest.mark.parametrize(
    "text", ["#" * 400_000, "# a" + " " * 400_000 + "b", "# a\n" * 100_000, "**a" * 200_000]
)
def test_many_marks_take_linear_time(text: str) -> None:
    started = time.monotonic()
    marked_headings(text)
    assert time.monotonic() - started < 5
