"""The words of a question that ask and join and say nothing: those of its own language. Pure.

English ones are `rag.terms.STOP_WORDS`, for all texts. Those of other languages are left out of
questions only, and only where the question is one in that language: "die" and "war" are English.
"""

from __future__ import annotations

import re
from functools import lru_cache

from rag.terms import STOP_WORDS, content_terms

_LETTERS = re.compile(r"[^\W\d_]+")
_FUNCTION_WORDS = {
    "German": """der die das den dem des ein eine einer eines einem einen und oder aber ist sind war
        waren wird werden wurde wurden hat haben hatte hatten kann können darf dürfen muss müssen
        soll sollen gibt wie was wer wen wem wessen wo wohin woher wann warum weshalb wieso welche
        welcher welches welchen wieviel viel viele lange lang hoch groß oft alt im in an am auf aus
        bei beim mit nach von vom vor zu zum zur für über unter um durch bis es er sie ich wir ihr
        man sich mein meine nicht kein keine auch noch nur so als wenn dass da dort hier""",
    "French": """le la les un une des du de d l et ou est sont était a ont avait peut doit faut quel
        quelle quels quelles que qu qui quoi où quand comment pourquoi combien c ce cet cette ces il
        elle ils elles on nous vous je tu mon ma mes se s sa son ses au aux en dans sur sous par
        pour avec sans chez n ne pas plus y t""",
    "Spanish": """el la los las un una unos unas de del al y o es son era fue fueron está están ha
        han hay puede debe qué cuál cuáles quién quiénes dónde cuándo cómo por para cuánto cuánta
        cuántos cuántas que se su sus mi mis en con sin sobre entre lo le no""",
    "Italian": """il lo la i gli le un una uno l di del della dei delle dello degli al alla ai e o è
        sono era ha hanno può deve che chi cosa cos quale quali dove dov quando quand come perché
        quanto quanta quanti quante si su nel nella in con per da dal dalla non mio mia""",
    "Portuguese": """o a os as um uma de do da dos das no na nos nas ao à e ou é são era foi foram
        tem têm há pode deve que quem qual quais onde quando como por porque quanto quanta quantos
        quantas se seu sua em com sem para não meu minha""",
    "Dutch": """de het een en of is zijn was waren wordt worden heeft hebben kan mag moet wat wie
        waar wanneer waarom hoe hoeveel welke welk lang hoog groot in op aan van voor met naar bij
        uit over onder door om te er niet geen mijn""",
}
_WORDS = {language: frozenset(words.split()) for language, words in _FUNCTION_WORDS.items()}
_TERMS = {
    language: content_terms(" ".join(words.split())) for language, words in _FUNCTION_WORDS.items()
}


@lru_cache(maxsize=1024)
def function_terms(question: str) -> frozenset[str]:
    """The terms of the function words of a question's language; none of an English one's.

    Its language is the one with the most function words in it, English where that is a tie.
    """
    language = language_of(question)
    return _TERMS[language] if language else frozenset()


def language_of(text: str) -> str:
    """The language with the most function words in a text; "" for English, and where it is a tie.

    One of those in the table above, by its English name.
    """
    written = _LETTERS.findall(text.casefold())
    counts = {name: sum(word in words for word in written) for name, words in _WORDS.items()}
    language = max(counts, key=counts.__getitem__)
    return language if counts[language] > sum(word in STOP_WORDS for word in written) else ""


def is_german_function_word(word: str) -> bool:
    """Whether a word, however it is written, is a function word in German."""
    return word.casefold() in _WORDS["German"]
