"""What plain sentences state of a field, against worked examples."""

from __future__ import annotations

from typing import Any

import pytest

from tests.rag.forms import DATE, INTEGER, LEASE, NUMBER, STRING, TRUTH, stated


@pytest.mark.parametrize(
    ("name", "schema", "description", "value"),
    [
        ("landlord", STRING, "", "Marta Lindqvist"),
        ("tenants", {"type": "array", "items": STRING}, "", ["Tomas Okafor", "Priya Raman"]),
        ("start_date", DATE, "", "2026-03-01"),
        ("monthly_rent", NUMBER, "", 1450),  # a small model said "6 months"
        ("yearly_rent", NUMBER, "", None),
        ("lease_months", INTEGER, "", 24),
        ("notice_period", STRING, "", "three months"),
        ("pets_allowed", TRUTH, "", False),
        ("managing_agent", STRING, "", "Forth Lettings"),
        ("agent_email", STRING, "", "repairs@forth.example"),
        ("end_date", DATE, "", None),
        ("deposit", NUMBER, "", None),
        ("smoking_allowed", TRUTH, "", None),
    ],
)
def test_what_a_sentence_says_is_read(
    name: str, schema: dict[str, Any], description: str, value: Any
) -> None:
    assert stated(LEASE, name, schema, description) == value


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("Driving licence: yes (category B)", True),
        ("Driving licence | no", False),
        ("A driving licence is required only if asked for.", None),
        ("Do you have a driving licence?", None),
    ],
)
def test_yes_and_no_are_read_where_they_are_said(text: str, value: bool | None) -> None:
    assert stated(f"Application\n\n{text}\n", "driving_licence", TRUTH) is value


def test_two_values_that_fit_as_well_are_none() -> None:
    """Of the plot rent "from £42 to £48" nobody knows by rule which one is meant."""
    text = "The annual plot rent was raised from £42 to £48."
    assert stated(text, "plot_rent", NUMBER) is None


def test_an_amount_that_is_said_to_be_another_thing_s_is_none() -> None:
    """The deposit was given as the monthly rent, for the sentence says what it equals."""
    text = (
        "The Tenant pays a deposit of £6,900, which equals three monthly instalments of the rent."
    )
    assert stated(text, "monthly_rent", NUMBER) is None
    assert stated(text, "deposit", NUMBER) == 6900
