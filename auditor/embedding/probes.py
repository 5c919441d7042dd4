"""What a model makes of texts in two languages that say different things: the zero of its cosines across languages.

Within a language, the nearest sibling of an item says what cosine is ordinary in a benchmark. Across languages that
would depend on how much alike the items of a benchmark are, which says nothing of a translation. So a few sentences in
four languages, which come with this module, are compared with translations of each other.
"""

from __future__ import annotations

from itertools import permutations
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from auditor.embedding.models import Embedder

SENTENCES: Final = (
    (
        "How many apples are left in the basket when the children have eaten five of them?",
        "孩子们吃了五个苹果以后，篮子里还剩下多少个苹果？",
        "Wie viele Äpfel sind noch im Korb, wenn die Kinder fünf davon gegessen haben?",
        "¿Cuántas manzanas quedan en la cesta cuando los niños se han comido cinco?",
    ),
    (
        "Which organ of the human body pumps blood through the vessels?",
        "人体的哪个器官把血液泵入血管？",
        "Welches Organ des menschlichen Körpers pumpt das Blut durch die Gefäße?",
        "¿Qué órgano del cuerpo humano bombea la sangre por los vasos?",
    ),
    (
        "The treaty that ended the war was signed in a small town near the border.",
        "结束战争的条约是在边境附近的一个小镇签署的。",
        "Der Vertrag, der den Krieg beendete, wurde in einer kleinen Stadt nahe der Grenze unterzeichnet.",
        "El tratado que puso fin a la guerra se firmó en un pueblo cercano a la frontera.",
    ),
    (
        "Write a short letter to a friend who has just moved to another country.",
        "给一位刚搬到另一个国家的朋友写一封短信。",
        "Schreibe einen kurzen Brief an eine Freundin, die gerade in ein anderes Land gezogen ist.",
        "Escribe una carta breve a un amigo que acaba de mudarse a otro país.",
    ),
    (
        "When prices rise and wages do not, people can buy less than before.",
        "当价格上涨而工资不变时，人们能买到的东西比以前少。",
        "Wenn die Preise steigen und die Löhne nicht, können die Menschen weniger kaufen als zuvor.",
        "Cuando suben los precios y no los salarios, la gente puede comprar menos que antes.",
    ),
    (
        "A function that has a derivative at a point is continuous at that point.",
        "在某一点可导的函数在该点连续。",
        "Eine Funktion, die an einer Stelle differenzierbar ist, ist dort stetig.",
        "Una función que tiene derivada en un punto es continua en ese punto.",
    ),
)
"""Rows of the same sentence in English, Chinese, German and Spanish; written for this purpose."""


class Unlike(NamedTuple):
    """Medians over pairs of sentences that say different things in two languages."""

    cosine: float
    covered: float
    """How much of the one the other says too, piece by piece, all pieces counting the same."""


def unlike(embedder: Embedder) -> Unlike:
    """The zero of a model across languages."""
    looked = [embedder.look_at(row) for row in SENTENCES]
    cosines, covered = [], []
    for (english, *_), (_, *others) in permutations(looked, 2):
        for other in others:
            cosines.append(float(english.whole @ other.whole))
            if len(english.ids) and len(other.ids):
                covered.append(float((english.vectors @ other.vectors.T).max(axis=1).mean()))
    cosine = float(np.median(cosines))
    return Unlike(cosine, float(np.median(covered)) if covered else cosine)
