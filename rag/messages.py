"""What an answer says of itself in the question's language: the refusal, the words before notices.

Pure. English is the words of `rag.refusal.REFUSAL` and stands for every language that is not here,
and for questions whose language is in doubt. What was refused is told by `Answer.refused` and
never by these words.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rag.function_words import certain_language_of, language_of
from rag.question_kind import QuestionKind, question_kind


@dataclass(frozen=True, slots=True)
class Messages:
    """The texts in one language.

    refusal: the documents do not say. uncertain: that they may, with places for where the sentence
        that comes nearest stands, and for it. filter_leaves_nothing, nothing_near, nearest_one,
        nearest_several: what follows the refusal; the last two have a place for the names of
        documents.
    page: how a page is named, with a place for a document's name and one for the number.
    comma, last_and: between names.
    document_differs, entry_differs, changed: what comes before a sentence that stands against the
        answer.
    no_source: what stands behind a statement that nothing was found for.
    gap: between the refusal and what follows.
    """

    refusal: str
    uncertain: str
    filter_leaves_nothing: str
    nothing_near: str
    nearest_one: str
    nearest_several: str
    page: str
    last_and: str
    document_differs: str
    entry_differs: str
    changed: str
    no_source: str
    comma: str = ", "
    gap: str = " "

    def place(self, name: str, page: int | None) -> str:
        """A document and, where it has pages, which one."""
        return name if page is None else self.page.format(name, page)

    def nearest(self, places: Sequence[str]) -> str:
        """The sentence that names the nearest places, one at least."""
        if len(places) == 1:
            return self.nearest_one.format(places[0])
        listed = f"{self.comma.join(places[:-1])}{self.last_and}{places[-1]}"
        return self.nearest_several.format(listed)


ENGLISH = Messages(
    refusal="The documents do not say.",
    uncertain="The documents do not say for certain. What comes nearest, in {}: “{}”",
    filter_leaves_nothing="The filter leaves no passages to look at; widen it.",
    nothing_near="No passage in the library is near this question.",
    nearest_one="The nearest passage is in {}.",
    nearest_several="The nearest passages are in {}.",
    page="{}, page {}",
    last_and=" and ",
    document_differs="Another document says otherwise: ",
    entry_differs="Another entry says otherwise: ",
    changed="It may have changed: ",
    no_source=" (no source)",
)
_OTHERS = {
    "German": Messages(
        refusal="Die Dokumente sagen dazu nichts.",
        uncertain="Die Dokumente sagen dazu nichts Sicheres. Am nächsten kommt, in {}: „{}“",
        filter_leaves_nothing="Der Filter lässt keine Textstellen übrig; erweitern Sie ihn.",
        nothing_near="Keine Textstelle der Bibliothek kommt dieser Frage nahe.",
        nearest_one="Die nächstliegende Textstelle steht in {}.",
        nearest_several="Die nächstliegenden Textstellen stehen in {}.",
        page="{}, Seite {}",
        last_and=" und ",
        document_differs="Ein anderes Dokument sagt etwas anderes: ",
        entry_differs="Ein anderer Eintrag sagt etwas anderes: ",
        changed="Das kann sich geändert haben: ",
        no_source=" (ohne Beleg)",
    ),
    "French": Messages(
        refusal="Les documents ne le disent pas.",
        uncertain="Les documents ne le disent pas avec certitude. Le plus proche, dans {} : « {} »",
        filter_leaves_nothing="Le filtre ne laisse aucun passage à examiner ; élargissez-le.",
        nothing_near="Aucun passage de la bibliothèque n'est proche de cette question.",
        nearest_one="Le passage le plus proche se trouve dans {}.",
        nearest_several="Les passages les plus proches se trouvent dans {}.",
        page="{}, page {}",
        last_and=" et ",
        document_differs="Un autre document dit autre chose : ",
        entry_differs="Une autre entrée dit autre chose : ",
        changed="Cela a peut-être changé : ",
        no_source=" (sans source)",
    ),
    "Spanish": Messages(
        refusal="Los documentos no lo dicen.",
        uncertain="Los documentos no lo dicen con certeza. Lo más cercano, en {}: «{}»",
        filter_leaves_nothing="El filtro no deja ningún pasaje que examinar; amplíelo.",
        nothing_near="Ningún pasaje de la biblioteca se acerca a esta pregunta.",
        nearest_one="El pasaje más cercano está en {}.",
        nearest_several="Los pasajes más cercanos están en {}.",
        page="{}, página {}",
        last_and=" y ",
        document_differs="Otro documento dice otra cosa: ",
        entry_differs="Otra entrada dice otra cosa: ",
        changed="Puede que haya cambiado: ",
        no_source=" (sin fuente)",
    ),
    "Italian": Messages(
        refusal="I documenti non lo dicono.",
        uncertain="I documenti non lo dicono con certezza. Ciò che più si avvicina, in {}: «{}»",
        filter_leaves_nothing="Il filtro non lascia alcun passaggio da esaminare; lo ampli.",
        nothing_near="Nessun passaggio della biblioteca è vicino a questa domanda.",
        nearest_one="Il passaggio più vicino si trova in {}.",
        nearest_several="I passaggi più vicini si trovano in {}.",
        page="{}, pagina {}",
        last_and=" e ",
        document_differs="Un altro documento dice altro: ",
        entry_differs="Un'altra voce dice altro: ",
        changed="Potrebbe essere cambiato: ",
        no_source=" (senza fonte)",
    ),
    "Portuguese": Messages(
        refusal="Os documentos não o dizem.",
        uncertain="Os documentos não o dizem com certeza. O mais próximo, em {}: “{}”",
        filter_leaves_nothing="O filtro não deixa nenhum trecho para examinar; amplie-o.",
        nothing_near="Nenhum trecho da biblioteca está próximo desta pergunta.",
        nearest_one="O trecho mais próximo está em {}.",
        nearest_several="Os trechos mais próximos estão em {}.",
        page="{}, página {}",
        last_and=" e ",
        document_differs="Outro documento diz outra coisa: ",
        entry_differs="Outra entrada diz outra coisa: ",
        changed="Isto pode ter mudado: ",
        no_source=" (sem fonte)",
    ),
    "Dutch": Messages(
        refusal="De documenten zeggen daar niets over.",
        uncertain="De documenten zeggen daar niets zekers over. Het dichtstbij komt, in {}: “{}”",
        filter_leaves_nothing="Het filter laat geen passages over; maak het ruimer.",
        nothing_near="Geen passage in de bibliotheek komt in de buurt van deze vraag.",
        nearest_one="De dichtstbijzijnde passage staat in {}.",
        nearest_several="De dichtstbijzijnde passages staan in {}.",
        page="{}, pagina {}",
        last_and=" en ",
        document_differs="Een ander document zegt iets anders: ",
        entry_differs="Een andere vermelding zegt iets anders: ",
        changed="Dit kan veranderd zijn: ",
        no_source=" (zonder bron)",
    ),
    "Chinese": Messages(
        refusal="文档中没有说明。",
        uncertain="文档中没有明确说明。最相近的内容在 {}：“{}”",
        filter_leaves_nothing="筛选条件没有留下任何段落，请放宽条件。",
        nothing_near="资料库中没有与此问题相近的段落。",
        nearest_one="最相近的段落在 {}。",
        nearest_several="最相近的段落在 {}。",
        page="{} 第{}页",
        last_and=" 和 ",
        document_differs="另一份文档的说法不同：",
        entry_differs="另一条记录的说法不同：",
        changed="这可能已有变动：",
        no_source="（无出处）",
        comma="、",
        gap="",
    ),
}


def messages_for(question: str) -> Messages:
    """The texts in the language of a question."""
    language = certain_language_of(question)
    if not language and question_kind(question) is not QuestionKind.OTHER:
        language = language_of(question)  # "Warum": what asks is in one language only
    return _OTHERS.get(language, ENGLISH)
