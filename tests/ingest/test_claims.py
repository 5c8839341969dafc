from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from ingest.claims import Claim


def test_a_held_claim_cannot_be_taken(tmp_path: Path) -> None:
    with Claim.new(tmp_path) as claim:
        assert Claim.take(tmp_path, claim.owner) is None


def test_a_released_claim_leaves_no_file(tmp_path: Path) -> None:
    with Claim.new(tmp_path) as claim:
        pass
    claim.release()
    assert list(tmp_path.iterdir()) == []


def test_the_claim_of_a_process_that_ended_can_be_taken(tmp_path: Path) -> None:
    script = (
        "import os, sys; from pathlib import Path; from ingest.claims import Claim;"
        "print(Claim.new(Path(sys.argv[1])).owner, flush=True); os._exit(1)"
    )
    run = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
        cwd=Path(__file__).parents[2],
    )
    owner = run.stdout.strip()
    assert (tmp_path / owner).exists()
    claim = Claim.take(tmp_path, owner)
    assert claim is not None
    claim.release()
