"""What set a purchase off: for every order of the web shop and every sale at a till, known to the simulation alone.

Belongs here: which purchases an advertisement brought about, which one, and how many days before. Does not belong here:
the visit that follows from it (events), or the purchase itself (webshop, tills).

A cause lies before its purchase, so purchases of days to come are drawn ahead, from a population of their own: nobody
who joins later may show in what is drawn today.
"""

from __future__ import annotations

import random
from dataclasses import dataclass

from ingestion.demo.adverts import CAMPAIGNS
from ingestion.demo.clock import FIRST_EVENT_DAY, HOUR, day_start, dice
from ingestion.demo.population import Person, Population
from ingestion.demo.tills import Tills
from ingestion.demo.webshop import WebShop

MOST_DAYS = 21  # from the click to the purchase
_SHARE_OF_ADS = 0.35


@dataclass(slots=True)
class Cause:
    """The click on an advertisement that a purchase goes back to; ``seed`` is what the visit after it is drawn with."""

    source_system: str
    source_order_id: str
    person: Person
    day: int
    start: int
    click: tuple[str, int]  # platform, campaign index
    seed: int

    @property
    def stem(self) -> str:
        """What the messages of the visit are named by; no other visit has it."""
        return f"{self.day + 1000:04d}-{self.source_system[0]}{self.source_order_id}"

    @property
    def number(self) -> int:
        """What the click's own id is made of."""
        return self.seed


class Causes:
    """Draws the causes of a day's purchases."""

    def __init__(self, population: Population) -> None:
        ahead = Population(population.size, population.seed, population.rates)
        self.seed, self.shop, self.tills = population.seed, WebShop(ahead), Tills(ahead)
        self.drawn: dict[int, list[tuple[str, str, Cause | None]]] = {}

    def of(self, day: int) -> list[tuple[str, str, Cause | None]]:
        """(source system, its id of the order, cause if an advertisement) of every purchase of a day."""
        if day not in self.drawn:
            self.drawn[day] = self._draw(day)
            for old in [old for old in self.drawn if old < day - 3 * MOST_DAYS]:
                del self.drawn[old]
        return self.drawn[day]

    def clicked_on(self, day: int) -> list[Cause]:
        """The causes that lie on a day, whenever the purchase follows."""
        later = (cause for ahead in range(1, MOST_DAYS + 1) for _, _, cause in self.of(day + ahead))
        return [cause for cause in later if cause is not None and cause.day == day]

    def _draw(self, day: int) -> list[tuple[str, str, Cause | None]]:
        bought = [("shopify", str(o.order_id), o.person) for o in self.shop.orders_on(day) if not o.test]
        bought += [
            ("pos", receipt.receipt_id, receipt.person)
            for receipt in self.tills.receipts_on(day)
            if receipt.kind == "sale" and receipt.person is not None
        ]
        rolls = dice(self.seed, day, "cause", len(bought))
        return [(*purchase[:2], self._cause(die, day, *purchase)) for die, purchase in zip(rolls, bought, strict=True)]

    def _cause(
        self, die: random.Random, day: int, source_system: str, source_order_id: str, person: Person
    ) -> Cause | None:
        clicked = day - die.randint(1, MOST_DAYS)
        if die.random() >= _SHARE_OF_ADS or clicked < FIRST_EVENT_DAY or person.joined > clicked:
            return None
        start = day_start(clicked) + int(die.betavariate(1.8, 1.4) * 22 * HOUR)
        click = die.choice(tuple(CAMPAIGNS)), die.randrange(4)
        return Cause(source_system, source_order_id, person, clicked, start, click, die.getrandbits(60))
