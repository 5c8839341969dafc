from __future__ import annotations

import time
from pathlib import Path

import pytest

from ingest.loaders import load

SRT = """1
00:00:01,000 --> 00:00:04,200
<i>Today</i> we look at clay,

2
00:00:58,000 --> 00:01:02,900 X1:40
which holds four times
as much water.

3
00:01:03,000 --> 00:01:04,000
It is heavy.

4
00:02:10,000 --> 00:02:12,000
{\\an8}Lime is added.

5
00:02:12,000 --> 00:02:14,000
Lime is added.
"""
VTT = """WEBVTT - an interview

STYLE
::cue { color: red }

00:00.000 --> 00:04.000 align:start
<v Host>When &amp; how?

second
00:04.100 --> 00:09.000
<v.loud Ilse Brandt>In 1987,

00:09.100 --> 00:12.000
with a loan.
"""


def read(path: Path, text: str) -> str:
    path.write_text(text, "utf-8")
    document = load(path, name=path.name)
    assert document.media_type == "text/vtt"
    return document.pages[0].text


@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
def test_cues_become_sentences_under_the_minutes_they_begin_in(
    tmp_path: Path, line_end: str
) -> None:
    """A sentence over two cues was cut by their times, and could not be quoted."""
    path = tmp_path / "a.srt"
    path.write_bytes(SRT.replace("\n", line_end).encode())
    (page,) = load(path, name="a.srt").pages
    assert page.text == (
        "## 00:00:01\n\nToday we look at clay, which holds four times as much water.\n\n"
        "## 00:01:03\n\nIt is heavy.\n\n## 00:02:10\n\nLime is added."
    )


def test_who_speaks_is_said(tmp_path: Path) -> None:
    assert read(tmp_path / "a.vtt", VTT) == (
        "## 00:00:00\n\nHost: When & how?\n\nIlse Brandt: In 1987, with a loan."
    )


def test_an_hour_has_sixty_minutes(tmp_path: Path) -> None:
    text = "WEBVTT\n\n01:02:03.000 --> 01:02:04.000\nHello.\n"
    assert read(tmp_path / "a.vtt", text) == "## 01:02:03\n\nHello."


@pytest.mark.parametrize("text", ["<v " * 100_000, "00:00.000 --> \n" * 20_000, "a\n" * 100_000])
def test_it_takes_linear_time(tmp_path: Path, text: str) -> None:
    started = time.monotonic()
    read(tmp_path / "a.vtt", f"WEBVTT\n\n00:00.000 --> 00:01.000\nx\n{text}")
    assert time.monotonic() - started < 5
