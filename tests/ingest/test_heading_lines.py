from __future__ import annotations

import pytest

from ingest.heading_lines import is_in_capitals, reads_as_heading


@pytest.mark.parametrize("line", ["TERMINATION", "7. ENDING THE LEASE", "§ 4 MIETE", "ÜBERGABE"])
def test_words_in_capitals(line: str) -> None:
    assert is_in_capitals(line)


@pytest.mark.parametrize(
    "line", ["", "12", "AX-100", "PM1 4QT LEEDS", "USA", "Termination", "解約について", "—"]
)
def test_codes_and_scripts_without_capitals_are_none(line: str) -> None:
    assert not is_in_capitals(line)


def test_a_question_may_be_a_heading_and_a_label_is_none() -> None:
    assert reads_as_heading("Who pays for the bins?")
    assert not reads_as_heading("Please note:")
