"""The words of a question that ask and join and say nothing: those of its own language. Pure.

English ones are `rag.terms.STOP_WORDS`, for all texts. Those of other languages are left out of
questions only, and only where the question is one in that language: "die" and "war" are English.
Chinese, which puts no space between words, has its own list: what asks and joins is cut out.
"""

from __future__ import annotations

import re
from functools import lru_cache

from rag.terms import STOP_WORDS, content_terms, is_unspaced

CHINESE = "Chinese"
# "Wasn't" and "Celeron's" are a word each: "s" and "t" are French ones, but before the apostrophe.
_LETTERS = re.compile(r"[^\W\d_]+(?:['’](?:s|t|d|m|ll|re|ve)\b)?")
_FUNCTION_WORDS = {
    "German": """der die das den dem des ein eine einer eines einem einen und oder aber ist sind
        war waren wird werden wurde wurden hat haben hatte hatten kann können darf dürfen
        muss müssen soll sollen gibt wie was wer wen wem wessen wo wohin woher wann warum
        weshalb wieso welche welcher welches welchen wieviel viel viele lange lang hoch
        groß oft alt im in an am auf aus bei beim mit nach von vom vor zu zum zur für über
        unter um durch bis es er sie ich wir ihr man sich mein meine nicht kein keine
        keinen keinem keiner keines auch noch nur so als wenn dass da dort hier ob seit
        welchem wieviele wofür womit worauf worüber woran wodurch ins ab heißt heisst
        lautet dieser diese dieses diesem diesen unser unsere seine ihre kannst darfst
        musst sollte damit sowie jeder jede jedes etwa herr herrn frau""",
    "French": """le la les un une des du de d l et ou est sont était a ont avait peut doit faut quel
        quelle quels quelles que qu qui quoi où quand comment pourquoi combien c ce cet cette ces il
        elle ils elles on nous vous je tu mon ma mes se s sa son ses au aux en dans sur sous par
        pour avec sans chez n ne pas plus y t puis pouvons peuvent doivent dois depuis jusqu
        jusque""",
    "Spanish": """a el la los las un una unos unas de del al y o es son era fue fueron está están ha
        han hay puede debe qué cuál cuáles quién quiénes dónde cuándo cómo por para cuánto cuánta
        cuántos cuántas que se su sus mi mis en con sin sobre entre lo le no
        puedo pueden podemos debo deben desde hasta cada ser me nos""",
    "Italian": """a il lo la i gli le un una uno l di del della dei delle dello degli al alla ai e
        o è sono era ha hanno può deve che chi cosa cos quale quali dove dov quando quand come
        perché quanto quanta quanti quante si su nel nella in con per da dal dalla non mio mia""",
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
# "什么时候" is "when", "多少钱" how much money; the longer ones stand first.
_CHINESE_WORDS = """什么时候 什么时间 多长时间 什么 哪一天 哪里 哪儿 哪个 哪些 哪年 哪天
    多少钱 多少 多久 多长 多大 多高 多远 几点 几个 几次 为什么 为何 怎么样 怎么 怎样 如何
    是不是 能不能 可不可以 有没有 是否 可以 能否 请问 谁 吗 呢 的 是 在 由"""
_CHINESE = re.compile("|".join(_CHINESE_WORDS.split()))
_HAN = re.compile("[\u3400-\u4dbf\u4e00-\u9fff]")
_KANA = re.compile("[\u3040-\u30ff]")
_FEWEST_CERTAIN = 2


@lru_cache(maxsize=1024)
def function_terms(question: str) -> frozenset[str]:
    """The terms of the function words of a question's language; none of an English one's.

    Its language is the one with the most function words in it, English where that is a tie.
    """
    language = language_of(question)
    if language == CHINESE:
        return content_terms(question) - content_terms(_CHINESE.sub(" ", question))
    return _TERMS[language] if language else frozenset()


def language_of(text: str) -> str:
    """The language with the most function words in a text; "" for English, and where it is a tie.

    One of those in the table above, by its English name; Chinese is known by its script.
    """
    if _is_chinese(text):
        return CHINESE
    if "¿" in text:
        return "Spanish"
    counts, english = _counted(text)
    language = max(counts, key=counts.__getitem__)
    return language if counts[language] > english else ""


def certain_language_of(text: str) -> str:
    """The same, and "" where it may be another one: one function word, or as many of two languages.

    "Da Vinci" is not Italian for being called "da".
    """
    language = language_of(text)
    if language in ("", CHINESE) or "¿" in text:
        return language
    counts, _ = _counted(text)
    most = counts.pop(language)
    return language if most >= _FEWEST_CERTAIN and most > max(counts.values()) else ""


def _counted(text: str) -> tuple[dict[str, int], int]:
    """How many function words of each language a text has, and how many English ones."""
    written = _LETTERS.findall(text.casefold())
    counts = {name: sum(word in words for word in written) for name, words in _WORDS.items()}
    return counts, sum(word in STOP_WORDS for word in written)


def _is_chinese(text: str) -> bool:
    """Whether a text is written in Han characters, and not in Japanese, which has kana beside."""
    return bool(_HAN.search(text)) and is_unspaced(text) and not _KANA.search(text)


def is_german_function_word(word: str) -> bool:
    """Whether a word, however it is written, is a function word in German."""
    return word.casefold() in _WORDS["German"]
