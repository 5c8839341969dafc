"""Which lines of a passage stand together."""

from __future__ import annotations

from rag.windows import sentence_windows, with_list

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
