from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.naming import display_name, upload_name


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
        ("a\x00b\nc.txt", "a_b_c.txt"),
        ("gpj.\u202eexe", "gpj._exe"),
        ("\udcff.txt", "_.txt"),
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


def test_a_long_name_keeps_its_beginning_and_its_suffix() -> None:
    shown = display_name("a" * 500 + ".pdf")
    assert len(shown) == 200
    assert shown.startswith("aaa")
    assert shown.endswith(".pdf")
