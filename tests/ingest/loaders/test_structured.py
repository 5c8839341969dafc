"""JSON as text: lists of records as tables, everything else as lines with paths."""

from __future__ import annotations

import json
from pathlib import Path

from ingest.loaders import load
from tests.ingest.loaders.test_formats import texts

ORDERS = {
    "orders": [{"no": 1, "item": "lamp", "qty": 3}, {"no": 2, "item": "chair", "qty": 8}],
    "total": 2,
}


def write(path: Path, value: object) -> Path:
    path.write_text(json.dumps(value))
    return path


def test_records_are_a_table_below_their_path(tmp_path: Path) -> None:
    """Asked for the number of chairs: `orders.no: 2 orders.item: chair`, the [1] of
    `orders[1].no` taken for a citation and the number, in a line of its own, cut off."""
    path = write(tmp_path / "a.json", ORDERS)
    assert texts(path) == ["total: 2\n\n# orders\n\nno | item | qty\n1 | lamp | 3\n2 | chair | 8"]
    (page,) = load(path, name="a.json").pages
    assert [page.text[h.start : h.end] for h in page.headings] == ["# orders"]


def test_a_list_of_records_is_read_as_a_csv_file_of_them_is(tmp_path: Path) -> None:
    records = [{"name": f"Customer {n}", "at": {"city": "Oslo"}, "tags": [n]} for n in range(9000)]
    rows = ["name,at.city,tags", *(f"Customer {n},Oslo,{n}" for n in range(9000))]
    (tmp_path / "a.csv").write_text("\n".join(rows))
    (tmp_path / "a.jsonl").write_text("\n".join(map(json.dumps, records)))
    as_csv = texts(tmp_path / "a.csv")
    assert len(as_csv) > 1
    assert texts(tmp_path / "a.jsonl") == as_csv
    assert texts(write(tmp_path / "a.json", records)) == as_csv


def test_what_follows_a_table_does_not_stand_under_its_heading(tmp_path: Path) -> None:
    value = [{"customer": "Anna", **ORDERS}, {"customer": "Ben", "orders": [], "total": 0}]
    assert texts(write(tmp_path / "a.json", value)) == [
        "1.customer: Anna\n1.total: 2\n\n# 1.orders\n\n"
        "no | item | qty\n1 | lamp | 3\n2 | chair | 8\n\n\n"
        "# 2\n\n2.customer: Ben\n2.orders: \n2.total: 0"
    ]


def test_objects_of_many_kinds_and_long_texts_are_no_table(tmp_path: Path) -> None:
    assert texts(write(tmp_path / "a.json", [{"a": 1}, {"b": 2}, {"c": 3}])) == [
        "1.a: 1\n2.b: 2\n3.c: 3"
    ]
    story = "All is said in it. " * 30
    assert texts(write(tmp_path / "b.json", {"texts": [{"body": story}, {"body": "Short."}]})) == [
        f"texts 1.body: {story}\ntexts 2.body: Short."
    ]


def test_long_files_are_cut_into_pages_and_nothing_is_lost(tmp_path: Path) -> None:
    parts = {f"part{n}": [{"no": m, "of": n} for m in range(50)] for n in range(300)}
    value = {"story": "word " * 30_000, "parts": parts, "end": "Here it ends."}
    pages = load(write(tmp_path / "a.json", value), name="a.json").pages
    whole = "\n".join(page.text for page in pages)
    assert whole.count("word ") >= 29_990
    assert whole.count("no | of") == 300
    assert "end: Here it ends." in whole
    headings = [page.text[h.start : h.end] for page in pages for h in page.headings]
    assert headings == [f"# parts.part{n}" for n in range(300)]
