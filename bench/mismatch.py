"""How often each rule of `rag.mismatch` sees something, in questions with an answer and in others.

    .venv/bin/python bench/mismatch.py SQUAD.json [MORE.json ...]

A question is compared with the sentence of its first answer; one without an answer, with the
sentence of its first plausible answer, which SQuAD 2.0 has for most. The last line is JSON.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from rag.mismatch import mismatch
from rag.sentences import sentence_spans


def cases(path: Path) -> Iterator[tuple[bool, str, str, str]]:
    """(answerable, question, sentence, paragraph) of a SQuAD file."""
    for article in json.loads(path.read_text("utf-8"))["data"]:
        for paragraph in article["paragraphs"]:
            text = paragraph["context"]
            spans = sentence_spans(text)
            for row in paragraph["qas"]:
                for answer in (row["answers"] or row.get("plausible_answers") or [])[:1]:
                    start = answer["answer_start"]
                    sentences = [text[s.start : s.end] for s in spans if s.start <= start < s.end]
                    if sentences:
                        yield bool(row["answers"]), row["question"], sentences[0], text


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("files", type=Path, nargs="+", help="SQuAD files, 1.1 or 2.0")
    report = []
    for path in parser.parse_args().files:
        asked: Counter[str] = Counter()
        seen: Counter[str] = Counter()
        for answerable, question, sentence, text in cases(path):
            kind = "answerable" if answerable else "others"
            asked[kind] += 1
            seen[kind] += mismatch(question, sentence, [text]) > 0.0
            # A number alone: the question is its own sentence, which denies what it denies.
            seen[f"{kind}, by number"] += mismatch(question, question, [text]) > 0.0
        report.append({"file": path.name, "questions": dict(asked), "seen": dict(seen)})
        print(f"{path.name}: of {dict(asked)} seen {dict(seen)}")
    print(json.dumps({"benchmark": "mismatch", "files": report}))


if __name__ == "__main__":
    main()
