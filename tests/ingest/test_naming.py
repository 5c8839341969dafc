from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.naming import (
    archive_of,
    as_kept,
    display_name,
    escaped,
    member_names,
    name_in_archive,
    own_name,
    unescaped,
    upload_name,
)


@pytest.mark.parametrize(
    ("given_name", "kept"),
    [
        ("report.pdf", "report.pdf"),
        ("../../etc/passwd", "passwd"),
        ("C:\\Users\\x\\report.pdf", "report.pdf"),
        ("..", "upload"),
        ("", "upload"),
        ("a/", "upload"),
        ("  .  ", "upload"),
        ("a\x00b\nc.txt", "a%{U+0000}b%{U+000A}c.txt"),
        ("gpj.\u202eexe", "gpj.%{U+202E}exe"),
        ("\udcff.txt", "%{FF}.txt"),
        ("a.txt\n", "a.txt%{U+000A}"),
    ],
)
def test_only_a_harmless_last_component_is_kept(given_name: str, kept: str) -> None:
    assert upload_name(given_name) == kept


@given(st.text(st.characters(codec=None)))
def test_no_upload_name_is_a_path_or_unprintable(name: str) -> None:
    kept = upload_name(name)
    assert kept not in ("", ".", "..")
    assert not set(kept) & set("/\\\x00\n\r")
    assert len(kept) <= 200
    kept.encode("utf-8")


ORDINARY = ["/docs/caf%C3%A9.txt", "/docs/My%20Report (2).pdf", "/docs/%{x}.md", "C:\\a\\b.txt"]


@pytest.mark.parametrize("path", ORDINARY)
def test_an_ordinary_path_is_kept_as_it_is(path: str) -> None:
    """Libraries that are there have their documents under it."""
    assert escaped(path) == unescaped(path) == as_kept(path) == path


@given(st.text(st.characters(codec=None) | st.sampled_from("%{}U+0025E9\n\udce9\x85")))
def test_a_kept_path_can_be_shown_and_says_which_file_it_was(path: str) -> None:
    kept = escaped(path)
    assert unescaped(kept) == path
    assert display_name(kept, max_characters=10**6) == kept
    kept.encode("utf-8")


def test_what_looks_like_an_escape_is_not_taken_for_one() -> None:
    names = ["caf\udce9", "caf\xe9", "caf%{E9}", "caf%{U+0025}{E9}", "caf%{U+DCE9}", "caf_"]
    assert len({escaped(name) for name in names}) == len(names)
    assert escaped("caf\udce9") == as_kept("caf\udce9") == as_kept("caf%{E9}") == "caf%{E9}"
    assert escaped("caf%{E9}") == "caf%{U+0025}{E9}"


def test_a_long_name_keeps_its_beginning_and_its_suffix() -> None:
    shown = display_name("a" * 500 + ".pdf")
    assert len(shown) == 200
    assert shown.startswith("aaa")
    assert shown.endswith(".pdf")


@given(st.lists(st.text(st.characters(codec=None)), max_size=8))
def test_no_name_in_an_archive_leads_out_of_it_or_is_there_twice(written: list[str]) -> None:
    kept = member_names(written)
    assert len(set(kept)) == len(kept) == len(written)
    for name in kept:
        assert not {"", ".", ".."} & set(name.split("/"))
        assert not set(name) & set("\\\x00\n\r")
        name.encode("utf-8")
        made = name_in_archive("a.zip", name), name_in_archive("/docs/a.zip", name)
        assert archive_of(*made) == ("a.zip", "/docs/a.zip")


def test_names_in_an_archive_keep_their_folders_and_are_numbered_where_they_meet() -> None:
    assert member_names(["b/a.txt", "../b//a.txt", "b\\a.txt", "./", "c.txt"]) == [
        "b/a.txt", "b/a (2).txt", "b/a (3).txt", "file 4", "c.txt",
    ]  # fmt: skip


def test_many_files_of_one_name_are_numbered_in_linear_time() -> None:
    """Each looked for a free number from 2: 100,000 would have taken 20 minutes."""
    assert member_names(["a.txt"] * 100_000)[-1] == "a (100000).txt"
    assert member_names(["a (2).txt", "a.txt", "a.txt", "a.txt"])[1:] == [
        "a.txt", "a (3).txt", "a (4).txt",
    ]  # fmt: skip


def test_what_came_out_of_no_archive_has_none() -> None:
    assert archive_of("a.pdf", "/docs/a.zip/a.pdf") is None  # from a folder of that name
    assert archive_of("AC/DC", "12") is None  # a title of a set of questions
    assert own_name("AC/DC", "12") == "AC/DC"
    assert own_name("a.zip/b/c.pdf", "upload:a.zip/b/c.pdf") == "c.pdf"
