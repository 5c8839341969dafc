"""The lines of a letter that belong together: a signature, and a name with its address. Pure.

"Maria Feldmann", "Head of Customer Care" and "Brightwater plc" stand on lines of their own, and
none of them says alone that she signed, or as what. English, German, French and Spanish.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from rag.sentences import Span
from rag.terms import content_terms

_LONGEST_LINE = 80
_MOST_LINES = 6
_CLOSING = re.compile(
    r"(?:Yours (?:sincerely|faithfully|truly)|Sincerely(?: yours)?"
    r"|(?:With )?(?:(?:kind|best|warm)(?:est)? )?(?:regards|wishes)"
    r"|Mit (?:freundlichen|besten|herzlichen) Grüßen|Hochachtungsvoll"
    r"|(?:(?:Bien|Très) )?cordialement|Atentamente|Un (?:cordial )?saludo|Saludos(?: cordiales)?"
    r")[,.!]?",
    re.IGNORECASE,
)
_ADDRESS = re.compile(
    r"\d{1,4}[a-z]?,? (?:[A-Z][\w'’.-]* ){1,3}(?:Street|St|Road|Rd|Avenue|Ave|Lane|Close|Drive|Way"
    r"|Court|Square|Place|Terrace|Quay|Gardens|Hill|Row|Crescent|Boulevard|Blvd)\b\.?"
    r"|\w+(?:straße|strasse|str\.|weg|allee|platz|gasse|ring|ufer) \d{1,4}\b"
    r"|\d{1,4},? (?:bis |ter )?(?:rue|avenue|place|boulevard|quai|chemin) \w"
    r"|(?:Calle|Avenida|Plaza|Paseo) \w[^\n]*\d"
)
# What the lines say that none of them does.
_OF_SIGNATURES = content_terms(
    "signed signature wrote position role title job"
    " unterschrieben geschrieben signé écrit firmado escrito"
)
_OF_ADDRESSES = content_terms("address located lives Anschrift Adresse adresse dirección")


@dataclass(frozen=True, slots=True)
class Block:
    """Lines that belong together, up to an offset. carried: terms that their reader has in mind."""

    end: int
    carried: frozenset[str]


def block_of_lines(text: str, lines: Sequence[Span]) -> Block | None:
    """What a line of a passage begins, if that is a signature or an address with its name.

    lines: it and those below it that end like no sentence, as it itself may.
    """
    texts = [text[line.start : line.end] for line in lines[:_MOST_LINES]]
    short = next((i for i, t in enumerate(texts) if len(t) > _LONGEST_LINE), len(texts))
    if short > 1 and _CLOSING.fullmatch(texts[0]):
        return Block(lines[short - 1].end, _OF_SIGNATURES)
    if texts[0].endswith((".", "!", "?", ":")) or not _begins_paragraph(text, lines[0].start):
        return None
    for index in range(1, short):
        if _is_apart(text[lines[index - 1].end : lines[index].start]):
            short = index
            break
    if any(_ADDRESS.match(line) for line in texts[1:short]):
        return Block(lines[short - 1].end, _OF_ADDRESSES)
    return None


def _begins_paragraph(text: str, start: int) -> bool:
    before = text[max(0, start - _LONGEST_LINE) : start]
    return start == 0 or _is_apart(before[len(before.rstrip()) :])


def _is_apart(space: str) -> bool:
    return space.count("\n") > 1
