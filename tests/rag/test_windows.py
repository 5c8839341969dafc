"""Which lines of a passage stand together."""

from __future__ import annotations

import pytest

from rag.windows import is_labelled, sentence_windows, with_list

ROWS = "Balance at June 30, 2022 | 97 | 118\nCash paid | (16) | (25)"


def announced(text: str) -> str:
    return with_list(text, sentence_windows(0, text), 0).text


def test_a_table_that_is_announced_ends_with_its_last_row() -> None:
    text = f"The liability is as follows:\n\n{ROWS}\n\nIt is paid within a year."
    assert announced(text) == text.removesuffix("\n\nIt is paid within a year.")


def test_a_cell_on_a_line_of_its_own_does_not_end_a_table() -> None:
    """Of a table with two lines of names, the names alone were quoted as an answer."""
    text = (
        f"The liability is as follows:\n\n | Employee\n($ in millions) | Costs\n\nTotal\n\n{ROWS}"
    )
    assert announced(text) == text


def test_what_follows_an_announcement_is_not_taken_for_its_list() -> None:
    text = f"The liability is as follows:\n\nOther notes\n\n{ROWS}"
    assert announced(text) == "The liability is as follows:"


def test_the_head_of_a_table_may_have_figures() -> None:
    """Of "| | Aquila 300 | Aquila 500 |" the rule below was the head: no cell was ever named."""
    text = "| | Aquila 300 | Aquila 500 |\n| --- | --- | --- |\n| Weight | 7.1 kg | 9.4 kg |"
    row = sentence_windows(0, text)[-1]
    assert row.header is not None
    assert text[row.header.start : row.header.end].startswith("| | Aquila 300 | Aquila 500 |")


@pytest.mark.parametrize(
    ("below", "is_whole"),
    [
        ("Revit\nTekla\nFrench (B2)", True),
        ("Revit", False),
        ("Water | 2\nBeer | 4", False),
        ("Monday: 9\nSunday: closed", False),
        ("Beer 4\nWine 12", False),
        ("Revit\nShe knows it well.", False),
    ],
)
def test_a_heading_has_the_short_lines_below_it(below: str, is_whole: bool) -> None:
    """ "Tekla" alone answered nobody who asked for the skills."""
    text = f"Skills\n{below}"
    window = with_list(text, sentence_windows(0, text), 0, is_heading=True)
    assert window.text == (text if is_whole else "Skills")


def test_a_message_of_a_chat_says_whose_it_is() -> None:
    assert is_labelled("[12/03/2024, 10:15:31] Carla: I have the big one")
    assert is_labelled("12.03.24, 10:15 - Carla: me")
    assert not is_labelled("12/03/2024, 10:15 at the station")
