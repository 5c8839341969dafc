"""Words without their inflection, by the Snowball algorithms (snowballstem.org)."""

from __future__ import annotations

import threading

import snowballstemmer

_of_thread = threading.local()


def stem(word: str, language: str) -> str:
    """The stem of a lower-case word; never empty. language: as Snowball names it, "english".

    A stemmer keeps the word that it works on in itself, so every thread has its own.
    """
    stemmers: dict[str, snowballstemmer.stemmer] = _of_thread.__dict__
    if language not in stemmers:
        stemmers[language] = snowballstemmer.stemmer(language)
    return str(stemmers[language].stemWord(word)) or word
