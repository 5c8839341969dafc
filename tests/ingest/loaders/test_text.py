from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.errors import EmptyFile, FileTooLarge
from ingest.loaders import LoadLimits, load
from ingest.loaders.text import split_sections


def test_markdown_is_kept_as_it_is_and_gives_its_title(tmp_path: Path) -> None:
    text = "# The Title #\n\nSome *text* with `code`.\n"
    path = tmp_path / "a.md"
    path.write_text(text, "utf-8")
    document = load(path, name="a.md")
    assert (document.title, document.media_type) == ("The Title", "text/markdown")
    assert [(page.number, page.text) for page in document.pages] == [(None, text)]


def test_white_space_alone_is_no_text(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text(" \n\t\n")
    with pytest.raises(EmptyFile, match="no text"):
        load(path, name="a.txt")


def test_more_characters_than_the_limit_are_refused_not_cut(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("x" * 101)
    limits = LoadLimits(max_characters=100)
    with pytest.raises(FileTooLarge, match="100 characters"):
        load(path, name="a.txt", limits=limits)


def test_a_huge_file_is_refused_before_it_is_read(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    with path.open("wb") as file:
        file.write(b"text " * 20_000)  # what is looked at to tell the kind
        file.truncate(500_000_000)  # sparse: takes no room
    limits = LoadLimits(max_characters=1_000_000)
    with pytest.raises(FileTooLarge, match="500 MB"):
        load(path, name="a.txt", limits=limits)


@given(st.text(st.sampled_from("ab \n#.")), st.integers(8, 40))
def test_sections_are_the_whole_text_in_order(text: str, most: int) -> None:
    sections = split_sections(text, max_characters=most)
    assert all(0 < len(section) <= most for section in sections)
    position = 0
    for section in sections:  # nothing but white space may be left out between them
        found = text.index(section, position)
        assert not text[position:found].strip()
        position = found + len(section)
    assert not text[position:].strip()


def test_sections_begin_at_headings_where_they_can() -> None:
    part = "# Heading\n" + "words " * 10 + "\n"
    sections = split_sections(part * 5, max_characters=len(part) * 2 + 10)
    assert all(section.startswith("# Heading") for section in sections)
