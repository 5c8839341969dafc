"""How much of what stands in a file comes out of it: words of evidence, cells of tables, texts.

Understood are page evidence (FinanceBench: questions.jsonl and pdfs/), tables (ICDAR 2013: NAME.pdf
and NAME-str.xml) and texts with what is expected of them (docling: FILE and FILE.expected.md).
Knows the loaders and nothing of a library. What a loader refuses counts as nothing found.
"""

from __future__ import annotations

import html
import json
import re
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import mean

from lxml import etree

from ingest.documents import Document
from ingest.errors import IngestError
from ingest.loaders import load

_WORD = re.compile(r"\w+")
_COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)
_LINK_TARGET = re.compile(r"\]\([^()\s]*\)")
_OCR_LANGUAGES = "eng"
_TABLES_SUFFIX = "-str.xml"
_EXPECTED_SUFFIX = ".expected.md"


class ExtractionSetError(ValueError):
    """A folder holds no set that is understood; the message says what was expected."""


@dataclass(frozen=True, slots=True)
class ExtractionFigures:
    """What came out of the files of one set.

    names: of the files, or the ids of the questions. values: measure -> one value in [0, 1] a
    name. seconds: spent reading files. pages: read. refused: file -> why it could not be read.
    """

    name: str
    names: tuple[str, ...]
    values: Mapping[str, tuple[float, ...]]
    seconds: float
    pages: int
    refused: Mapping[str, str]

    def figure(self, measure: str) -> float:
        """The mean over the names; 0 of none."""
        values = self.values[measure]
        return mean(values) if values else 0.0


class _Reader:
    """Reads files by the product's loaders, each once; keeps the time."""

    def __init__(self, progress: Callable[[str], None]) -> None:
        self._progress = progress
        self.seconds = 0.0
        self.pages = 0
        self.refused: dict[str, str] = {}
        self._read: dict[Path, Document | None] = {}

    def pages_of(self, path: Path) -> tuple[str, ...]:
        """The texts of the pages; () where the file is refused."""
        if path not in self._read:
            self._progress(path.name)
            begun = time.perf_counter()
            try:
                self._read[path] = load(path, name=path.name, ocr_languages=_OCR_LANGUAGES)
            except IngestError as error:
                self._read[path] = None
                self.refused[path.name] = str(error)
            self.seconds += time.perf_counter() - begun
            self.pages += len(self._pages(path))
        return self._pages(path)

    def _pages(self, path: Path) -> tuple[str, ...]:
        document = self._read[path]
        return () if document is None else tuple(page.text for page in document.pages)


def evaluate_extraction(
    folder: Path, *, progress: Callable[[str], None] = lambda _: None
) -> ExtractionFigures:
    """Read a folder's files and compare. progress: told what is read. Raises ExtractionSetError.

    Measures of page evidence: `evidence`, the share of its words that are on the stated pages.
    Of tables: see `adjacency_f1` and `cell_f1`. Of texts: `word_f1`.
    """
    reader = _Reader(progress)
    found = list(_kind(folder)(folder, reader))
    measures = tuple(found[0][1]) if found else ()
    return ExtractionFigures(
        name=folder.name,
        names=tuple(name for name, _ in found),
        values={m: tuple(values[m] for _, values in found) for m in measures},
        seconds=reader.seconds,
        pages=reader.pages,
        refused=reader.refused,
    )


_Values = Iterator[tuple[str, dict[str, float]]]
_Kind = Callable[[Path, _Reader], _Values]


def _kind(folder: Path) -> _Kind:
    if (folder / "questions.jsonl").is_file() and (folder / "pdfs").is_dir():
        return _evidence
    if any(folder.glob(f"*{_TABLES_SUFFIX}")):
        return _tables
    if any(folder.glob(f"*{_EXPECTED_SUFFIX}")):
        return _texts
    raise ExtractionSetError(
        f"Expected questions.jsonl with pdfs/, NAME.pdf with NAME{_TABLES_SUFFIX}, or FILE with"
        f" FILE{_EXPECTED_SUFFIX} in {folder}, and found none of them."
    )


# --- words --------------------------------------------------------------------------------------


def words_of(text: str) -> Counter[str]:
    """The words of a text, case and punctuation set aside, with how often they occur."""
    return Counter(_WORD.findall(text.casefold()))


def recall(wanted: Counter[str], found: Counter[str]) -> float:
    """The share of `wanted`, repeats counted, that is in `found`; 1 where nothing is wanted."""
    return (wanted & found).total() / wanted.total() if wanted else 1.0


def f1(wanted: Counter[str], found: Counter[str]) -> float:
    """The harmonic mean of the shares of each that the other has, repeats counted."""
    both = wanted.total() + found.total()
    return 2 * (wanted & found).total() / both if both else 1.0


def _evidence(folder: Path, reader: _Reader) -> _Values:
    with (folder / "questions.jsonl").open(encoding="utf-8") as lines:
        rows = [json.loads(line) for line in lines if line.strip()]
    for row in rows:
        wanted: Counter[str] = Counter()
        found: Counter[str] = Counter()
        for evidence in row["evidence"]:
            path = folder / "pdfs" / f"{evidence['doc_name']}.pdf"
            if not path.is_file():
                continue
            pages = reader.pages_of(path)
            number = evidence["evidence_page_num"]  # the first page is 0
            on_page = words_of(pages[number]) if number < len(pages) else Counter[str]()
            words = words_of(evidence["evidence_text"])
            wanted += words
            found += words & on_page
        if wanted:
            yield row["financebench_id"], {"evidence": recall(wanted, found)}


def _texts(folder: Path, reader: _Reader) -> _Values:
    for expected in sorted(folder.glob(f"*{_EXPECTED_SUFFIX}")):
        path = expected.with_name(expected.name.removesuffix(_EXPECTED_SUFFIX))
        if path.is_file():
            found = words_of(plain_markdown("\n".join(reader.pages_of(path))))
            wanted = words_of(plain_markdown(expected.read_text("utf-8")))
            yield path.name, {"word_f1": f1(wanted, found)}


def plain_markdown(text: str) -> str:
    """Markdown without comments and the targets of links, entities as the characters they are."""
    return html.unescape(_LINK_TARGET.sub("]", _COMMENT.sub(" ", text)))


# --- tables -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class TableCell:
    """A cell over rows and columns first..last, both counted from 0."""

    text: str
    first_row: int
    last_row: int
    first_column: int
    last_column: int


Table = Sequence[TableCell]


def adjacency_relations(table: Table) -> Counter[str]:
    """What stands beside and below what: each cell with text and its next such neighbours.

    Source: Göbel, Hassan, Oro, Orsi: A methodology for evaluating algorithms for table
    understanding in PDF documents, doi.org/10.1145/2361354.2361365 (empty cells are skipped,
    white space does not count).
    """
    filled = [cell for cell in table if _normalised(cell.text)]
    at = {
        (row, column): index
        for index, cell in enumerate(filled)
        for row in range(cell.first_row, cell.last_row + 1)
        for column in range(cell.first_column, cell.last_column + 1)
    }
    rows = 1 + max((cell.last_row for cell in filled), default=0)
    columns = 1 + max((cell.last_column for cell in filled), default=0)
    relations: set[tuple[int, int, str]] = set()
    for index, cell in enumerate(filled):
        for row in range(cell.first_row, cell.last_row + 1):
            right = (at.get((row, c)) for c in range(cell.last_column + 1, columns))
            beside = next((other for other in right if other is not None), None)
            if beside is not None:
                relations.add((index, beside, "right"))
        for column in range(cell.first_column, cell.last_column + 1):
            down = (at.get((r, column)) for r in range(cell.last_row + 1, rows))
            below = next((other for other in down if other is not None), None)
            if below is not None:
                relations.add((index, below, "down"))
    return Counter(
        f"{_normalised(filled[one].text)}\0{_normalised(filled[other].text)}\0{direction}"
        for one, other, direction in relations
    )


def adjacency_f1(wanted: Sequence[Table], found: Sequence[Table]) -> float:
    """F1 of the adjacency relations of all tables of a document."""
    return f1(_total(map(adjacency_relations, wanted)), _total(map(adjacency_relations, found)))


def cell_f1(wanted: Sequence[Table], found: Sequence[Table]) -> float:
    """F1 of the contents of all filled cells of a document's tables, wherever they stand."""
    return f1(_contents(wanted), _contents(found))


def tables_in(text: str) -> list[list[TableCell]]:
    """The tables of a text as the loaders write them: lines `a | b | c` or `a |`, in a row."""
    tables: list[list[TableCell]] = []
    row = -1
    for line in text.split("\n"):
        if " | " not in f"{line} ":
            row = -1
            continue
        if row < 0:
            tables.append([])
        row += 1
        cells = [cell.strip() for cell in f"{line} ".split(" | ")]
        tables[-1] += [TableCell(cell, row, row, i, i) for i, cell in enumerate(cells)]
    return tables


def read_icdar_tables(file: Path) -> list[list[TableCell]]:
    """The tables of NAME-str.xml; regions on several pages are tables of their own."""
    parser = etree.XMLParser(resolve_entities=False, no_network=True)
    tables = []
    for region in etree.parse(file, parser).iter("region"):
        cells = []
        for cell in region.iter("cell"):
            row, column = int(cell.get("start-row")), int(cell.get("start-col"))
            cells.append(
                TableCell(
                    text=cell.findtext("content") or "",
                    first_row=row,
                    last_row=int(cell.get("end-row") or row),
                    first_column=column,
                    last_column=int(cell.get("end-col") or column),
                )
            )
        tables.append(cells)
    return tables


def _tables(folder: Path, reader: _Reader) -> _Values:
    for stated in sorted(folder.glob(f"*{_TABLES_SUFFIX}")):
        path = stated.with_name(stated.name.removesuffix(_TABLES_SUFFIX) + ".pdf")
        if path.is_file():
            found = [table for text in reader.pages_of(path) for table in tables_in(text)]
            wanted = read_icdar_tables(stated)
            yield (
                path.name,
                {
                    "cell_f1": cell_f1(wanted, found),
                    "adjacency_f1": adjacency_f1(wanted, found),
                },
            )


def _contents(tables: Sequence[Table]) -> Counter[str]:
    texts = (_normalised(cell.text) for table in tables for cell in table)
    return Counter(text for text in texts if text)


def _total(counters: Iterator[Counter[str]]) -> Counter[str]:
    total: Counter[str] = Counter()
    for counter in counters:
        total += counter
    return total


def _normalised(text: str) -> str:
    return "".join(text.casefold().split())


# --- results on disk ----------------------------------------------------------------------------


def as_json(figures: ExtractionFigures) -> dict[str, object]:
    """The figures as JSON, with the values of each file or question."""
    return {
        "set": figures.name,
        "figures": {m: round(figures.figure(m), 4) for m in figures.values},
        "pages": figures.pages,
        "milliseconds_a_page": round(1000.0 * figures.seconds / max(1, figures.pages), 2),
        "refused": dict(figures.refused),
        "names": list(figures.names),
        "values": {m: [round(v, 4) for v in each] for m, each in figures.values.items()},
    }


def values_of_run(file: Path) -> dict[str, dict[str, list[float]]]:
    """Set -> measure -> the value of each name, of a file that a run wrote."""
    return {each["set"]: each["values"] for each in json.loads(file.read_text("utf-8"))["sets"]}
