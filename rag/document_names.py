"""Which documents a text names: "Best Buy 2019" is said of BESTBUY_2019_10K.pdf. Pure.

Made anew when the documents change. Names are compared by the terms of ingest.keywords; a word
that many names have tells less than one that few have.
"""

from __future__ import annotations

import math
import re
from collections import defaultdict
from collections.abc import Container, Iterable, Iterator, Sequence
from itertools import pairwise

from ingest.chunking import readable_name
from ingest.keywords import query_terms
from rag.results import Hit

# Who says so many terms of a name means that document: "AMD" alone may be said in passing.
_MEANT_TERMS = 2
# A name of more terms than this is a sentence, which nobody writes out to mean the document.
_MOST_TERMS = 8
# "2024Q2" is asked for as "Q2 of 2024".
_QUARTER = re.compile(r"\b((?:19|20)\d\d)(Q[1-4])\b", re.IGNORECASE)


class DocumentNames:
    """The names of a library's documents. documents: (document id, file name or title)."""

    def __init__(self, documents: Iterable[tuple[str, str]]) -> None:
        self._terms: dict[str, frozenset[str]] = {}
        self._named: dict[str, list[str]] = defaultdict(list)
        for document_id, name in documents:
            wanted = frozenset(query_terms(_QUARTER.sub(r"\1 \2", readable_name(name))))
            if not wanted or len(wanted) > _MOST_TERMS:
                continue
            self._terms[document_id] = wanted
            for term in wanted:
                self._named[term].append(document_id)

    def named_in(self, text_terms: Sequence[str]) -> dict[str, float]:
        """Document -> how much of its name is in a text, in (0, 1]; others are left out.

        text_terms: in order; two neighbours also count as one word ("Best Buy").
        """
        named = self.terms_in(text_terms)
        return {document: self._share(document, there) for document, there in named.items()}

    def terms_in(self, text_terms: Sequence[str]) -> dict[str, frozenset[str]]:
        """Document -> the terms of its name that are in a text; those without are left out."""
        joined = (one + other for one, other in said_as_one(text_terms, self._named))
        there = {*joined, *(term for term in text_terms if term in self._named)}
        candidates = {document for term in there for document in self._named[term]}
        return {document: self._terms[document] & there for document in candidates}

    def _share(self, document: str, there: frozenset[str]) -> float:
        weights = {term: self._rarity(term) for term in self._terms[document]}
        total = sum(weights.values())
        return sum(weights[term] for term in there) / total

    def _rarity(self, term: str) -> float:
        return math.log(1.0 + len(self._terms) / len(self._named[term]))


def said_as_one(text_terms: Iterable[str], names: Container[str]) -> Iterator[tuple[str, str]]:
    """The neighbours that are one word in a name: ("best", "buy") where BESTBUY is one."""
    return ((one, other) for one, other in pairwise(text_terms) if one + other in names)


def of_named_documents(hits: Sequence[Hit], question: str) -> list[Hit]:
    """The hits without those of documents that a question means less than another.

    One that names "AMD 2015" is not answered from AMD's filing of 2022, nor from another company's.
    Document is compared with document by the terms of their names that the question has; nothing
    is left out where no two terms of a name are there.
    """
    documents = {hit.document_id: hit.document_name for hit in hits}
    named = DocumentNames(documents.items()).terms_in(query_terms(question))
    meant = [terms for terms in named.values() if len(terms) >= _MEANT_TERMS]
    return [
        hit
        for hit in hits
        if not any(named.get(hit.document_id, frozenset()) < terms for terms in meant)
    ]
