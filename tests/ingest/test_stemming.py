"""Stems, from one thread and from many."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
import snowballstemmer

from ingest.stemming import stem

WORDS = [
    f"{beginning}{end}"
    for beginning in ("nation", "hope", "communic", "generaliz", "adjust", "bridg", "turbin")
    for end in ("ational", "fulness", "ations", "ement", "ing", "edly", "s", "iveness", "")
]


@pytest.fixture
def threads_take_turns_often() -> Iterator[None]:
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(interval)


def test_a_stem_is_snowballs() -> None:
    assert stem("turbines", "english") == "turbin"
    assert stem("brücken", "german") == "bruck"
    assert stem("s", "english") == "s"


@pytest.mark.usefixtures("threads_take_turns_often")
def test_threads_do_not_disturb_each_other() -> None:
    """Two questions at once shared a stemmer: an IndexError, or a wrong stem that was then kept."""
    oracle = snowballstemmer.stemmer("english")
    expected = [oracle.stemWord(word) for word in WORDS]
    with ThreadPoolExecutor(8) as pool:
        for found in pool.map(lambda _: [stem(word, "english") for word in WORDS], range(200)):
            assert found == expected
