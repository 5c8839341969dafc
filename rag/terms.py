"""Text -> the terms that decide whether two texts speak of the same thing.

Pure and model-free. A term is a stemmed content word, a normalised number, or a pair of adjacent
characters in scripts that are written without spaces. It knows nothing of passages or answers.
Function words are known for English only; in other languages they count as content words, which
makes comparisons stricter, never looser.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise, takewhile

from ingest.keywords import UNSPACED
from ingest.stemming import stem

# Function words, and words that questions and answers add without meaning anything to a document.
_STOP_WORDS = """
    a about above after again against all also am an and any are as at be because been before
    being below between both but by can could did do does doing down during each few for from
    further had has have having he her here hers him his how i if in into is it its itself just
    me more most my no nor not now of off on once only or other our out over own same she should
    so some such than that the their theirs them then there these they this those through to too
    under until up us very was we were what when where which while who whom whose why will with
    would you your yours according answer document documents passage passages please say says
    tell text mentioned stated may might must shall
    whats whos wheres whens hows thats theres im ive youre youve theyre
    cant dont doesnt didnt isnt arent wasnt werent hasnt havent hadnt couldnt shouldnt wouldnt wont
"""
STOP_WORDS = frozenset(_STOP_WORDS.split())
_OPENS_SENTENCE = re.compile(r"(?:^|[.!?:;\n\"“(])\W*$")
_DAY_BEFORE = re.compile(r"\d(?:\.|st|nd|rd|th)? $")
_DAY_BEHIND = re.compile(r",? \d")

_UNITS = """zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen
    fifteen sixteen seventeen eighteen nineteen"""
_TENS = "twenty thirty forty fifty sixty seventy eighty ninety"
NUMBER_WORDS = {word: str(value) for value, word in enumerate(_UNITS.split())} | {
    word: str(10 * value) for value, word in enumerate(_TENS.split(), start=2)
}
# How many a word or a letter behind a figure stands for.
SCALES = {
    "thousand": 1e3, "k": 1e3, "million": 1e6, "mn": 1e6, "m": 1e6,
    "billion": 1e9, "bn": 1e9, "b": 1e9, "trillion": 1e12,
}  # fmt: skip

_TOKEN = re.compile(
    rf"(?P<code>[A-Za-z]{{1,3}}-?\d+[A-Za-z\d]*)|"
    rf"(?P<number>\d+(?:[.,\u00a0\u202f']\d+)*)|(?P<unspaced>[{UNSPACED}]+)|"
    rf"(?P<word>[^\W\d_{UNSPACED}]+(?:['’][^\W\d_]+)?)"
)
_UNSPACED_RUN = re.compile(rf"[{UNSPACED}]+")
_CODE = re.compile(r"[a-z]{1,3}\d+[a-z\d]*")
_PERIODS = frozenset({"q", "h", "fy", "cy"})
_THOUSANDS = re.compile(
    r"^\d{1,3}(?:([,\u00a0\u202f'])\d{3}(?:\1\d{3})*(?:[.,]\d+)?"
    r"|(\.)\d{3}(?:(?:\.\d{3})+(?:[.,]\d+)?|,\d+))$"
)


@dataclass(frozen=True, slots=True)
class Word:
    """A token of a text. term: its normalised form. start, end: offsets in the text."""

    term: str
    start: int
    end: int
    is_number: bool
    is_stop_word: bool


@lru_cache(maxsize=65536)
def normal_form(word: str) -> str:
    """Case, accents, possessives and English inflection removed; never empty for a word."""
    decomposed = unicodedata.normalize("NFKD", word).casefold()
    bare = "".join(c for c in decomposed if not unicodedata.combining(c)) or word.casefold()
    bare = re.sub(r"['’](s|re|ve|ll|d|m|t)?$", "", bare) or bare
    return stem(bare, "english")


@lru_cache(maxsize=65536)
def normal_number(text: str) -> str:
    """One spelling for a number: "1,200.50", "1 200.5" and "1200.50" are the same.

    "1.200.000" and "1.200,50" have thousands, "1.200" has decimals: one point alone is read the
    English way.
    """
    plain = unicodedata.normalize("NFKC", text)
    if match := _THOUSANDS.match(text):
        separator = match.group(1) or match.group(2)
        plain = plain.replace(unicodedata.normalize("NFKC", separator), "")
    plain = re.sub(r"[^\d.]", ".", plain)
    if plain.count(".") > 1:  # a date or a section number: keep its shape
        return plain
    whole, _, decimals = plain.partition(".")
    whole = whole.lstrip("0") or "0"
    decimals = decimals.rstrip("0")
    return f"{whole}.{decimals}" if decimals else whole


def words(text: str) -> Iterator[Word]:
    """Every token of the text in order, stop words included and marked."""
    for match in _TOKEN.finditer(text):
        start, end = match.span()
        token = match.group()
        if match.lastgroup == "number":
            yield Word(normal_number(token), start, end, is_number=True, is_stop_word=False)
        elif match.lastgroup == "code":  # "E08", "T-20", "CO2": one name, not a word and a number
            code = token.casefold().replace("-", "")
            yield Word(code, start, end, is_number=False, is_stop_word=False)
        elif match.lastgroup == "unspaced":
            yield from _character_pairs(token, start)
        else:
            plain = token.casefold()
            if plain in NUMBER_WORDS:
                yield Word(NUMBER_WORDS[plain], start, end, is_number=False, is_stop_word=False)
            else:
                stop = re.sub(r"(?:n['’]t|['’].*)$", "", plain) in STOP_WORDS and not (
                    plain == "may" and _is_month(text, start, end)
                )
                yield Word(normal_form(token), start, end, is_number=False, is_stop_word=stop)


def _is_month(text: str, start: int, end: int) -> bool:
    """Whether a "may" is the month: with a capital inside a sentence, or beside a number."""
    if not text[start].isupper():
        return False
    before = text[max(0, start - 5) : start]
    is_dated = _DAY_BEFORE.search(before) or _DAY_BEHIND.match(text, end)
    return bool(is_dated) or _OPENS_SENTENCE.search(before) is None


def _character_pairs(run: str, offset: int) -> Iterator[Word]:
    if len(run) == 1:
        yield Word(run, offset, offset + 1, is_number=False, is_stop_word=False)
    for i in range(len(run) - 1):
        yield Word(run[i : i + 2], offset + i, offset + i + 2, is_number=False, is_stop_word=False)


@lru_cache(maxsize=16384)
def content_terms(text: str) -> frozenset[str]:
    """The terms of a text that carry meaning."""
    return frozenset(word.term for word in words(text) if not word.is_stop_word)


@lru_cache(maxsize=16384)
def term_pairs(text: str) -> frozenset[tuple[str, str]]:
    """Each two content terms that follow one another, function words between them left out."""
    found = [word.term for word in words(text) if not word.is_stop_word]
    return frozenset(pairwise(found))


@lru_cache(maxsize=16384)
def number_terms(text: str) -> frozenset[str]:
    """The numbers written in digits, in normal form."""
    return frozenset(word.term for word in words(text) if word.is_number)


@lru_cache(maxsize=16384)
def figure_terms(text: str) -> frozenset[str]:
    """The numbers of a text, in digits or spelled; a spelled one is left out ("one of them")."""
    spelled = {
        word.term
        for word in words(text)
        if word.term.isdigit() and not word.is_number and word.term.lstrip("0") not in ("", "1")
    }
    return number_terms(text) | spelled


def is_unspaced(text: str) -> bool:
    """Whether most letters of a text are of a script that is written without spaces."""
    letters = sum(character.isalpha() for character in text)
    return 2 * sum(map(len, _UNSPACED_RUN.findall(text))) > letters > 0


def is_code(term: str) -> bool:
    """Whether a term is a code such as "e08" or "t20": letters, then digits."""
    return bool(_CODE.fullmatch(term))


def other_codes(asked: Iterable[str], said: Iterable[str]) -> frozenset[str]:
    """The asked codes that are not said where others of their kind are: "g2" where "g1" is.

    Quarters and years are none, for they have other names: "Q2" is "the second quarter".
    """
    said = frozenset(said)
    kinds = {_kind_of_code(term) for term in said if is_code(term)} - _PERIODS
    return frozenset(
        term
        for term in asked
        if is_code(term) and term not in said and _kind_of_code(term) in kinds
    )


def _kind_of_code(term: str) -> str:
    return "".join(takewhile(str.isalpha, term))


# Alternatives of a pattern; forms in n't are left to who uses it.
NEGATIONS = "not|never|no|none|nobody|nothing|neither|nor|without|cannot"
_NEGATION = re.compile(rf"\b(?:{NEGATIONS}|\w+n['’]t)\b", re.IGNORECASE)
_OPENING_NO = re.compile(r"^\W*no\b[,.:;]?", re.IGNORECASE)


def is_negated(text: str) -> bool:
    """Whether a text denies something, in English; an opening "No," is not counted."""
    return bool(_NEGATION.search(_OPENING_NO.sub("", text)))


@lru_cache(maxsize=16384)
def name_terms(text: str) -> frozenset[str]:
    """Words that are written as names: capitals inside a sentence, acronyms, mixed case.

    The first word of a text is not taken, since every first word has a capital, unless more than
    its first letter is a capital ("NATO") or the next word has one too ("Marie Curie").
    """
    found: set[str] = set()
    latin = [
        (word, text[word.start : word.end])
        for word in words(text)
        if not word.is_number and not word.is_stop_word
    ]
    opening = re.compile(r"(^|[.!?:;\n\"“(\[|-])\s*$")
    for i, (word, surface) in enumerate(latin):
        if not surface[:1].isupper():
            continue
        inner_capital = any(c.isupper() or c.isdigit() for c in surface[1:])
        opens = bool(opening.search(text[max(0, word.start - 4) : word.start]))
        if opens and not inner_capital:
            following = latin[i + 1] if i + 1 < len(latin) else None
            joined = following is not None and following[0].start == word.end + 1
            if not (joined and following is not None and following[1][:1].isupper()):
                continue
        found.add(word.term)
    return frozenset(found)
