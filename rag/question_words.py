"""What the question words of other languages than English ask for, and the signs of an answer.

Pure data for `rag.question_kind`, which has the English ones. Patterns are searched in case-folded
text ("ß" is "ss" there). A word that also joins clauses ("quand le voyant clignote") asks only
where it opens the question.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from rag.calendar_names import FRENCH_MONTHS, GERMAN_MONTHS, SPANISH_MONTHS
from rag.currencies import CURRENCY_SIGNS
from rag.function_words import CHINESE


@dataclass(frozen=True, slots=True)
class QuestionWords:
    """Of one language.

    cause, frequency, amount, date, name, yes_or_no: what a question of that kind has.
    cause_given, often, calendar, number: what an answer of a kind has; a number in words, that is.
    day: the date of a day, whose figures are no amount.
    units: what asks for a price, a time or a weight, with what an amount of that has: "was kostet"
        has no answer in bar.
    """

    cause: re.Pattern[str]
    frequency: re.Pattern[str]
    amount: re.Pattern[str]
    date: re.Pattern[str]
    name: re.Pattern[str]
    yes_or_no: re.Pattern[str]
    cause_given: re.Pattern[str]
    often: re.Pattern[str]
    calendar: re.Pattern[str]
    number: re.Pattern[str]
    day: re.Pattern[str]
    units: tuple[tuple[re.Pattern[str], re.Pattern[str]], ...]


_GERMAN_MONTHS = "|".join((*GERMAN_MONTHS, "jänner"))
_FRENCH_MONTHS = "|".join(FRENCH_MONTHS)
_SPANISH_MONTHS = "|".join(SPANISH_MONTHS)
_GERMAN = QuestionWords(
    cause=re.compile(
        r"\b(?:warum|weshalb|wieso|weswegen|aus welche[mn] gr[uü]nde?n?"
        r"|(?:grund|gründe|ursachen?) (?:für|der|des|von))\b"
    ),
    frequency=re.compile(r"\b(?:wie (?:oft|häufig|regelmässig)|in welchen abständen)\b"),
    amount=re.compile(
        r"\bwie ?viele?n?\b(?! uhr)|\bwie (?:hoch|lange?|gross|alt|weit|schwer|breit|tief|teuer"
        r"|schnell|warm|heiss|kalt|laut)\b|\bwas kostete?n?\b"
        r"|\bwelche[mnrs]? (?:betrag|summe|anzahl|höhe|preis|anteil|menge)\b"
    ),
    date=re.compile(
        r"\bwann\b|\bwie ?viel uhr\b|\bwelche[rs]? (?:jahr|datum|tag)\b"
        r"|\b(?:in|an|zu|um) welche[mnr] (?:jahr|tag|datum|monat|uhrzeit)\b"
    ),
    name=re.compile(r"\b(?:wer|wem|wen|wessen|wo|wohin|woher|wie heisst)\b"),
    yes_or_no=re.compile(
        r"\W*(?:(?:und|aber) )?(?:ist|sind|war|waren|wird|werden|wurden?|hat|haben|hatten?|kann"
        r"|kannst|können|darf|darfst|dürfen|muss|musst|müssen|soll|sollen|gibt|gilt|gelten|braucht"
        r"|brauche|brauchen|reicht|genügt|zahlt|zahlen|kostet|raucht|bekommt|bekomme|bekommen"
        r"|gehört|gehören|enthält|findet|liegt|steht|geht|besteht|hält|macht)\b"
    ),
    cause_given=re.compile(
        r"\b(?:weil|da|denn|wegen|aufgrund|auf grund|grund|gründe|ursachen?|deshalb|daher|damit"
        r"|infolge|führte zu|beruht auf)\b"
    ),
    often=re.compile(
        r"\b(?:jede[nrsm]?|alle|pro|täglich|\w*wöchentlich|\w*monatlich|\w*jährlich|stündlich"
        r"|(?:ein|zwei|drei|vier|fünf|mehr)?mal|nie|immer|im (?:jahr|monat)|am tag)\b"
    ),
    calendar=re.compile(
        rf"\b(?:{_GERMAN_MONTHS}|(?:mon|diens|donners|frei|sams)tags?"
        rf"|mittwochs?|sonn(?:abend|tag)s?"
        r"|jahrhunderts?)\b|\d uhr\b|\b\d{1,2}\.\d{1,2}\."
    ),
    number=re.compile(
        r"\b(?:zwei|drei|vier|fünf|sechs|sieben|acht|neun|zehn|elf|zwölf"
        r"|(?:drei|vier|fünf|sech|sieb|acht|neun)zehn|\w*(?:zwan|sech|sieb|acht|neun|vier|fünf)zig"
        r"|\w*dreissig|\w*hundert|\w*tausend|kostenlos|halbe[ns]?"
        r"|eine[nm]?(?= (?:tag|woche|monat|jahr|stunde|minute)))\b"
    ),
    day=re.compile(
        rf"\b\d{{1,2}}\. ?(?:{_GERMAN_MONTHS})\b|\b\d{{1,2}}\.\d{{1,2}}\.(?:\d{{2,4}}\b)?"
    ),
    units=(
        (
            re.compile(r"\bkostete?n?\b|\bwie teuer\b|\bpreis"),
            re.compile(
                rf"[{CURRENCY_SIGNS}]|\b(?:euro|cents?|franken|chf|kostenlos\w*|gratis"
                r"|kostenfrei\w*|umsonst|frei)\b"
            ),
        ),
        (
            re.compile(r"\b(?:wie lange?|welche dauer)\b"),
            re.compile(
                r"(?:tage?n?|wochen?|monate?n?|jahre?n?|stunden?|minuten?|sekunden?|h|min|uhr"
                r"|unbefristet\w*|unbestimmte)\b|\bbis\b|\b(?:km|m|cm|mm"
                r"|(?:kilo|zenti|milli)?meter)\b"
            ),
        ),
        (
            re.compile(r"\bwiegt\b|\bwiegen\b|\bwie schwer\b|\bgewicht"),
            re.compile(r"\d ?(?:kg|g|t|kilo(?:gramm)?|gramm|tonnen?|pfund)\b"),
        ),
    ),
)
_FRENCH = QuestionWords(
    cause=re.compile(
        r"\bpourquoi\b|\bpour quelles? raisons?\b"
        r"|\b(?:causes?|raisons?|motifs?) (?:de|du|des|d['’])"
    ),
    frequency=re.compile(
        r"\bfréquence\b|\btous les combien\b|\bcombien de fois\b|\bquelle périodicité\b"
    ),
    amount=re.compile(
        r"\bcombien\b|\bquel(?:le)?s? (?:(?:est|était|sont) )?(?:l['’]|l[ea]s? )?(?:montant|prix"
        r"|nombre|taille|surface|superficie|hauteur|longueur|largeur|durée|capacité|puissance"
        r"|pourcentage|taux|poids|coût|âge|somme|distance|température|loyer|tarif)\b"
    ),
    date=re.compile(
        r"^\W*(?:depuis |jusqu['’]à |à partir de |de )?quand\b"
        r"|\bquel(?:le)? (?:(?:est|était) )?(?:l['’]|l[ea] )?(?:année|date|jour|mois|heure)\b"
    ),
    name=re.compile(
        r"^\W*(?:(?:à|de|avec|par|chez|pour) )?qui\b|^\W*d?['’]?où\b|\bcomment s['’]appell\w+"
        r"|\bquel(?:le)? est (?:le nom|l['’]adresse)"
    ),
    yes_or_no=re.compile(
        r"\W*est-ce qu|(?!.*\b(?:quel\w*|que|qu|comment|quoi|lequel|laquelle|où)\b)"
        r".{0,200}?\w-(?:t-)?(?:ils?|elles?|on|je|vous|nous)\b"
    ),
    cause_given=re.compile(
        r"\b(?:parce qu|car\b|en raison|à cause|grâce à|afin de|puisque|raisons?\b|motifs?\b"
        r"|faute de|suite à|pour que)"
    ),
    often=re.compile(
        r"\b(?:chaque|tous les|toutes les|quotidien\w*|hebdomadaire\w*|mensuel\w*|annuel\w*|fois"
        r"|jamais|toujours|par (?:jour|semaine|mois|an))\b"
    ),
    calendar=re.compile(
        rf"\b(?:{_FRENCH_MONTHS}|(?:lun|mar|mercre|jeu|vendre|same)di|dimanche|siècle)\b"
        r"|\b\d{1,2} ?h(?:\b|\d)|\b\d{1,2}/\d{1,2}/"
    ),
    number=re.compile(
        r"\b(?:deux|trois|quatre|cinq|six|sept|huit|neuf|dix|onze"
        r"|douze|treize|quatorze|quinze|seize"
        r"|vingt|trente|quarante|cinquante|soixante|cents?|mille|gratuite?|demie?"
        r"|une?(?= (?:jour|semaine|mois|an|année|heure)))\b|\bd['’]un (?:mois|an|jour)\b"
    ),
    day=re.compile(
        rf"\b(?:\d{{1,2}}|1er) (?:{_FRENCH_MONTHS})\b|\b\d{{1,2}}/\d{{1,2}}/\d{{2,4}}\b"
    ),
    units=(
        (
            re.compile(r"\b(?:coûte\w*|prix|tarif)\b"),
            re.compile(rf"[{CURRENCY_SIGNS}]|\beuros?\b|\bcentimes?\b|\bfrancs?\b|\bgratuit"),
        ),
        (
            re.compile(r"\b(?:combien de temps|durée|dure)\b"),
            re.compile(
                r"\b(?:jours?|semaines?|mois|\w*mestres?|ans?|années?|heures?"
                r"|minutes?|secondes?|h|min)\b|indéterminée"
            ),
        ),
        (
            re.compile(r"\b(?:pèse\w*|poids)\b"),
            re.compile(r"\d ?(?:kg|g|t|kilos?|kilogrammes?|grammes?|tonnes?)\b"),
        ),
    ),
)
_SPANISH = QuestionWords(
    cause=re.compile(
        r"\bpor qué\b|\ba qué se debe\b|\b(?:causas?|raz[oó]n(?:es)?|motivos?) (?:del?|para)\b"
    ),
    frequency=re.compile(r"\bqué frecuencia\b|\bcada cuánto\b|\bcuántas veces\b"),
    amount=re.compile(
        r"\bcuánt[oa]s?\b|\bqué (?:cantidad|importe|precio|porcentaje|número)\b"
        r"|\bcuál es (?:el|la) (?:precio|importe|superficie|altura|longitud|duración|peso|coste"
        r"|costo|número|edad|tamaño|capacidad|potencia|renta|tarifa)\b"
    ),
    date=re.compile(
        r"\bcuándo\b|^\W*(?:desde |hasta |para )?cuando\b|\bqué (?:año|fecha|día|mes|hora)\b"
        r"|\bcuál es la fecha\b"
    ),
    name=re.compile(
        r"\bquién(?:es)?\b|\bdónde\b|^\W*(?:(?:de|a|en|con) )?(?:donde|quien)\b|\bcómo se llama"
    ),
    yes_or_no=re.compile(
        r"\W*(?:es|son|está|están|hay|puede\w*|puedo|podemos|debe\w*|debo|tiene\w*|tengo"
        r"|se (?:puede|permite|admite|debe)\w*|ha|han|incluye\w*|existen?|fue|fueron|era"
        r"|vale|necesit\w+)\b"
    ),
    cause_given=re.compile(
        r"\b(?:porque|debido a|a causa de|por culpa de|gracias a|ya que|puesto que|motivos?"
        r"|razón|razones)\b"
    ),
    often=re.compile(
        r"\b(?:cada|diari\w+|semanal\w*|mensual\w*|anual\w*|veces|vez|nunca|siempre"
        r"|(?:al|por) (?:día|mes|año|semana))\b"
    ),
    calendar=re.compile(
        rf"\b(?:{_SPANISH_MONTHS}|lunes|martes|miércoles|jueves|viernes|sábados?|domingos?|siglo)\b"
        r"|\b\d{1,2}:\d\d\b|\b\d{1,2}/\d{1,2}/"
    ),
    number=re.compile(
        r"\b(?:dos|tres|cuatro|cinco|seis|siete|ocho|nueve|diez|once|doce|trece|catorce|quince"
        r"|dieci\w+|veint\w+|treinta|cuarenta|cincuenta|sesenta|setenta|ochenta|noventa|cien|ciento"
        r"|\w*cientos|mil|gratis|gratuit[oa]|medi[oa]|una?(?= (?:día|semana|mes|año|hora)))\b"
    ),
    day=re.compile(rf"\b\d{{1,2}} de (?:{_SPANISH_MONTHS})\b|\b\d{{1,2}}/\d{{1,2}}/\d{{2,4}}\b"),
    units=(
        (
            re.compile(r"\b(?:cuesta\w*|cuestan|vale|valen|precio|coste|costo)\b"),
            re.compile(
                rf"[{CURRENCY_SIGNS}]|\beuros?\b|\bcéntimos?\b|\bpesos?\b|\bdólares\b|\bgratis\b|\bgratuit"
            ),
        ),
        (
            re.compile(r"\b(?:cuánto tiempo|cuánto dura\w*|duración|plazo)\b"),
            re.compile(
                r"\b(?:días?|semanas?|mes(?:es)?|\w*mestres?|años?|horas?"
                r"|minutos?|segundos?|h|min)\b|indefinid"
            ),
        ),
        (
            re.compile(r"\b(?:pesa\w*|pesan|peso)\b"),
            re.compile(r"\d ?(?:kg|g|t|kilos?|kilogramos?|gramos?|toneladas?)\b"),
        ),
    ),
)
_CHINESE = QuestionWords(
    cause=re.compile("为什么|为何|什么原因|原因是什么"),
    frequency=re.compile("(?:多久|多长时间).{0,6}次|几次|频率|每隔多久"),
    amount=re.compile("多少|多长|多大|多高|多远|多重|多久|几[个岁年天层楼人月位名]"),
    date=re.compile("什么时[候间]|何时|哪一?[年天日月]|几[号点]|几月"),
    name=re.compile("谁|哪里|哪儿|什么地方|在哪|叫什么"),
    yes_or_no=re.compile(".*(?:吗|是否|能不能|能否|可不可以|是不是|有没有)"),
    cause_given=re.compile("因为|由于|所以|原因|否则|为了|因此"),
    often=re.compile("每|一次|从不|总是|定期|经常"),
    calendar=re.compile(r"\d ?[年月日号点]|星期|周[一二三四五六日]|世纪|[上下]午"),
    number=re.compile("[二两三四五六七八九十百千万亿半]|一(?:[年天周次]|个月|小时|分钟)|免费"),
    day=re.compile(r"\d{1,2}月\d{1,2}[日号]|\d{4}年"),
    units=(
        (
            re.compile("多少钱|价格|售价"),
            re.compile("[元￥¥块]|美元|欧元|免费"),
        ),
        (
            re.compile("多久|多长时间|几[天年]"),
            re.compile("[年月天日周]|小时|分钟|星期|秒"),
        ),
        (
            re.compile("多重|重量"),
            re.compile("克|千克|公斤|斤|吨|kg"),
        ),
    ),
)
QUESTION_WORDS = {
    "German": _GERMAN,
    "French": _FRENCH,
    "Spanish": _SPANISH,
    CHINESE: _CHINESE,
}
