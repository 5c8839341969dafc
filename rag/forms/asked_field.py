"""A field of a form, the words that it is known by, and what speaks of another one. Pure.

English names of fields; labels in English and a few in German.
"""

from __future__ import annotations

import re

from rag.extraction_schema import SchemaField, words_of
from rag.forms.field_kinds import FieldKind, is_unit_of_names, kind_of
from rag.tables.cells import table_terms

_NUMBER_SIGN = re.compile(r"\b(?:no|nr)\b\.?|#|№", re.IGNORECASE)
_NAME_OF = re.compile(r"name of\b", re.IGNORECASE)
# Recognised wherever they stand: a document's only e-mail address is its e-mail address.
KNOWN_BY_FORM = (FieldKind.EMAIL, FieldKind.URL, FieldKind.PHONE, FieldKind.IBAN)
_SYNONYMS = {
    word: group.split()[0]
    for group in (
        "number num", "quantity qty", "phone telephone tel mobile", "email mail", "maximum max",
        "minimum min", "start begin commence commencement", "end expire expiry", "place venue",
        "seller vendor supplier", "buyer customer client purchaser",
        "article item product position", "height tall high", "width wide", "depth deep",
        "length long", "weight weigh", "surname lastname", "birth born", "reference ref",
        "licence license", "organisation organization", "address addr",
    )
    for word in group.split()
}  # fmt: skip
_SYNONYM_TERMS = {
    term: group_term
    for word, group in _SYNONYMS.items()
    for term in table_terms(word)
    for group_term in table_terms(group)
}


def terms_of(text: str) -> frozenset[str]:
    """The content terms of a text as fields are compared by: "qty", "#" and "Tel." as the words.

    Of synonyms all are the first.
    """
    said = _NUMBER_SIGN.sub(" number ", text.replace("e-mail", "email").replace("E-mail", "email"))
    return frozenset(_SYNONYM_TERMS.get(term, term) for term in table_terms(said)) - {"per"}


PERIODS = table_terms("hour day week month quarter year")
# Words that say of what sort a value is, and not of what.
_SAYS_SORT = table_terms(
    "date day number name amount value code id email phone iban url sum cost unit currency rate"
    " percent percentage period duration length whether person company title type kind method"
)
# Names that are everybody's: the object around them says whose.
_GENERIC = table_terms("name address email phone date number id type city country title")
_SAYS_NOTHING = terms_of("data details info information")
_OPPOSITES = [
    tuple(next(iter(terms_of(word))) for word in pair.split("/"))
    for pair in ("start/end", "minimum/maximum", "seller/buyer", "sender/recipient", "net/gross")
]


class AskedField:
    """A field and the words that it is known by.

    own: of its name. around: of the objects it is in. described: of its description. sort: those
    that only say of what sort a value is. instruction: what the form is of.
    """

    def __init__(self, field: SchemaField, instruction: str = "") -> None:
        self.field = field
        self.wanted = kind_of(field)
        self.words = words_of(field.path[-1])
        self.own = terms_of(" ".join(self.words))
        self.around = terms_of(
            " ".join(word for name in field.path[:-1] for word in words_of(name))
        )
        self.described = terms_of(field.description)
        self.instruction = terms_of(instruction)
        units = terms_of(self.wanted.unit)
        if self.wanted.unit:
            units |= frozenset(filter(is_unit_of_names, self.own))
        self.sort = _SAYS_SORT | units
        if self.own <= _GENERIC:
            self.own |= self.around - _SAYS_NOTHING

    @property
    def is_name(self) -> bool:
        """Whether it is the name of somebody or something."""
        return "name" in self.words or _NAME_OF.match(self.field.description) is not None

    @property
    def named(self) -> frozenset[str]:
        """The words of its name and its description."""
        return self.own | self.described

    @property
    def known(self) -> frozenset[str]:
        """All its words, those of the objects around it too."""
        return self.named | self.around

    @property
    def telling(self) -> frozenset[str]:
        """What its name says beside the sort of its value."""
        return self.own - self.sort

    def is_opposite(self, said: frozenset[str]) -> bool:
        """Whether words are about the end where the beginning is asked for, and the like."""
        return any(
            one in self.own and one not in said and other in said
            for pair in _OPPOSITES
            for one, other in (pair, pair[::-1])
        )

    def is_of_another_period(self, clause: str) -> bool:
        """Whether a clause says an amount by the year where one by the month is wanted."""
        periods = self.named & PERIODS
        said = terms_of(clause) & PERIODS
        is_money = self.wanted.kind is FieldKind.MONEY
        return is_money and bool(periods and said) and not periods & said
