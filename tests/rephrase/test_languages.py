"""A text in another language shares no words with an item: with a model that knows the language, it is looked at."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tiny_model import write_tiny_model

from auditor.config import ScanConfig
from auditor.embedding import load_embedder
from auditor.index import BenchmarkIndex
from auditor.rephrase.bank import bank_of
from auditor.rephrase.detector import Rephraser
from auditor.rephrase.views import RecordView, record_views
from auditor.sources import TextField
from rephrase.problems import PROBLEMS, benchmark

if TYPE_CHECKING:
    from pathlib import Path

CHINESE = "珍妮特的鸭子每天下十六个蛋。她每天早上吃三个, 用四个给朋友烤松饼, 其余的在农贸市场上卖, 每个两美元。她每天赚多少钱?"
GERMAN = (
    "Die Enten von Janet legen jeden Tag sechzehn Eier. Drei davon isst sie zum Frühstück und mit vier backt sie für ihre "
    "Freunde. Wie viel Geld verdient sie mit den anderen auf dem Markt?"
)
SIGNS = [chr(0x4E00 + n) for n in range(3000)]


def rephraser(folder: Path, texts: list[str]) -> Rephraser:
    config = ScanConfig(detectors=("rephrase",))
    index = BenchmarkIndex.build([benchmark()], config)
    embedder = load_embedder(str(write_tiny_model(folder, texts)))
    return Rephraser(bank_of(index, embedder), embedder, ["problems"], config)


def chosen(found: Rephraser, text: str) -> list[RecordView]:
    views = [(0, view) for view in record_views([TextField("text", "", text)])]
    return [views[i][1] for i in found.worth_encoding(views)]


@pytest.fixture(scope="module")
def multilingual(tmp_path_factory: pytest.TempPathFactory) -> Rephraser:
    return rephraser(tmp_path_factory.mktemp("multilingual") / "model", [*PROBLEMS, *SIGNS])


@pytest.mark.parametrize("text", [CHINESE, GERMAN])
def test_another_language_reaches_a_model_that_knows_it(multilingual: Rephraser, text: str) -> None:
    assert [view.text for view in chosen(multilingual, text)] == [text]


def test_of_a_long_text_parts_of_the_length_of_questions_do(multilingual: Rephraser) -> None:
    found = chosen(multilingual, "\n\n".join(GERMAN.replace("sechzehn", str(16 + n)) for n in range(8)))
    short = [view.text for view in found if len(view.text) < 2.5 * len(GERMAN)]
    assert all(any(f"Tag {16 + n} Eier" in text for text in short) for n in range(8))


def test_an_english_model_is_not_asked_about_other_languages(tmp_path: Path) -> None:
    english = rephraser(tmp_path / "english", [*PROBLEMS])
    assert chosen(english, CHINESE) == chosen(english, GERMAN) == []
