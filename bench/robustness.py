"""Does any file crash, hang or slip through silently, and what memory does it take?

Hypothesis: every file of a folder of awkward files (damaged, encrypted, empty, huge, scanned, in
rare encodings) ends as text, as text by OCR, or with a reason that names what is wrong; a file that
harms its reader costs itself only; and the readers stay below their limit of memory.

    .venv/bin/python bench/robustness.py FOLDER... [--output robustness.json]

Each folder goes into a library of its own through `paperlight add --json`. Measured are the largest
resident size of any one process, be it the program or a reader, and the wall time. The last line is
JSON: counts and reasons, nothing of the documents.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import re
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from ingest.store import Store

_ROOT = Path(__file__).resolve().parent.parent
_NOT_DOCUMENTS = {"MANIFEST.tsv", "PDFIUM_TAGS.tsv", "PASSWORDS.json"}
# Names, sizes and counts differ from file to file: a reason is counted without them.
_PARTICULAR = re.compile(r"\d[\d.,]*|“[^”]*”|'[^']*'")


def measure(folder: Path, home: Path) -> dict[str, object]:
    """Add one folder's files to a new library; what became of each, counted."""
    files = [p for p in sorted(folder.rglob("*")) if p.is_file() and p.name not in _NOT_DOCUMENTS]
    command = [sys.executable, "-m", "app.cli", "--library", str(home / "library"), "add", "--json"]
    started = time.perf_counter()
    with (home / "report.json").open("wb") as output:
        process = subprocess.Popen(
            [*command, *map(str, files)], cwd=_ROOT, stdout=output, stderr=subprocess.DEVNULL
        )
        _, status, used = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - started
    report = json.loads((home / "report.json").read_text("utf-8"))
    outcomes: Counter[str] = Counter()
    reasons: Counter[str] = Counter()
    with Store(home / "library" / "library.db") as store:
        counts = {record.document_id: record.page_count for record in store.documents()}
        for file in report["files"]:
            if file["outcome"] == "skipped":
                outcomes["named reason" if file["reason"] else "silent"] += 1
                reason = (file["reason"] or "").removeprefix(f"{Path(file['path']).name} ")
                reasons[_PARTICULAR.sub("…", reason)] += 1
                continue
            document = file["document_id"]
            pages = (store.page(document, i) for i in range(counts[document]))
            text = [page for page in pages if page.text.strip()]
            kind = "text" if text else "silent"
            if any(page.read_by_ocr for page in text):
                kind = "text by OCR"
            outcomes[kind] += 1
    return {
        "folder": folder.name,
        "files": len(files),
        "reported": len(report["files"]),
        "exit_status": os.waitstatus_to_exitcode(status),
        "outcomes": dict(outcomes.most_common()),
        "reasons": dict(reasons.most_common()),
        "crashed_reader": sum(n for r, n in reasons.items() if "its reader" in r),
        "no_progress": sum(n for r, n in reasons.items() if "no progress" in r),
        "seconds": round(seconds, 1),
        "peak_megabytes": round(used.ru_maxrss / 1024),
    }


def main() -> None:
    """Measure each folder, print a line each, then the JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folders", nargs="+", type=Path)
    parser.add_argument("--output", type=Path)
    options = parser.parse_args()
    measured = []
    for folder in options.folders:
        with tempfile.TemporaryDirectory() as home:
            measured.append(measure(folder, Path(home)))
        print(json.dumps({k: v for k, v in measured[-1].items() if k != "reasons"}), flush=True)
    report = {
        "benchmark": "robustness",
        "machine": f"{platform.processor() or platform.machine()}, {os.cpu_count()} CPUs",
        "sets": measured,
    }
    if options.output:
        options.output.write_text(json.dumps(report, indent=1, ensure_ascii=False) + "\n", "utf-8")
    print(json.dumps(report))


if __name__ == "__main__":
    main()
