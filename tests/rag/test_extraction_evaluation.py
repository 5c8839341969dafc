from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest

from rag.extraction_evaluation import (
    ExtractionSetError,
    TableCell,
    adjacency_f1,
    adjacency_relations,
    cell_f1,
    evaluate_extraction,
    f1,
    plain_markdown,
    read_icdar_tables,
    recall,
    tables_in,
    words_of,
)
from tests.ingest.files import write_pdf


def cell(text: str, row: int, column: int, *, last_column: int | None = None) -> TableCell:
    return TableCell(text, row, row, column, column if last_column is None else last_column)


# |      | Releases     |
# |      | air  | water |
# | Zinc | 5    |       |
WANTED = [
    cell("Releases", 0, 1, last_column=2),
    cell("air", 1, 1),
    cell("water", 1, 2),
    cell("Zinc", 2, 0),
    cell("5", 2, 1),
    cell("", 2, 2),
]


def test_neighbours_of_a_table_are_the_worked_example() -> None:
    down, right = "down", "right"
    assert adjacency_relations(WANTED) == Counter(
        {
            f"releases\0air\0{down}": 1,  # a cell over two columns has two cells below it
            f"releases\0water\0{down}": 1,
            f"air\0water\0{right}": 1,
            f"air\x005\0{down}": 1,
            f"zinc\x005\0{right}": 1,
        }
    )


def test_empty_cells_are_skipped_on_the_way_to_a_neighbour() -> None:
    row = [cell("a", 0, 0), cell(" ", 0, 1), cell("b", 0, 2)]
    assert adjacency_relations(row) == Counter({"a\0b\0right": 1})


def test_a_header_read_into_one_column_loses_one_relation() -> None:
    read = tables_in(" | Releases\n | air | water\nZinc | 5\n")
    # Of 5 relations 4 are right, and 4 were stated: 2 * 4 / (5 + 4).
    assert adjacency_f1([WANTED], read) == pytest.approx(8 / 9)
    assert cell_f1([WANTED], read) == 1.0


def test_cells_are_counted_with_their_repeats() -> None:
    # Wanted x, x, y; found x, z: one of 3 and of 2.
    wanted = [[cell("x", 0, 0), cell("x", 0, 1), cell("y", 0, 2)]]
    assert cell_f1(wanted, tables_in("x | z")) == pytest.approx(2 / 5)


def test_tables_of_a_text_end_where_other_lines_stand() -> None:
    found = tables_in("Prose.\na | b\nc | d\nMore prose.\ne | f")
    assert [[c.text for c in table] for table in found] == [["a", "b", "c", "d"], ["e", "f"]]


def test_icdar_cells_keep_their_spans(tmp_path: Path) -> None:
    file = tmp_path / "one-str.xml"
    file.write_text(
        '<document><table><region><cell start-row="0" start-col="1" end-col="2">'
        "<content>a b</content></cell></region></table></document>",
        "utf-8",
    )
    assert read_icdar_tables(file) == [[TableCell("a b", 0, 0, 1, 2)]]


def test_words_are_counted_without_case_and_punctuation() -> None:
    wanted, found = words_of("Net income, net LOSS"), words_of("net income | 5")
    assert recall(wanted, found) == 2 / 4
    assert f1(wanted, found) == pytest.approx(2 * 2 / (4 + 3))
    text = "<!-- image -->[the *site*](https://example.org/x) &amp; more"
    assert words_of(plain_markdown(text)) == words_of("the site more")


def test_evidence_is_looked_for_on_its_page(tmp_path: Path) -> None:
    (tmp_path / "pdfs").mkdir()
    write_pdf(tmp_path / "pdfs" / "report.pdf", [["First page here"], ["Revenue was 12 million"]])
    evidence = [
        {"doc_name": "report", "evidence_page_num": 1, "evidence_text": "revenue was 12 dollars"},
        {"doc_name": "absent", "evidence_page_num": 0, "evidence_text": "not counted"},
    ]
    row = {"financebench_id": "one", "evidence": evidence}
    (tmp_path / "questions.jsonl").write_text(json.dumps(row) + "\n", "utf-8")
    figures = evaluate_extraction(tmp_path)
    assert (figures.names, figures.pages) == (("one",), 2)
    assert figures.figure("evidence") == 3 / 4


def test_files_are_compared_with_what_is_expected_of_them(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("name,year\nOslo,1952\n", "utf-8")
    (tmp_path / "a.csv.expected.md").write_text("| name | year |\n|---|---|\n| Oslo | 1952 |")
    (tmp_path / "b.docx").write_bytes(b"PK\x03\x04 broken")
    (tmp_path / "b.docx.expected.md").write_text("lost")
    figures = evaluate_extraction(tmp_path)
    assert figures.values == {"word_f1": (1.0, 0.0)}
    assert list(figures.refused) == ["b.docx"]


def test_a_folder_without_sets_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ExtractionSetError, match=r"questions\.jsonl"):
        evaluate_extraction(tmp_path)
