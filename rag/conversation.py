"""A follow-up question -> a question that can be searched for on its own. Pure; English mostly.

What is asked, and of what, come apart: a follow-up that leans on what was said takes from the
question before what that is about, not what it asks ("Who paid for it? (the bee trial)"), or the
sentences that answered before would fit best again. One that only names another thing is the
question before, asked of that. Which noun a pronoun stands for is not resolved; a search does not
need that.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from rag.question_kind import asked_terms
from rag.results import Turn
from rag.settings import MOST_QUESTION_CHARS
from rag.terms import number_terms

# --- what leans on something said before --------------------------------------------------------

# A capital inside a sentence is a name: "Let It Be", the IT department.
_PRONOUN = re.compile(
    r"\b(?:(?P<owned>its|their|his|her)|it|they|them|theirs|he|him|she|hers)\b"
    r"|(?:^|(?<=[.!?] ))(?:It|They|He|She|(?:Its|Their|His|Her))\b"
)
# "Is it possible to ...?", "How long does it take to ...?": nothing is meant by "it".
_EXPLETIVE = re.compile(
    r"\b(?:(?:is|was|does|would|will) it|it (?:is|was|would be|will be|makes?))"
    r" (?:(?:be|not|also|still) )?(?:possible|worth \w+ing|true|necessary|common|normal"
    r"|allowed|permitted|legal|better|make sense|sense|take to)\b",
    re.IGNORECASE,
)
_CLAUSE = re.compile(
    r"[.?!,;:]|\b(?:and|or|but|that|which|who|if|when|how|what|why|where|because|before|after|while"
    r"|than|whether)\b",
    re.IGNORECASE,
)
_AFTER_PREPOSITION = re.compile(r"\b(?:of|on|for|in|to|from|by|at|with)\s*$", re.IGNORECASE)
_DEMONSTRATIVE = re.compile(
    r"\b(?:this|these)\b(?! (?:year|month|week|morning|evening|time)\b)"
    r"|\bthose\b(?! (?:who|with|of|that|which|in)\b)"
    r"|(?:^\W*|\b(?:of|for|in|about|with|to|on|at|from|like|after|before|than|by|is|was|does|do|did"
    r"|are|were|can|will|would|why|how|and) )that\b|\bthat\W*$"
    r"|\b(?:which|this|that|other|another|the \w+) one\b|\bones\b|\bone\W*$"
    r"|\bthe (?:first|second|third|last|next)\W*$"
    r"|\bsuch\b(?! as\b)|\bsame\b(?!.*\bas\b)|\belse\b|\blatter\b|\bthe former\W*$"
    r"|(?<!is )(?<!are )(?<!was )(?<!were )\bthere\b(?! (?:is|are|was|were|has|have|any|an?)\b)",
    re.IGNORECASE,
)
_OTHER = re.compile(r"\b(?:others?|another|more)\b(?! than\b)", re.IGNORECASE)
_CONTINUES = re.compile(
    r"^\W*(?:and|but|or|so|then|also|what about|how about|how so|which of|since when|und|et|y|e)\b"
    r"|^\W*(?:(?:no|yes|sorry|oops)\W+)?i(?:'m| am| was)? (?:meant?|mean|talking|asking)\b",
    re.IGNORECASE,
)
# "What is FEMA?", and no "What are exceptions?"
_OF_A_NAME = re.compile(r"^\W*(?:[Ww]hat|[Ww]ho)(?:'s| (?:is|are|was|were)) [A-Z]")
_POLITE = (
    r"(?:ok(?:ay)?|yes|no|hi|hello|hey|oh|thanks?(?: you)?|please|help|great|good|fine|cool|nice"
    r"|perfect|interesting|wow|too bad|i see|got it|(?:very|so) much|a lot|there|here|bye"
    r"|that(?:'s| is)|can you(?: please)? help me)\b"
)
_CHATTER = re.compile(rf"^\W*(?:{_POLITE}\W*)+$", re.IGNORECASE)
_OPENING = re.compile(rf"^\W*(?:{_POLITE}\W*)+(?<=[.!,;:] )", re.IGNORECASE)
_MOST_CHARS = 1_000  # one of some paragraphs says enough by itself
_FEW_TERMS = 2
_FEW_WORDS = 4  # with as many, one term is a whole question: "Who is the treasurer?"
# So many content words before it, and "its" is likely to be of one of them.
_TERMS_BEFORE_OWNED = 2

# --- what the question before was about ---------------------------------------------------------

_AUXILIARY = (
    r"(?:is|are|was|were|am|do|does|did|has|have|had|can|could|may|might|must|shall|should|will"
    r"|would)(?:n't)?"
)
_ASKS = re.compile(
    r"^\W*(?:(?:and|but|so|also|then|what about|how about)\b\W*)*"
    r"(?:(?:in|on|at|by|for|of|to|with|from|since|until|till) )?"
    r"(?:(?:what|which|who|whom|whose|where|when|why|how)\b"
    r"(?:'s| (?:many|much|long|often|far|old|big|high|large|heavy|fast|soon|late|early|come)\b)*)?"
    rf"\W*(?:{_AUXILIARY}\b\W*(?:(?:i|we|you|they|he|she|it|there)\b\W*)?)?",
    re.IGNORECASE,
)
# "How much did the bridge cost?" is about the bridge.
_ASKED_VERB = re.compile(
    r"\b(?:begin|close|cost|end|happen|last|mean|open|start|take|weigh)\W*$", re.IGNORECASE
)
_ASKS_ITSELF = re.compile(
    r"\b(?:what|which|who|whom|whose|where|when|why|how)\b"
    rf"|^\W*(?:and |but |so )?(?!(?-i:May)\b){_AUXILIARY}\b",
    re.IGNORECASE,
)
_WORDS_OF_ELLIPSIS = 6
_TURNS_BACK = 3

# --- the same, asked of another thing -----------------------------------------------------------

_YEAR = re.compile(r"\b(?:19|20)\d\d\b")
_IN_A_YEAR = re.compile(rf" (?:(?:in|of|for|during|since) )?{_YEAR.pattern}")
_OF_ANOTHER_YEAR = re.compile(
    r"^\W*(?:(?:and|but|or|so|then|what about|how about)\b\W*)?(?:(?:in|for|of)\b\W*)?"
    r"(?:(?P<year>(?:19|20)\d\d)|(?P<earlier>the (?:year before|previous year|preceding year))"
    r"|(?P<later>the (?:year after|next year|following year)))(?: that)?\W*$",
    re.IGNORECASE,
)
_NAME = r"[A-Z][\w&.-]*(?: (?:[A-Z][\w&.-]*|\d{1,3}\b))*"
_NAMES = re.compile(rf"(?<=[a-z] ){_NAME}")
_ARTICLE = r"(?:the|an?|my|our|your)"
_LEADING_ARTICLE = re.compile(rf"^{_ARTICLE} ", re.IGNORECASE)
_PREPOSITION = r"(?:about|at|by|during|for|from|in|of|on|to|under|with|without)"
_WORD = rf"(?!(?:{_PREPOSITION}|and|or|if|when|per)\b)[\w'’-]+"
_PHRASE = rf"(?:{_ARTICLE} )?{_WORD}(?: {_WORD}){{0,3}}"
# What "of" or "to" follows goes on: "repairs to the roof".
_PHRASE_ENDS = r"(?= (?:at|by|during|if|in|on|per|under|when)\b|\W*$)"
_OF_ANOTHER = re.compile(
    r"^\W*(?:and|but|or|so|then|what about|how about)\b\W*(?:what about |how about )?"
    rf"(?:(?P<preposition>{_PREPOSITION}) )?(?P<phrase>{_PHRASE})"
    r"(?: in (?P<year>(?:19|20)\d\d))?\W*$",
    re.IGNORECASE,
)
_WHAT_IS = rf"(?:(?<=what is )|(?<=what was )|(?<=what are )|(?<=what were )){_PHRASE}"


def standalone_question(question: str, history: Sequence[Turn]) -> str:
    """The question, with what the earlier ones that it leans on were about behind it.

    history: oldest first.
    """
    asked, about = _asked_of(question, history)
    return f"{asked} ({', '.join(about)})" if about else asked


def _asked_of(question: str, history: Sequence[Turn]) -> tuple[str, tuple[str, ...]]:
    """What is asked, and what that is about and does not say itself, the nearest first."""
    history = [turn for turn in history if not _CHATTER.match(turn.question)][-_TURNS_BACK:]
    whole, question = question, _OPENING.sub("", question)
    if same_question := _of_another_year(question, history) or _of_another(question, history):
        return same_question, ()
    if not history or not leans_on_earlier(question):
        return whole, ()
    before, about = _asked_of(history[-1].question, history[:-1])
    if sum(map(len, (question, before, *about))) > MOST_QUESTION_CHARS:
        return whole, ()
    if _asks_nothing_itself(question):
        return f"{before} {question}", about  # "And at weekends?" asks what was asked before
    topic = _topic(before)
    if _YEAR.search(question):  # "What was it in 2022?"
        topic = _IN_A_YEAR.sub("", topic)
    return question, (topic, *about) if asked_terms(topic) else about


def leans_on_earlier(question: str) -> bool:
    """Whether a question is likely not to be understood without the one before.

    It has a word for something that it does not name, begins like a continuation, or is nearly
    empty. Thanks and greetings ask nothing.
    """
    if len(question) > _MOST_CHARS or _CHATTER.match(question):
        return False
    if _refers_back(question) or _CONTINUES.search(question):
        return True
    about = asked_terms(question) - number_terms(question)
    is_short = len(about) < _FEW_TERMS and len(question.split()) < _FEW_WORDS
    return not about or (is_short and not _OF_A_NAME.match(question))


def _refers_back(text: str) -> bool:
    """Whether it has a word for something that it does not name."""
    other = _OTHER.search(text)
    return (
        _has_pronoun(text)
        or _DEMONSTRATIVE.search(text) is not None
        or (other is not None and not asked_terms(text[: other.start()]))
    )


def _has_pronoun(question: str) -> bool:
    """Whether a pronoun stands for something that the question does not name before it."""
    question = _EXPLETIVE.sub(lambda found: " " * len(found.group()), question)
    return any(_is_of_before(question, pronoun) for pronoun in _PRONOUN.finditer(question))


def _is_of_before(question: str, pronoun: re.Match[str]) -> bool:
    """No: "What is HAART and how does it differ?", "Where does the rover get its power?"."""
    said = question[: pronoun.start()]
    clauses = list(_CLAUSE.finditer(said))
    if clauses and asked_terms(said[: clauses[-1].start()]):
        return False
    likely = _TERMS_BEFORE_OWNED + bool(_AFTER_PREPOSITION.search(said))
    return not (pronoun["owned"] and len(asked_terms(said)) >= likely)


def _asks_nothing_itself(question: str) -> bool:
    is_short = len(question.split()) <= _WORDS_OF_ELLIPSIS
    return is_short and not _ASKS_ITSELF.search(_CONTINUES.sub("", question))


def _topic(question: str) -> str:
    """A question without its question word: "the deposit", of "What is the deposit?"."""
    return _ASKED_VERB.sub("", _ASKS.sub("", question)).strip(" ?.!\n")


def _of_another_year(question: str, history: Sequence[Turn]) -> str:
    """The question before, asked of the year that this one names; "" where it does not fit."""
    named = _OF_ANOTHER_YEAR.match(question)
    before, year = _before_with_one(_YEAR, history) if named else ("", "")
    if named is None or not year:
        return ""
    other = named["year"] or str(int(year) + (1 if named["later"] else -1))
    return before.replace(year, other)


def _of_another(question: str, history: Sequence[Turn]) -> str:
    """The question before, asked of what this one names; "" where it does not fit.

    "And the north yard?" stands for the south yard, "and for adults?" for whom it was asked.
    """
    other = _OF_ANOTHER.match(question)
    if other is None or _refers_back(other["phrase"]) or _ASKS_ITSELF.search(other["phrase"]):
        return ""
    patterns = [
        re.compile(rf"\b{_ARTICLE} (?:{_WORD} ){{0,2}}{re.escape(_head(other))}\b", re.IGNORECASE)
    ]
    if re.match(rf"(?:{_ARTICLE} [A-Z][a-z]|{_NAME}\W*$)", other["phrase"]):
        patterns.append(_NAMES)
    if other["preposition"]:
        patterns.append(
            re.compile(rf"(?<=\b{other['preposition']} ){_PHRASE}{_PHRASE_ENDS}", re.IGNORECASE)
        )
    elif re.match(rf"{_ARTICLE} ", other["phrase"]):
        patterns.append(re.compile(_WHAT_IS, re.IGNORECASE))
    for pattern in patterns:
        before, replaced = _before_with_one(pattern, history)
        if replaced:
            phrase = other["phrase"]
            if re.search(rf"\b{_ARTICLE} {re.escape(replaced)}", before, re.IGNORECASE):
                phrase = _LEADING_ARTICLE.sub("", phrase)
            asked = before.replace(replaced, phrase)
            return _YEAR.sub(other["year"], asked) if other["year"] else asked
    return ""


def _head(other: re.Match[str]) -> str:
    """The noun of a phrase, which stands last."""
    return str(other["phrase"].split()[-1])


def _before_with_one(pattern: re.Pattern[str], history: Sequence[Turn]) -> tuple[str, str]:
    """The question before, on its own, and the one text in it that fits; "" twice where none is."""
    if not history:
        return "", ""
    before = standalone_question(history[-1].question, history[:-1])
    found = set(pattern.findall(before))
    return (before, found.pop()) if len(found) == 1 else ("", "")
