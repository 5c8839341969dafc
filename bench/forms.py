"""How rightly forms are filled in: JSON schemas, and what twelve documents state of their fields.

Hypothesis: what a document states in plain words is read by code (rag.forms), so with the bundled
model, which is not asked at all, a form has no wrong and no invented value; a model that is trusted
to write fills in more. The rules were made by the first set. The second was not looked at before
its first run, but what that showed was mended: neither is a measure of other documents.

    .venv/bin/python bench/forms.py [--model MODEL.gguf] [--set first|second|all] [--output FILE]

The documents of a set (bench/questions/forms/, all fictional) go into a new library together; each
form is filled in from its own document. Counted are the fields of its "expected":

right: the expected value. Texts are compared without case, spacing, and a full stop, comma or
    quotation mark at the ends. Of texts longer than 6 characters one may also be within the other:
    the given one with less than 2.2 times the length of the expected one + 8 characters, or with
    more than half of it. In lists and their objects texts have to be the same but for case, spacing
    and ends, and the items be in order. Numbers have to be equal.
missing: null, or a list without some of the expected items and with no others (its objects may have
    nulls instead of expected values).
wrong: another value. invented: a value where the document states none.

What is null and has to be is counted apart ("null"). The last line is JSON.
"""

from __future__ import annotations

import argparse
import json
import platform
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from ingest.search_filter import SearchFilter
from rag.library import Library
from rag.settings import Settings

FORMS = Path(__file__).resolve().parent / "questions" / "forms"
SETS = ("first", "second")
RIGHT, WRONG, MISSING, INVENTED, NULL = OUTCOMES = ("right", "wrong", "missing", "invented", "null")
LEAST_PART_CHARS = 7


@dataclass(frozen=True, slots=True)
class Form:
    """A schema to be filled in from a document, and what has to come out.

    expected: path of a field ("supplier.name") -> its value; None where the document has none.
    """

    document: Path
    schema: Mapping[str, Any]
    instruction: str
    expected: Mapping[str, Any]


def main() -> None:
    """Fill in all forms and print what came of each set."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--model", default="", help="GGUF file or name; the bundled one without it")
    parser.add_argument("--set", choices=(*SETS, "all"), default="all")
    parser.add_argument("--output", type=Path, default=None)
    arguments = parser.parse_args()
    report: dict[str, Any] = {"bench": "forms"}
    for name in SETS if arguments.set == "all" else (arguments.set,):
        with (
            tempfile.TemporaryDirectory() as folder,
            Library.open(folder, settings=Settings(model=arguments.model)) as library,
        ):
            report["model"] = library.generator.model_name
            report["machine"] = platform.processor() or platform.machine()
            report[name] = measured(name, library, forms_of(FORMS / name))
    line = json.dumps(report, ensure_ascii=False)
    if arguments.output is not None:
        arguments.output.write_text(line + "\n", "utf-8")
    print(line)


def forms_of(folder: Path) -> list[Form]:
    """The forms of a set: its JSON files, beside which their documents lie."""
    read = [json.loads(path.read_text("utf-8")) for path in sorted(folder.glob("*.json"))]
    return [
        Form(folder / each["document"], each["schema"], each["instruction"], each["expected"])
        for each in read
    ]


def measured(name: str, library: Library, forms: list[Form]) -> dict[str, Any]:
    """Counts over all fields of a set; a line is printed for each that is not as expected."""
    library.add([form.document for form in forms])
    library.warm_up()
    total = Counter[str]()
    started = time.monotonic()
    for form in forms:
        counts = Counter[str]()
        lines = []
        only_it = SearchFilter(documents=[form.document.name])
        data = library.extract(form.schema, form.instruction, filter=only_it).data
        for path, expected in form.expected.items():
            given = value_at(data, path)
            result = outcome(expected, given)
            counts[result] += 1
            if result in (WRONG, MISSING, INVENTED):
                lines.append(f"  {result} {path}: {shown(given)}, expected {shown(expected)}")
        print(f"{form.document.name}: {summary(counts)}", *lines, sep="\n", flush=True)
        total += counts
    seconds = round(time.monotonic() - started, 1)
    print(f"{name}, {len(forms)} documents: {summary(total)}, {seconds} s", flush=True)
    figures = {each: total[each] for each in OUTCOMES}
    return {"documents": len(forms), "fields": total.total(), **figures, "seconds": seconds}


def outcome(expected: Any, given: Any) -> str:
    """What came of a field."""
    if expected is None:
        return NULL if given is None else INVENTED
    if given is None:
        return MISSING
    expected, given = normal(expected), normal(given)
    if given == expected:
        return RIGHT
    if isinstance(expected, str) and isinstance(given, str):
        return RIGHT if is_about_the_same(expected, given) else WRONG
    if isinstance(expected, list) and isinstance(given, list):
        of_expected = (any(is_part(item, whole) for whole in expected) for item in given)
        return MISSING if all(of_expected) else WRONG
    return WRONG


def normal(value: Any) -> Any:
    """A value without what does not matter: case, spacing, ends of texts."""
    if isinstance(value, str):
        return " ".join(value.casefold().split()).strip(' .,"')
    if isinstance(value, list):
        return [normal(item) for item in value]
    if isinstance(value, dict):
        return {name: normal(item) for name, item in value.items()}
    return value


def is_about_the_same(expected: str, given: str) -> bool:
    """Whether one text is most of the other."""
    if len(expected) >= LEAST_PART_CHARS and expected in given:
        return len(given) < 2.2 * len(expected) + 8
    return len(given) >= LEAST_PART_CHARS and given in expected and 2 * len(given) > len(expected)


def is_part(item: Any, whole: Any) -> bool:
    """Whether an item of a list is an expected one, as far as it is filled in."""
    if isinstance(item, dict) and isinstance(whole, dict):
        return all(value is None or value == whole.get(name) for name, value in item.items())
    return bool(item == whole)


def value_at(data: Mapping[str, Any], path: str) -> Any:
    """The value of a field, "supplier.name"; None where an object above it has none."""
    value: Any = data
    for name in path.split("."):
        value = (value or {}).get(name)
    return value


def summary(counts: Counter[str]) -> str:
    """All counts in words."""
    return ", ".join(f"{counts[each]} {each}" for each in OUTCOMES)


def shown(value: Any) -> str:
    """A value as JSON has it."""
    return json.dumps(value, ensure_ascii=False)


if __name__ == "__main__":
    main()
