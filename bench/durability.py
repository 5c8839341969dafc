"""Kills a process that adds, replaces and removes files, again and again, and looks at the library.

    .venv/bin/python bench/durability.py --output bench/results/durability.json

Each process is killed (SIGKILL) at a random moment within the first 1.2 seconds of its work on up
to 200 files. After every kill, before anything is repaired: each file is in the library as it was
or as it was to be, originals are whole, the database and both indexes agree. At the end the library
must search like one that is made from nothing. The oracle is tests/ingest/churn.py.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import random
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from tests.ingest.churn import Churn, diagnose, found_by_search, rebuilt

LATEST_MOMENT_SECONDS = 1.2


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--seed", type=int, default=4)
    parser.add_argument("--output", type=Path)
    options = parser.parse_args()
    moments = random.Random(options.seed)
    started = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        churn = Churn(Path(folder) / "churn")
        for number in range(options.kills):
            churn.kill_after(f"kill-{number}", moments.uniform(0.0, LATEST_MOMENT_SECONDS))
            churn.check()
            print(f"\r{number + 1} of {options.kills} kills", end="", file=sys.stderr)
        churn.settle()
        unsound = [check.name for check in diagnose(churn.library) if not check.ok]
        found = found_by_search(churn.library)
        as_rebuilt = found == found_by_search(rebuilt(churn.docs, Path(folder) / "rebuilt"))
        result = {
            "machine": f"{platform.processor() or platform.machine()}, {os.cpu_count()} CPUs",
            "seed": options.seed,
            "kills": options.kills,
            "changes_completed": churn.changes,
            "files_at_the_end": len(list(churn.docs.iterdir())),
            "lost_or_damaged": 0,  # the first one would have ended this with its name
            "doctor_finds": unsound,
            "search_equals_a_library_made_anew": as_rebuilt,
            "seconds": round(time.monotonic() - started, 1),
        }
    print(f"\n{json.dumps(result, indent=1)}")
    if options.output:
        options.output.write_text(json.dumps(result, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main()
