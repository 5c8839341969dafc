"""Two rows of a table compared."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag.tables.pairs import compare_pair
from tests.rag.passages import make_hit, told

LADDERS = (
    "Model | Height | Weight | Load | Price\nG2 | 2.1 m | 5.4 kg | 120 kg | €79\n"
    "G3 | 2.9 m | 7.0 kg | 150 kg | €1,109\nG4 | 3.8 m | 9.6 kg | 150 kg | €1,149"
)
PLANS = (
    "Plan | Monthly fee | Joining fee\nPlan A | £29 | £25\nPlan B | £39 | £15\nPlan B plus | £50"
    " | £5"
)
MEDALS = "Country | Gold | Silver\nNorway | 16 | 8\nGermany | 12 | 10\nSweden | 8 | 5"
STAFF = "ID | Name | City | Salary\nE-1 | Ann Roe | Rome | 50000\nE-2 | Bo Lind | Bonn | 61000"


def ask(question: str, text: str) -> tuple[str, str, list[str]] | None:
    hit = replace(make_hit(text), document_name="ladders.csv")
    return told(compare_pair(question, [hit], lambda _, page: (text,)[page]), (text,))


def test_both_rows_are_told_and_cited() -> None:
    """Two rows are in no one sentence, and the question was refused."""
    assert ask("Which is heavier, the G2 or the G4?", LADDERS) == (
        "Weight: G4, 9.6 kg [1]. The other: G2, 5.4 kg [2].",
        "G4",
        [LADDERS.splitlines()[3], LADDERS.splitlines()[1]],
    )


@pytest.mark.parametrize(
    ("question", "text", "short"),
    [
        ("Which is lighter, the G2 or the G4?", LADDERS, "G2"),
        ("Is the G3 cheaper than the G2?", LADDERS, "No"),
        ("Is the G4 taller than the G2?", LADDERS, "Yes"),
        ("What is the difference in weight between the G3 and the G4?", LADDERS, "2.6 kg"),
        ("How much more expensive is the G4 than the G3?", LADDERS, "€40"),
        ("Which has the higher monthly fee, Plan A or Plan B plus?", PLANS, "Plan B plus"),
        ("What is the difference between the joining fees of Plan A and Plan B?", PLANS, "£10"),
        ("How many more gold medals did Norway win than Germany?", f"Medals\n\n{MEDALS}", "4"),
        ("Who earns more, Ann Roe or Bo Lind?", STAFF, "Bo Lind"),
        ("Does Ann Roe earn more than Bo Lind?", STAFF, "No"),
    ],
)
def test_two_rows_are_compared(question: str, text: str, short: str) -> None:
    found = ask(question, text)
    assert found is not None
    assert found[1] == short


@pytest.mark.parametrize(
    ("question", "text"),
    [
        ("Which is cheaper, Plan A or Plan B?", PLANS),  # a month, or to join
        ("Is Plan A cheaper than Plan B?", PLANS),
        ("Which carries more, the G3 or the G4?", LADDERS),
        ("Which has more load, the G3 or the G4?", LADDERS),  # the same
        ("Which is heavier, the G2 or the G5?", LADDERS),
        ("Which is heavier, the G2, the G3 or the G4?", LADDERS),
        ("Which is heavier in the snow, the G2 or the G4?", LADDERS),
        ("Which is not heavier, the G2 or the G4?", LADDERS),
        ("Which is better, the G2 or the G4?", LADDERS),
        ("Who won more, Norway or Germany?", MEDALS),
        ("Who earns more in Rome, Ann Roe or Bo Lind?", STAFF),
        ("What is the weight of the G2 and the G4?", LADDERS),
        ("Which is heavier, the G2 or the G4?", LADDERS.replace("9.6 kg", "9600 g")),
    ],
)
def test_what_a_table_does_not_tell_for_certain_is_left_to_others(question: str, text: str) -> None:
    assert ask(question, text) is None


@given(*[st.decimals(0, 9999, places=2)] * 2)
def test_differences_are_right(one: Decimal, other: Decimal) -> None:
    text = f"Model | Weight\nAlpha | {one}\nBeta | {other}\nGamma | 3"
    found = ask("What is the difference in weight between Alpha and Beta?", text)
    assert found is not None
    assert Decimal(found[1]) == abs(one - other)


@given(st.text("ab1 |.,-\n€", max_size=80))
def test_of_any_text_what_is_cited_stands_there(text: str) -> None:
    ask("Which has more a, aa or bb?", text)
