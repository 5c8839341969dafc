from __future__ import annotations

import pytest

from rag.letters import block_of_lines
from rag.sentences import Span
from rag.terms import content_terms
from rag.windows import sentence_windows, with_list


def windows(text: str) -> list[str]:
    sentences = sentence_windows(0, text)
    return [with_list(text, sentences, position).text for position in range(len(sentences))]


SIGNATURE = "Yours sincerely,\n\nMaria Feldmann\nHead of Customer Care\nBrightwater plc"
HEAD = "Brightwater plc\n14 Quay Street\nPortmere"


def test_a_signature_is_read_as_one() -> None:
    """ "Head of Customer Care" did not say that it is Maria's position."""
    assert SIGNATURE in windows(f"We will pay.\n\n{SIGNATURE}")


@pytest.mark.parametrize(
    "closing", ["With kind regards", "Best wishes,", "Mit freundlichen Grüßen", "Cordialement,"]
)
def test_ways_to_close_a_letter(closing: str) -> None:
    assert f"{closing}\nAna Lopez\nOwner" in windows(f"It is done.\n{closing}\nAna Lopez\nOwner")


def test_who_asks_for_the_signature_is_understood() -> None:
    text = "Yours truly\nAna Lopez"
    block = block_of_lines(text, [Span(0, 11), Span(12, 21)])
    assert block is not None
    assert block.end == len(text)
    assert content_terms("signed position") <= block.carried


def test_a_signature_ends_with_the_next_sentence() -> None:
    assert "Kind regards\nAna" in windows("Kind regards\nAna\n\nThis mail is confidential.")


@pytest.mark.parametrize(
    "line", ["14 Quay Street", "Lindenstraße 8", "12, rue de la Paix", "Calle Mayor 3"]
)
def test_a_name_has_the_address_below_it(line: str) -> None:
    text = f"Brightwater\n{line}\nPortmere\n\nMs Ostrow\nDear all"
    assert windows(text)[0] == f"Brightwater\n{line}\nPortmere"


@pytest.mark.parametrize(
    "text",
    ["Bread\n2 eggs\nMilk", "Kind regards are sent.\nAna", "x y.\nBrightwater\n14 Quay Street"],
)
def test_other_lines_stay_apart(text: str) -> None:
    assert all("\n" not in window for window in windows(text))
