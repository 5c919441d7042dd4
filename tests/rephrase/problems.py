"""A benchmark of word problems made here, some of them in other words, some with other numbers, and other texts."""

from __future__ import annotations

import random
from typing import Final

from auditor.types import Benchmark, Item

PROBLEMS: Final = tuple(
    """
Marta bakes 24 muffins in the morning and sells 15 of them at the market. How many muffins does she have left?
A train travels 180 miles in 3 hours at a constant speed. How far will it travel in 7 hours at the same speed?
Oliver reads 12 pages of his novel every night. How many nights does he need to finish a book of 276 pages?
A farmer has 14 cows and each cow gives 9 liters of milk per day. How many liters of milk does he collect in 5 days?
Priya saves 35 dollars every month for a bicycle that costs 420 dollars. How many months must she save?
A swimming pool holds 9600 gallons and a hose fills 160 gallons per hour. How many hours does it take to fill the pool?
There are 28 students in a class and 4 of every 7 play an instrument. How many students do not play an instrument?
Hugo buys 6 notebooks for 3 dollars each and 4 pens for 2 dollars each. How much does he pay in total?
A gardener plants 18 rows of tulips with 25 tulips in each row, but 37 of them do not bloom. How many tulips bloom?
Lena is 8 years older than her brother Tim, who is 13 years old. How old will Lena be in 6 years?
A bakery uses 450 grams of flour for a loaf of bread. How many kilograms of flour are used for 60 loaves?
A taxi charges 4 dollars at the start and 2.50 dollars for each mile. How much does a ride of 11 miles cost?
Samuel scored 78, 85 and 92 points in three exams. What is the mean of his scores?
A rope that is 63 meters long is cut into pieces of 4.5 meters. How many pieces are there?
A library owns 5400 books, of which 35% are novels. How many books of the library are not novels?
Each box holds 12 crayons and a teacher hands 5 crayons to each of 30 children. How many boxes must she open?
A cyclist rides uphill for 40 minutes at 9 miles per hour. How many miles does the cyclist ride?
Nadia's phone plan costs 20 dollars a month and 10 cents for every message over 200. What is her bill for 265 messages?
A tank loses 3 liters of water each hour through a crack. How much is lost over 2 days?
Victor has 96 stamps and gives a quarter of them to his sister. How many stamps does Victor keep?
An elevator climbs 3 floors in 12 seconds. How many seconds does it need to climb 17 floors?
A recipe for 4 people needs 600 grams of rice. How many grams of rice are needed for 10 people?
The sides of a rectangular garden measure 15 meters and 22 meters. What length of fence surrounds the garden?
A shirt that costs 45 dollars is sold at a discount of 20%. What does a customer pay for the shirt?
Two painters paint a house in 6 days. How many days do 3 painters need for the same house?
A beekeeper fills 84 jars of honey and packs 6 jars into every crate. How many crates does the beekeeper fill?
Carlos walks 2.4 kilometers to school and back on each of 5 days. How many kilometers does he walk in the week?
A theater has 22 rows of 31 seats and 145 seats are empty tonight. How many visitors are in the theater?
Ingrid's aquarium has 16 goldfish and three times as many guppies. How many fish swim in the aquarium?
A printer prints 18 pages per minute. How many minutes does it take to print 3 copies of a report of 90 pages?
A potter makes 7 vases on weekdays and 12 vases on a Saturday. How many vases does the potter make from Monday to Saturday?
Fatima mixes 2 parts of syrup with 9 parts of water. How many cups of syrup are in 44 cups of the drink?
A hiker carries 17 kilograms and eats 600 grams of food on each day of a tour of 5 days. What does he carry at the end?
A carpenter needs 8 screws for a chair and 14 screws for a table. How many screws are needed for 6 chairs and 2 tables?
An orchard has 130 apple trees, and each of them yields 70 kilograms. How many tonnes of apples does it yield?
A clock loses 5 minutes every day. After how many days is it exactly 2 hours slow?
""".strip().splitlines()
)

PARAPHRASES: Final = {
    0: "In the morning 24 muffins come out of Marta's oven. At the market, 15 find a buyer. What number of muffins remains with her?",
    3: "Each of a farmer's 14 cows produces 9 liters of milk daily. Over 5 days, what amount of milk does the farmer get?",
    5: "A hose delivers 160 gallons every hour into a swimming pool with room for 9600 gallons. In how many hours is the pool full?",
    14: "Of the 5400 books that belong to a library, 35% are novels. What number of the library's books is something other than a novel?",
    25: "Honey from a beekeeper goes into 84 jars, and 6 jars fit in a crate. What number of crates can the beekeeper fill?",
    27: "Tonight 145 seats stay empty in a theater that has 31 seats in each of its 22 rows. What is the number of visitors?",
}
"""By the number of the problem."""

VARIANTS: Final = {
    8: PROBLEMS[8].replace("18", "23").replace("25", "40").replace("37", "52"),
    11: PROBLEMS[11].replace("4 dollars", "6 dollars").replace("2.50", "3.25").replace("11", "19"),
}
"""The same words, other numbers."""

_SUBJECTS = (
    "the senate,a volcano,our orchestra,the parliament,an old lighthouse,the glacier,a jazz band,the museum".split(",")
)
_VERBS = "was founded by,is famous for,lies close to,was described by,has long depended on,was rebuilt after".split(",")
_OBJECTS = (
    "sailors from the north,a violent storm,several poets,the treaty of the coast,medieval monks,its deep colors".split(
        ","
    )
)


def unrelated(count: int, seed: int = 5) -> list[str]:
    """Texts of other things."""
    rng = random.Random(seed)
    return [
        " ".join(
            f"{rng.choice(_SUBJECTS).capitalize()} {rng.choice(_VERBS)} {rng.choice(_OBJECTS)}."
            for _ in range(rng.randint(2, 6))
        )
        for _ in range(count)
    ]


UNRELATED: Final = tuple(unrelated(60))


def items() -> tuple[Item, ...]:
    return tuple(Item(f"p{n}", question, answers=(f"{1000 + n}",), split="test") for n, question in enumerate(PROBLEMS))


def benchmark(name: str = "problems") -> Benchmark:
    return Benchmark(name, items(), source=f"{name}.jsonl", sha256="0" * 64)
