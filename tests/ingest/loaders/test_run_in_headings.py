from __future__ import annotations

import time
from pathlib import Path

import pytest

from ingest.chunking import chunk_document
from ingest.loaders import load
from ingest.loaders.run_in_headings import run_in_headings
from tests.ingest.files import write_pdf

CONTRACT = [
    "Contract for cleaning",
    "7.1 Fees. The client pays 26 pounds an hour.",
    "They are reviewed each April.",
    "7.2 Late payment. Interest of 5% is due.",
    "7.3 Keys. They are kept in a safe.",
]


def titles(*pages: str) -> list[str]:
    found = zip(pages, run_in_headings(pages), strict=True)
    return [text[h.start : h.end] for text, headings in found for h in headings]


def test_the_clauses_of_a_contract_are_sections(tmp_path: Path) -> None:
    """All clauses stood under nothing: "interest on late payment" was in none of them."""
    document = load(write_pdf(tmp_path / "a.pdf", [CONTRACT]), name="a.pdf")
    (chunk,) = chunk_document(document, count_tokens=lambda text: len(text.split()))
    assert [path for _, path in chunk.sections] == [
        "",
        "7.1 Fees",
        "7.2 Late payment",
        "7.3 Keys",
    ]
    assert chunk.text.split() == " ".join(CONTRACT).split()
    assert [chunk.text[start:].split()[0] for start, _ in chunk.sections[1:]] == [
        "7.1",
        "7.2",
        "7.3",
    ]


def test_a_clause_that_is_cut_in_two_keeps_its_heading(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("\n".join([*CONTRACT, "One key costs 45 pounds. " * 20]))
    chunks = chunk_document(
        load(path, name="a.txt"), count_tokens=lambda text: len(text.split()), max_tokens=40
    )
    assert chunks[-1].heading == "7.3 Keys"
    assert chunks[-1].text.endswith("45 pounds.")


@pytest.mark.parametrize(
    "text",
    [
        "1. Stir well. Add the milk.\n2. Bake it. Let it cool.\n3. Eat it. Enjoy it.",
        "7.1 Fees. They rise.\n7.2 Keys. They are kept.",
        "1.1 Fees are low. They rise.\n1.2 Keys are kept. In a safe.\n1.3 Pets must go. Now.",
        "7.1 Fees. They rise.\n7.3 Keys. They are kept.\n7.2 Bins. They go out.",
        "1.1 in 2021. 1.2 in 2022. 1.3 in 2023.",
    ],
)
def test_steps_and_doubtful_numbers_are_none(text: str) -> None:
    assert titles(text) == []


def test_a_clause_without_a_title_is_not_of_the_one_before_it() -> None:
    """Of the sample lease "7.5 The Tenant may end the lease" stood under "7.4 Breach", and was
    told as the notice period in place of the break's six months."""
    text = "\n".join([*CONTRACT[1:], "7.4 The client may end the contract at any time."])
    assert titles(text) == []
    assert titles("7.0 The client pays a deposit.\n" + "\n".join(CONTRACT[1:])) != []


def test_single_numbers_need_titles_in_capitals() -> None:
    pages = ("1. Deposit. It is 9.\n2. Late Payment. It costs 5.", "§ 3 Kündigung. Sie ist frei.")
    assert titles(*pages) == ["1. Deposit.", "2. Late Payment.", "§ 3 Kündigung."]


@pytest.mark.parametrize("text", ["1.1 A" + " b" * 200_000, "1.1 " * 200_000, " " * 400_000])
def test_it_takes_linear_time(text: str) -> None:
    started = time.monotonic()
    run_in_headings([text])
    assert time.monotonic() - started < 5
