"""What must survive: kill -9 at any moment, a full disk, a read-only folder, two writers."""

from __future__ import annotations

import random
from pathlib import Path

from tests.ingest.churn import Churn, diagnose, found_by_search, rebuilt

KILLS = 12  # bench/durability.py does it 100 times


def test_a_library_survives_kills_at_random_moments(tmp_path: Path) -> None:
    churn = Churn(tmp_path)
    moments = random.Random(4)
    for number in range(KILLS):
        churn.kill_after(f"kill-{number}", moments.uniform(0.0, 1.2))
        churn.check()
    churn.settle()
    assert [check for check in diagnose(churn.library) if not check.ok] == []
    assert found_by_search(churn.library) == found_by_search(
        rebuilt(churn.docs, tmp_path / "rebuilt")
    )
