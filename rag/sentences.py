"""Text -> the spans of its sentences and clauses. Pure; offsets are Python string indices.

Made for text that came out of files: hard-wrapped lines, bullet lists, table rows, headings. It
never changes a character, so that every span is verbatim. Abbreviations are known for English,
German, French and Spanish, and numbers with a full stop that mean "the third" for the languages
that write them so.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import pairwise

from ingest.heading_lines import states_something
from rag.function_words import is_german_function_word, language_of
from rag.terms import STOP_WORDS

_ABBREVIATION_LIST = """
    mr mrs ms dr prof st sr jr vs etc e.g i.e cf al fig figs no nos vol pp p ch sec art inc ltd
    co corp dept est approx ca u.s u.k u.n e.u a.m p.m jan feb mar apr jun jul aug sep sept oct
    nov dec gen col lt sgt capt rev hon pres gov sen rep ph.d d.c
    nr nrn abs ziff bzw vgl ggf evtl inkl zzgl bspw sog geb tel hr fr mwst mind max
    mme mlle réf tél av bd
    sra srta núm pág avda dña ud uds
"""
_ABBREVIATIONS = frozenset(_ABBREVIATION_LIST.split())
# A Latin full stop ends a sentence only before white space; a CJK one always does. It is looked for
# at the first of several only: of a long row of dots each would look at all that follow.
_TERMINATOR = re.compile(r"(?<![.!?…])[.!?…]+[\"'”’)\]]*(?=\s|$)|[。！？｡؟।॥]+[」』”’)]*")
_LINE_START = re.compile(r"[ \t]*(?:[-*•‣◦▪·–—|#>]|\(?\d{1,3}[.)](?!\d)|\(?[a-zA-Z][.)]\s)")
# Before a message of a chat: "[12/03/2024, 10:11] Ana: ...", "12.03.24, 10:11 - Ana: ...".
TIMESTAMP = re.compile(r"[ \t]*\[?\d{1,4}[./-]\d{1,2}[./-]\d{1,4},? \d{1,2}:\d\d(?::\d\d)?[^\w\n]+")
_LINE = re.compile(r"(?<=\n)[^\S\n]*\S[^\n]*")
_FIGURE = re.compile(r"\d+(?:[.,]\d+)*")
_ENUMERATOR = re.compile(r"^\s*(?:[-*•#>]+\s+|\(?\d{1,3}(?:\.\d{1,3})*[.)]?\s+(?=\D))")
_CLAUSE_BREAK = re.compile(
    r"[;:](?=\s)|,(?=\s)|\s[–—-]\s|[，；：、]|\s(?=and\b|but\b|while\b|whereas\b)"
)
# "7.2 Termination." stands before the sentences of its paragraph, and is none of them.
_RUN_IN = re.compile(
    r"[ \t]*(?:§ ?)?\d{1,2}(?:\.\d{1,2}){1,3}[.)]?[ \t]+([^\W\d_]\w*(?: \w+){0,5})\."
)
_ORDINAL = re.compile(r"\d{1,2}")
_OPENING_ORDINAL = re.compile(r"[ \t]*(\d{1,2})\.(?=\s)")
_WORD_AFTER = re.compile(r"\s*([^\W\d_]+)")
_WORDS_BEFORE = re.compile(r"\S+")
# As they are written in dates: "24. Dezember", "24. prosince", "24. joulukuuta".
_MONTH_LIST = """
    januar jänner januari januára januara ledna siječnja stycznia tammikuuta
    februar feber februari februára februarja unora února veljače lutego helmikuuta
    märz marts maart marec marca března ožujka maaliskuuta
    apríla aprila dubna travnja kwietnia huhtikuuta
    mája května svibnja toukokuuta
    juni júna června lipnja czerwca kesäkuuta
    júla července srpnja lipca heinäkuuta
    augusti augusta avgusta srpna kolovoza sierpnia elokuuta
    septembra září rujna września syyskuuta
    oktober oktobra októbra října listopada października lokakuuta
    novembra listopadu studenoga marraskuuta
    dezember desember decembra prosince prosinca grudnia joulukuuta
"""
_MONTHS = frozenset(_MONTH_LIST.split())
# Those that are English too, or somebody's name: the words around them tell.
_DOUBTFUL_LIST = "jan mars mart april mai maj juli jun august september november december"
_DOUBTFUL_MONTHS = frozenset(_DOUBTFUL_LIST.split())
# Before a number and a noun: "am 3. Werktag", "jeden 1. Sonntag". None of them is English but
# "am" and "die", which English has before no number: but for "I am 24."
_BEFORE_ORDINAL_LIST = """
    am im zum zur vom beim ab seit bis der die das den dem des jeden jede jedes jeder jedem
    dieser diese dieses diesem diesen ihr ihre ihren ihrem ihrer
"""
_BEFORE_ORDINALS = frozenset(_BEFORE_ORDINAL_LIST.split())
_JOINING = frozenset(["und", "oder", "bzw.", "bis", "sowie", "/", "-", "–", "—", "&"])
# Nouns that follow ordinals and are German alone: "Hauptstraße 5, 2. Stockwerk".
_COUNTED_NOUN_LIST = """
    stockwerk obergeschoss untergeschoss og ug etage quartal halbjahr auflage werktag lebensjahr
    geburtstag jahrhundert
"""
_COUNTED_NOUNS = frozenset(_COUNTED_NOUN_LIST.split())
_NEAR = 200  # characters before a number whose words tell what language it is in
# A line clearly shorter than the widest one ended on purpose: a heading, a page header, a list
# item. Ragged-right prose varies by less.
_SHORT_LINE = 0.8


@dataclass(frozen=True, slots=True)
class Span:
    """A half-open range [start, end) of a text; never empty, no white space at its ends."""

    start: int
    end: int


def trimmed(text: str, start: int, end: int) -> Span | None:
    """The span without white space at its ends, or None when nothing is left."""
    while start < end and text[start].isspace():
        start += 1
    while end > start and text[end - 1].isspace():
        end -= 1
    return Span(start, end) if start < end else None


def sentence_spans(text: str) -> list[Span]:
    """The sentences of a text in order; a list item, a table row and a heading count as one.

    The spans are disjoint and hold every character that is not white space.
    """
    spans: list[Span] = []
    for block_start, block_end in _blocks(text):
        cuts = [block_start]
        cuts += [
            match.end()
            for match in _TERMINATOR.finditer(text, block_start, block_end)
            if _ends_sentence(text, match, block_start, block_end)
        ]
        cuts.append(block_end)
        for start, end in pairwise(cuts):
            if span := trimmed(text, start, end):
                spans += _lines_of_fragment(text, span)
    return spans


def _lines_of_fragment(text: str, span: Span) -> list[Span]:
    """The span; where it does not end like a sentence, cut before lines that open like one.

    Page headers, captions and rows of figures stand on lines of their own without full stops.
    """
    ends = _TERMINATOR.search(text[max(0, span.end - 2) : span.end])  # alone: of "..." the last two
    if ends or "\n" not in text[span.start : span.end]:
        return [span]
    cuts = [span.start]
    for match in _LINE.finditer(text, span.start, span.end):
        if not match.group().lstrip()[0].islower() or len(_FIGURE.findall(match.group())) > 1:
            cuts.append(match.start())
    lines = (trimmed(text, start, end) for start, end in pairwise([*cuts, span.end]))
    return [line for line in lines if line]


def clause_spans(text: str, sentence: Span) -> list[Span]:
    """The clauses of one sentence in order: split at ; : , dashes and conjunctions.

    They cover the sentence up to white space; punctuation stays with the clause before it.
    """
    cuts = [sentence.start]
    cuts += [m.end() for m in _CLAUSE_BREAK.finditer(text, sentence.start, sentence.end)]
    cuts.append(sentence.end)
    spans = (trimmed(text, a, b) for a, b in pairwise(cuts))
    return [span for span in spans if span]


def opens_item(text: str, position: int) -> bool:
    """Whether a list item (bullet, number, letter) begins at this offset."""
    match = _LINE_START.match(text, position)
    return match is not None and match.group().strip() not in ("|", "#", ">")


def without_enumerator(line: str) -> str:
    """A line without the bullet or section number that it opens with."""
    return _ENUMERATOR.sub("", line)


def is_row(line: str) -> bool:
    """Whether a line is a table's row as our loaders write it: cells with bars between."""
    return line.lstrip().startswith("|") or " | " in line


def _blocks(text: str) -> list[tuple[int, int]]:
    """Runs of lines that may hold a sentence together: cut at blank lines, items and rows."""
    lines: list[tuple[int, int]] = []
    position = 0
    for line in text.splitlines(keepends=True):
        lines.append((position, position + len(line)))
        position += len(line)
    widest = max((end - start for start, end in lines), default=0)
    blocks: list[tuple[int, int]] = []
    for i, (start, end) in enumerate(lines):
        if i == 0 or _starts_block(text, lines[i - 1], (start, end), widest):
            blocks.append((start, end))
        else:
            blocks[-1] = (blocks[-1][0], end)
    return blocks


def _starts_block(text: str, before: tuple[int, int], line: tuple[int, int], widest: int) -> bool:
    previous, current = text[slice(*before)], text[slice(*line)]
    if not previous.strip() or not current.strip():
        return True
    if _goes_on_with_ordinal(text, line):
        return False
    if (
        TIMESTAMP.match(current)
        or _LINE_START.match(current)
        or previous.lstrip().startswith(("|", "#"))
    ):
        return True
    if is_row(previous) or is_row(current):
        return True
    stripped = previous.rstrip()
    ended_on_purpose = len(stripped) < _SHORT_LINE * widest and stripped[-1] not in ",;-–"
    return ended_on_purpose and not current.lstrip()[0].islower()


def _ends_sentence(text: str, match: re.Match[str], block_start: int, block_end: int) -> bool:
    if match.group()[0] != ".":
        return True
    word_start = match.start()
    while word_start > block_start and not text[word_start - 1].isspace():
        word_start -= 1
    word = text[word_start : match.start()].lstrip("(\"'“‘[").casefold()
    following = text[match.end() : block_end].lstrip()
    if not following:
        return True
    is_enumerator = re.fullmatch(r"[-*•]|\d{1,3}(?:\.\d{1,3})*|[a-z]", word)
    if is_enumerator and not text[block_start:word_start].strip("#>*-• \t\n"):
        return False  # "1.", "## 2.1." or "a." opens a list item or a heading
    line_start = max(block_start, text.rfind("\n", 0, word_start) + 1)
    run_in = _RUN_IN.fullmatch(text, line_start, match.end())
    if run_in is not None and not states_something(run_in.group(1)):
        return "\n" in text[match.end() : match.end() + 2]
    if word in _ABBREVIATIONS or re.fullmatch(r"[a-z](\.[a-z])*", word):
        # "U.S. The" may end a sentence, "Dr. Smith" and "J. Smith" do not; keeping them together
        # costs a longer quote, cutting them costs a broken one.
        return False
    if _ORDINAL.fullmatch(word) and _is_ordinal(text, word_start, match.end(), block_start):
        return False
    return not following[0].islower()


def _is_ordinal(text: str, start: int, end: int, block_start: int) -> bool:
    """Whether a number of one or two digits and its full stop mean "the third".

    By a month's name after it, or by a word before it that only such a number follows. It is in
    doubt: a sentence that is not cut costs a longer quote, and a date that is cut says nothing.
    """
    after = _WORD_AFTER.match(text, end)
    if after is None:
        return False
    following = after.group(1).casefold()
    if following in _MONTHS or following in _COUNTED_NOUNS:
        return True
    before = _WORDS_BEFORE.findall(text, max(block_start, start - _NEAR), start)
    last = before[-1].strip("(\"'“„‘[").casefold() if before else ""
    if last in _JOINING and len(before) > 1 and _ends_date(before[-2]):
        is_after_one = True  # "am 1. und 3. Samstag", "1. April – 30. September"
    else:
        is_i_am = last == "am" and len(before) > 1 and before[-2].casefold() == "i"
        is_after_one = last in _BEFORE_ORDINALS and not is_i_am
    if following in _DOUBTFUL_MONTHS:
        return is_after_one or language_of(text[max(block_start, start - _NEAR) : end]) == "German"
    return is_after_one and not (following in STOP_WORDS or is_german_function_word(following))


def _ends_date(word: str) -> bool:
    """Whether a word is an ordinal, or the month after one."""
    plain = word.rstrip(".,").casefold()
    is_number = word.rstrip(",").endswith(".") and _ORDINAL.fullmatch(plain)
    return bool(is_number) or plain in _MONTHS or plain in _DOUBTFUL_MONTHS


def _goes_on_with_ordinal(text: str, line: tuple[int, int]) -> bool:
    """Whether a line opens with the number of a date that the line before it leads to."""
    number = _OPENING_ORDINAL.match(text, *line)
    if number is None:
        return False
    before = _WORDS_BEFORE.findall(text, max(0, line[0] - _NEAR), line[0])
    leads = bool(before) and before[-1].casefold() in _BEFORE_ORDINALS | _JOINING
    return leads and _is_ordinal(text, number.start(1), number.end(), max(0, line[0] - _NEAR))
