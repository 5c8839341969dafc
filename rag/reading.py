"""How a model of a given strength is used: what it is shown, and how far its words are trusted.

Pure. A model of a hundred million parameters finds the right sentence among passages in one case
of four, but words a sentence it is given well; a model of a billion and more does both. Measured
on SQuAD2 dev with SmolLM2-135M (30 to 40 questions, gold answer in the text shown): its drafts
from three whole passages .23, from the best sentence alone .50; the draft where it keeps at least
0.4 of what the sentence says, else the sentence itself: .90, with a seventh of the prompt.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from rag.evidence import Evidence
from rag.extracts import Extract
from rag.results import Hit

_SMALL_READER_PARAMETERS = 400_000_000
_MEDIUM_READER_PARAMETERS = 3_000_000_000


@dataclass(frozen=True, slots=True)
class Focus:
    """What of the passages is taken: the sentences that fit the question best.

    margin: how much less than the best one they may fit. most: how many they are.
    neighbours: so many sentences before and after each of them are taken too.
    """

    margin: float
    most: int
    neighbours: int = 0


@dataclass(frozen=True, slots=True)
class Reading:
    """How a model is used. Fits are `rag.extracts.Extract.fit`.

    focus: what of the passages the model is shown; None: all.
    reads: it can judge whether a sentence states the answer, and pick the few words that do.
    least_confidence: refuse, undrafted, when it is less likely than this that the passages answer.
    writes: its draft may be the answer; where not, the sentences that fit best are.
    draft_fit: a draft must rest on a sentence that fits the question this well; one that does not
        is true of the documents but answers something else.
    refusal_fit: the model's "I do not know" is not believed when a sentence fits this well.
    quote_fit: least fit of a sentence that is quoted, in place of a draft or beside it.
    quotes: what is quoted of the best sentence's passage, the draft's own sentence counted.
    value_fit: least fit of a sentence that a field of a structured answer rests on.
    """

    focus: Focus | None = None
    reads: bool = False
    least_confidence: float = 0.0
    writes: bool = True
    draft_fit: float = 0.6
    refusal_fit: float = math.inf
    quote_fit: float = 1.2
    quotes: Focus = Focus(margin=0.0, most=1)
    value_fit: float = 0.8


# Fits, measured with MiniLM, 5 passages: share of questions whose best sentence reaches it.
#           questions of bench/questions    SQuAD2 dev              ClapNQ dev
#           about the samples: answerable
#           and others                      answerable, others      answerable, others
#   0.60    .92 .70                         .99 .94                 .99 .73
#   0.80    .79 .53                         .95 .88                 .98 .62
#   1.00    .66 .40                         .88 .74                 .95 .54
#   1.20    .52 .25                         .77 .62                 .87 .38
# (SQuAD2's unanswerable questions were written to look answerable.) Most of the deciding is left to
# the confidence.
# Quoted of the best passage where more than a fact is asked for, ClapNQ dev, cited sentences that
# are gold, precision / recall, by the fits of before: the best sentence alone .69 / .27; up to four
# within .4, .6, .8 of its fit .65 / .39, .63 / .41, .62 / .43; for every question, within .3, .62 /
# .41. It is three within .4: of the sample lease, the further ones were about something else.
# Its drafts are no answers: of 23 of SmolLM2-135M that their sentences seemed to support, nine said
# something else (docs/decisions.md).
SMALL_READER = Reading(
    focus=Focus(margin=0.05, most=3),
    least_confidence=0.45,
    writes=False,
    refusal_fit=0.6,
    quote_fit=0.6,
    quotes=Focus(margin=0.4, most=3),
    value_fit=0.9,
)
# Qwen2.5-Coder-1.5B, 30 answerable and 15 unanswerable questions of SQuAD2: gold in the answer
# .70 -> .80 and balanced refusal .53 -> .68 against believing its refusals and every supported
# draft; it says "do not say" as often where the passage does (.10) as where it does not (.07). The
# least confidence: docs/decisions.md, "The least confidence of a medium model is .47".
MEDIUM_READER = Reading(
    focus=Focus(margin=0.6, most=5),
    reads=True,
    least_confidence=0.47,
    refusal_fit=1.35,
    quotes=Focus(margin=0.4, most=3),
)
# Larger models were not measured; their refusals are believed. They are shown excerpts: of what
# answers the chunking set's questions, five passages have .937 and excerpts of them .918, at an IoU
# of .148 instead of .057 (docs/decisions.md).
LARGE_READER = Reading(focus=Focus(margin=0.5, most=12, neighbours=3))


def reading_for(parameters: int, *, keeps_passages: bool = False) -> Reading:
    """How to use a model of this many parameters; 0, not known, counts as many.

    keeps_passages: whole passages cost little (passage blocks), so who can read them is shown them.
    """
    if 0 < parameters < _SMALL_READER_PARAMETERS:
        return SMALL_READER
    is_medium = 0 < parameters < _MEDIUM_READER_PARAMETERS
    reading = MEDIUM_READER if is_medium else LARGE_READER
    return replace(reading, focus=None) if keeps_passages else reading


def focused(evidence: Evidence, extracts: Sequence[Extract], focus: Focus) -> list[Hit]:
    """The passages cut down to what fits best, best first; still verbatim spans of their pages.

    extracts: of this evidence, best first. Without any, the passages as they are.
    """
    if not extracts:
        return list(evidence.passages)
    least = extracts[0].fit - focus.margin
    chosen = [extract.quote for extract in extracts[: focus.most] if extract.fit >= least]
    shown: list[Hit] = []
    for passage in dict.fromkeys(quote.passage for quote in chosen):
        hit = evidence.passages[passage]
        sentences = evidence.sentences[passage]
        kept: set[int] = set()
        for quote in chosen:
            if quote.passage != passage:
                continue
            start, end = quote.start - hit.start, quote.end - hit.start
            touched = [i for i, s in enumerate(sentences) if s.start < end and start < s.end]
            kept |= {
                index
                for index in range(
                    touched[0] - focus.neighbours, touched[-1] + focus.neighbours + 1
                )
                if 0 <= index < len(sentences)
            }
        for run in _runs(sorted(kept)):
            first, last = sentences[run[0]].start, sentences[run[-1]].end
            shown.append(
                replace(
                    hit,
                    start=hit.start + first,
                    end=hit.start + last,
                    text=hit.text[first:last],
                )
            )
    return shown


def _runs(numbers: Sequence[int]) -> list[list[int]]:
    """Ascending numbers, parted where one is left out."""
    runs: list[list[int]] = []
    for number in numbers:
        if runs and number == runs[-1][-1] + 1:
            runs[-1].append(number)
        else:
            runs.append([number])
    return runs
