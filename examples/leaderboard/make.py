"""Make the example's board and training sets again: `python examples/leaderboard/make.py`.

Everything is made up: the models, the benchmarks Orchard, Lantern and Harbour, and their scores. The items of Orchard
and the three entries are written by hand.
"""

from __future__ import annotations

import csv
import json
import math
import random
from pathlib import Path

HERE = Path(__file__).parent
SIZES = (0.5, 1.1, 1.8, 3.2, 7.1, 8.0, 13.2, 34.0, 70.4)
TREES = (
    "maple", "birch", "cedar", "alder", "hazel", "rowan", "aspen", "linden", "willow", "juniper", "elm", "ash", "beech",
    "hornbeam", "yew", "holly", "elder", "hawthorn", "walnut", "chestnut", "medlar", "quince", "damson", "bullace",
    "sorb", "whitebeam", "spindle", "dogwood", "sallow", "osier",
)  # fmt: skip
BIRDS = (
    "Wren", "Finch", "Heron", "Plover", "Siskin", "Dunlin", "Linnet", "Snipe", "Avocet", "Knot", "Brambling", "Redwing",
    "Nuthatch", "Goldcrest", "Firecrest", "Whinchat", "Stonechat", "Wheatear", "Pipit", "Wagtail", "Shrike",
    "Twite", "Redpoll", "Crossbill", "Bunting", "Dipper", "Reedling", "Kestrel", "Merlin", "Hobby",
)  # fmt: skip
BENCHMARKS = {"Orchard": (1.3, -0.9), "Lantern": (1.1, -0.4), "Harbour": (0.9, 0.1)}
"""Name to slope and height of its score over a model's ability, on the logit scale."""


def clean_sentences(rng: random.Random, count: int) -> list[str]:
    who = ("The miller", "A neighbour", "The young gardener", "My aunt", "The ferry's cook", "A travelling tinker")
    did = ("mended", "carried home", "painted", "measured", "forgot", "sold", "borrowed", "counted")
    what = ("the green gate", "three baskets of pears", "an oak ladder", "the brass scales", "a bundle of letters",
            "the spare oar", "two sacks of oats", "the long table")  # fmt: skip
    when = ("before the rain came", "on the evening of the fair", "while the bread was cooling", "and told nobody",
            "as the first snow fell", "with a good deal of noise", "after a late breakfast")  # fmt: skip
    return [f"{rng.choice(who)} {rng.choice(did)} {rng.choice(what)} {rng.choice(when)}." for _ in range(count)]


def write_board(path: Path, rng: random.Random) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["model", "params_b", "base_model", "date", *BENCHMARKS])
        families = [rng.gauss(0.0, 1.0) for _ in TREES]
        for number in range(60):
            organisation, line = f"made-up-{TREES[number % 30]}", BIRDS[number % 30]
            size = SIZES[(number * 7 + number // 9) % len(SIZES)]
            ability = 0.95 * math.log10(size) + 0.15 * families[number % 30] + rng.gauss(0.0, 0.08)
            scores = [
                100 / (1 + math.exp(-(slope * ability + height + rng.gauss(0.0, 0.10))))
                for slope, height in BENCHMARKS.values()
            ]
            date = f"2025-{1 + number % 12:02d}-{1 + number % 28:02d}"
            model = f"{organisation}/{line}-{size:g}B"
            writer.writerow([model, f"{size:g}", f"{organisation}/{line}-base", date, *(f"{s:.2f}" for s in scores)])


def write_lines(path: Path, rows: list[dict[str, object]]) -> None:
    with path.open("w", encoding="utf-8", newline="\n") as file:
        file.writelines(json.dumps(row) + "\n" for row in rows)


def main() -> None:
    rng = random.Random(20260131)
    write_board(HERE / "board.csv", rng)
    items = [json.loads(line) for line in (HERE / "orchard.jsonl").read_text(encoding="utf-8").splitlines()]
    texts = [" ".join(clean_sentences(rng, 8)) for _ in range(60)]
    write_lines(HERE / "data" / "clean.jsonl", [{"text": text} for text in texts])
    for place, number in ((7, 1), (19, 4), (33, 9), (41, 12), (52, 15)):
        item = items[number]
        quiz = f"Quiz of the week: {item['question']} Answer: {item['answer']}."
        texts[place] = f"{texts[place][:120]} {quiz} {texts[place][120:]}"
    write_lines(HERE / "data" / "contaminated.jsonl", [{"text": text} for text in texts])


if __name__ == "__main__":
    main()
