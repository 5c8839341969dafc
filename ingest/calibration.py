"""Texts that a converted embedding model is calibrated with, and others that it is judged by.

Short ones and long ones; prose, questions, tables, code and lists; ten languages. Quantisation
needs to see what activations look like, not what a library is about. Pure data.
"""

from __future__ import annotations

_ENGLISH = """\
Net sales increased 4.2 percent to $8.1 billion, mainly because of higher prices in all segments.
The company repurchased 2.3 million shares of common stock at an average price of $171.40.
How much did the company spend on research and development in fiscal year 2022?
Total assets | 37,072 | 36,500 | Total liabilities | 23,109 | 22,914 | Equity | 13,963 | 13,586
Item 1A. Risk factors. Our results are affected by the effects of, and changes in, worldwide \
economic, political, regulatory and capital markets conditions.
The tenant shall give written notice at least thirty days before the end of the term.
This agreement is governed by the laws of the State of Delaware, without regard to conflicts.
In the event of a breach, the non-defaulting party may terminate upon fifteen days' notice.
Patients who received the higher dose had fewer relapses (hazard ratio 0.68, 95% CI 0.51-0.90).
The enzyme binds two zinc ions, one of which is lost when the pH falls below 5.5.
Randomised trials have not shown that vitamin D prevents fractures in healthy adults.
What is the half-life of caesium-137?
The bridge was opened in 1894 and carries about 40,000 vehicles a day across the river.
She wrote most of the novel in a rented room above the bakery, between midnight and four.
The battle ended in the evening with the retreat of the northern army over the frozen lake.
Who discovered that the blood circulates through the body?
def mean(values: list[float]) -> float: return sum(values) / len(values)
Error 0x80070005: access denied while writing C:\\Program Files\\Common\\log.txt
Run `make install`, then set PATH so that the shell finds the program; restart the terminal.
SELECT name, SUM(amount) FROM orders WHERE placed_at >= '2024-01-01' GROUP BY name;
- two eggs - 150 g flour - a pinch of salt - 250 ml milk - butter for the pan
Preheat the oven to 180 degrees, line the tin with paper and beat the eggs until pale.
From: Anna Keller To: Purchasing Subject: Delayed delivery of pump housings, order 4711
Please find attached the minutes of the meeting of 12 March; comments are welcome until Friday.
The glacier has lost a third of its length since measurements began in the nineteenth century.
Rainfall in the catchment averages 640 mm a year, most of which falls between May and August.
The committee recommends that member states adopt the revised standard by the end of the decade.
Article 7. Everyone is equal before the law and is entitled to its equal protection.
Torque the six bolts to 25 Nm in a crosswise order and check the gap with a feeler gauge.
Warning: disconnect the battery before you open the housing; capacitors may hold a charge.
Students who slept at least eight hours remembered more of the words on the following day.
What were the causes of the economic crisis of 1929?
Light travels about 299,792 kilometres in a second; sunlight takes eight minutes to reach us.
The orchestra opened the season with a symphony that had not been played there for fifty years.
Year | Revenue | Operating income | Margin | 2019 | 5,140 | 611 | 11.9% | 2020 | 4,822 | 402 | 8.3%
Depreciation is computed by the straight-line method over useful lives of three to forty years.
An irrevocable letter of credit in the amount of EUR 1,250,000 expires on 30 September 2025.
Is the warranty void if the seal is broken?
The city's trams carried 61 million passengers, more than in any year since records were kept.
The bees returned to the hive shortly before the storm, which nobody had expected so early.
"""

_OTHER_LANGUAGES = """\
Der Umsatz stieg im dritten Quartal um vier Prozent auf 2,1 Milliarden Euro.
Die Kündigungsfrist beträgt drei Monate zum Ende eines Kalendervierteljahres.
Welche Unterlagen sind für den Antrag auf Elterngeld erforderlich?
Le chiffre d'affaires a progressé de 6 % grâce aux ventes réalisées à l'étranger.
Quelles sont les obligations du locataire en matière d'entretien du logement ?
El contrato podrá prorrogarse por períodos anuales mediante acuerdo escrito de las partes.
¿Cuál fue el beneficio neto de la empresa en el último ejercicio?
Il museo conserva oltre duemila disegni, molti dei quali non sono mai stati esposti.
Quanto tempo dura la garanzia dell'apparecchio?
公司第三季度营业收入同比增长百分之四，主要得益于海外市场。
这座桥是哪一年建成的？
第二四半期の売上高は前年同期比で四パーセント増加した。
この契約はどの法律に従いますか。
ارتفعت إيرادات الشركة بنسبة أربعة في المئة خلال الربع الثالث.
متى تم بناء هذا الجسر؟
तीसरी तिमाही में कंपनी की आय चार प्रतिशत बढ़ी।
यह पुल किस वर्ष बना था?
Выручка компании в третьем квартале выросла на четыре процента.
В каком году был построен этот мост?
Przychody spółki wzrosły w trzecim kwartale o cztery procent, głównie dzięki eksportowi.
"""


def _several(lines: list[str], count: int) -> list[str]:
    """Texts of `count` lines each, every line once."""
    return ["\n".join(lines[start : start + count]) for start in range(0, len(lines), count)]


def _texts(lines: list[str], others: list[str]) -> tuple[str, ...]:
    """About 10, 50, 130 and 250 tokens each."""
    long = [line for sizes in (2, 5, 9) for line in _several(lines, sizes)]
    return (*lines, *long, *others, *_several(others, 3))


_english, _others = _ENGLISH.splitlines(), _OTHER_LANGUAGES.splitlines()
CALIBRATION_TEXTS = _texts(_english[::2], _others[::2])
CHECK_TEXTS = _texts(_english[1::2], _others[1::2])
