"""Signs that a question asks for something else than a sentence says. Pure.

"What is not insured?" has no answer in a sentence that denies nothing, "the smallest" none in one
about the largest, 1987 none where no passage knows that year, and the G2 none in one about the G1.
Neither cosines nor a model of some billion weights see this reliably, and rules do. Of SQuAD2's
development half, each question with the sentence of its answer, or of the one that looks plausible
(docs/decisions.md):

                                     answerable (1,235)   not (1,243)
    it denies, the sentence does not        .001             .134
    it has the opposite word                .002             .038
    its year is in no passage               .000             .027

The first is found in German, French and Spanish too, the second in English only. In other languages
than English, what is no price, time or weight answers no question for one.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from rag.function_words import language_of
from rag.question_kind import lacks_unit
from rag.terms import NEGATIONS, content_terms, figure_terms, other_codes

# Log-odds against an answer: less than the logarithms of those ratios (5.1, 3.2 and more), for
# questions that nobody made up to mislead are seldom of this sort.
_DENIED = 3.0
_OPPOSITE = 2.0
_OTHER_YEAR = 2.0
_OTHER_CODE = 2.0  # by analogy: no set has enough of them
_OTHER_UNIT = 2.0  # by analogy as well


@dataclass(frozen=True, slots=True)
class _Denials:
    """How a language denies. asks: what asks for a thing; in_question, in_sentence: what denies.

    clause_break: what ends a clause. "What happens if it does not start?" denies nothing of what is
    asked for.
    """

    asks: re.Pattern[str]
    in_question: re.Pattern[str]
    clause_break: re.Pattern[str]
    in_sentence: re.Pattern[str]


_ENGLISH = _Denials(
    asks=re.compile(r"\b(?:what|which|who|whom|whose|where|when|how)\b", re.IGNORECASE),
    in_question=re.compile(
        r"n['’]t\b|\b(?:not|never|no longer|neither|nobody|except|cannot)\b", re.IGNORECASE
    ),
    clause_break=re.compile(
        r"[.?!;(,]|\b(?:if|unless|because|while|although|though)\b", re.IGNORECASE
    ),
    in_sentence=re.compile(
        rf"n['’]t\b|\b(?:{NEGATIONS}|except\w*"
        r"|exclud\w+|exclusive\w*|fail\w*|refus\w+|reject\w*|den(?:y|ied|ies)|lack\w*|unable"
        r"|prevent\w*|forb[ia]d\w*|prohibit\w*|bann?\w*|instead"
        r"|rather|only|unlike|hardly|rarely)\b",
        re.IGNORECASE,
    ),
)
_OTHERS = {
    "German": _Denials(
        asks=re.compile(r"\b(?:was|welche\w?|wer|wen|wem|wessen|wo|wann|wie)\b", re.IGNORECASE),
        in_question=re.compile(r"\b(?:nicht|nie|niemals|niemand|keine?\w?|außer)\b", re.IGNORECASE),
        clause_break=re.compile(r"[.?!;(,]"),
        in_sentence=re.compile(
            r"\b(?:nicht\w*|nie|niemals|niemand|nichts|keine?\w?|weder|noch|ohne|außer|ausgenommen"
            r"|ausgeschlossen\w*|ausnahmen?|entfäll\w*|verboten\w*|untersag\w*|abgelehnt\w*|statt"
            r"|verweiger\w*|nur|lediglich|kaum|selten|un\w+lich|frei|befreit)\b",
            re.IGNORECASE,
        ),
    ),
    "French": _Denials(
        asks=re.compile(r"\b(?:que|qu|quel\w*|qui|quoi|où|quand|comment|combien)\b", re.IGNORECASE),
        in_question=re.compile(
            r"\b(?:ne|n['’]\w+)\b.*\b(?:pas|plus|jamais|rien|aucune?|personne)\b|\bsauf\b",
            re.IGNORECASE,
        ),
        clause_break=re.compile(r"[.?!;(,]|\b(?:si|parce que|lorsque)\b", re.IGNORECASE),
        in_sentence=re.compile(
            r"\b(?:ne|n['’]\w+|pas|aucune?|jamais|rien|personne|ni|sans"
            r"|sauf|hors|exclu\w*|excepté\w*"
            r"|exception|interdi\w*|refus\w*|rejet\w*|seul\w*|uniquement|exempt\w*|plutôt)\b",
            re.IGNORECASE,
        ),
    ),
    "Spanish": _Denials(
        asks=re.compile(
            r"(?<!\bpor )\b(?:qué|cuál\w*|quién\w*|dónde|cuándo|cómo|cuánt[oa]s?)\b", re.IGNORECASE
        ),
        in_question=re.compile(
            r"\b(?:no|nunca|jamás|nadie|ningun[oa]s?|ningún|excepto|salvo)\b", re.IGNORECASE
        ),
        clause_break=re.compile(r"[.?!;(,]|\b(?:si|porque|aunque)\b", re.IGNORECASE),
        in_sentence=re.compile(
            r"\b(?:no|nunca|jamás|nadie|nada|ningun[oa]s?|ningún|ni|sin|excepto|salvo|exclu\w+"
            r"|excepción|prohib\w+|deneg\w+|rechaz\w+|s[oó]lo|únicamente|exent\w+)\b",
            re.IGNORECASE,
        ),
    ),
}
# Without large/small and east/west, which stand beside one another in many right answers.
_OPPOSITES = """
    increase/decrease increased/decreased rise/fall rose/fell rising/falling more/less most/least
    more/fewer most/fewest many/few largest/smallest larger/smaller high/low
    higher/lower highest/lowest best/worst better/worse first/last before/after early/late
    earlier/later earliest/latest oldest/newest old/new older/younger oldest/youngest north/south
    northern/southern win/lose won/lost begin/end began/ended start/stop
    started/stopped open/close opened/closed legal/illegal possible/impossible easy/difficult
    male/female men/women inside/outside above/below maximum/minimum major/minor majority/minority
    positive/negative always/never formal/informal public/private rich/poor strong/weak
    stronger/weaker accept/reject accepted/rejected allow/prohibit allowed/prohibited gain/lose
    gained/lost create/destroy created/destroyed built/demolished support/oppose supported/opposed
    enter/leave entered/left hot/cold long/short longer/shorter longest/shortest fast/slow
    faster/slower common/rare mostly/rarely internal/external include/exclude included/excluded
    cause/prevent heavy/light heavier/lighter
"""
_WORD = re.compile(r"[a-z]+")
_MEASURE = re.compile(r"\bhow \w+", re.IGNORECASE)  # "How old is it?" calls nothing old
# "How long before it switches off?" has its answer in "After 45 minutes it does". Not any distance
# between: of a hostile question each "how long" would look through all the rest.
_DURATION = re.compile(
    r"\bhow (?:long|soon|much time|many \w+)\b.{0,300}?\bbefore\b", re.IGNORECASE
)
# No other numbers: who asks about "a claim of 5,000 euros" is answered by a row "2,500 to 10,000".
# The 1940s have other years in them.
_YEAR = re.compile(r"\b(?:1\d|20)\d\d\b(?!['’]s)")


def _both_ways(pairs: Iterable[str]) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for pair in pairs:
        one, other = pair.split("/")
        found.setdefault(one, set()).add(other)
        found.setdefault(other, set()).add(one)
    return found


_OPPOSITES_OF = _both_ways(_OPPOSITES.split())


def mismatch(question: str, sentence: str, texts: Iterable[str]) -> float:
    """Log-odds (natural logarithm, 0 or more) against the sentence as the question's answer.

    texts: all that was found, with names and headings; a year may stand anywhere there.
    """
    against = 0.0
    denials = _OTHERS.get(language_of(question), _ENGLISH)
    if _asks_for_a_denial(question, denials) and not denials.in_sentence.search(sentence):
        against += _DENIED
    if _has_opposite(question, sentence):
        against += _OPPOSITE
    if _has_other_year(question, texts):
        against += _OTHER_YEAR
    if other_codes(content_terms(question), content_terms(sentence)):
        against += _OTHER_CODE
    if lacks_unit(sentence, question):
        against += _OTHER_UNIT
    return against


def _asks_for_a_denial(question: str, denials: _Denials) -> bool:
    """Whether what is asked for is something that is not so."""
    return any(
        denials.asks.search(clause) and denials.in_question.search(clause)
        for clause in denials.clause_break.split(question)
    )


def _has_opposite(question: str, sentence: str) -> bool:
    """Whether the sentence has the opposite of a word of the question, and not that word."""
    question = _MEASURE.sub(" ", _DURATION.sub(" ", question))
    asked, said = (set(_WORD.findall(text.casefold())) for text in (question, sentence))
    return any(_OPPOSITES_OF.get(word, set()) & said for word in asked - said)


def _has_other_year(question: str, texts: Iterable[str]) -> bool:
    """Whether the question has a year that none of the texts has."""
    asked = frozenset(_YEAR.findall(question))
    return bool(asked) and not asked <= frozenset().union(*map(figure_terms, texts))
