"""Lists after a label, under a heading and before a role, against worked examples."""

from __future__ import annotations

from typing import Any

import pytest

from tests.rag.forms import INTEGER, STRING, stated


@pytest.mark.parametrize(
    "text",
    [
        "Minutes\n\nAttendees: Ruth Alder, Sam Pike\n",
        "Minutes\n\nPresent: Ruth Alder and Sam Pike\n",
        "Minutes\n\n## Attendees\n\n- Ruth Alder\n- Sam Pike\n\nThe shed leaks.\n",
        "Minutes\n\n## Attendees\n\nRuth Alder, Sam Pike\n",
        "It was a meeting of Ruth Alder and Sam Pike (the Attendees).\n",
    ],
    ids=["label", "label of other words", "items", "one line", "role"],
)
def test_a_list_is_read_where_it_stands(text: str) -> None:
    schema: dict[str, Any] = {"type": "array", "items": STRING}
    assert stated(text, "attendees", schema) == ["Ruth Alder", "Sam Pike"]
    assert stated(text, "apologies", schema) is None


def test_a_list_with_a_part_of_another_kind_is_of_something_else() -> None:
    schema: dict[str, Any] = {"type": "array", "items": INTEGER}
    assert stated("Results\n\nScores: 12, 9, 31\n", "scores", schema) == [12, 9, 31]
    assert stated("Results\n\nScores: 12, void, 31\n", "scores", schema) is None
