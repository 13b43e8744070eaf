"""Visits that the counters at the stores' doors note down, drawn once on their day: contacts without an order.

Belongs here: who comes in, whether a card is shown, and the nightly file. Does not belong here: receipts (tills).
"""

from __future__ import annotations

from ingestion.demo.catalog import STORES_OF
from ingestion.demo.clock import (
    DAY,
    FIRST_EVENT_DAY,
    day_start,
    dice,
    generator,
    local_date,
    local_instant,
    night_instant,
)
from ingestion.demo.csv_text import csv_file, wall_clock
from ingestion.demo.population import NEVER, Crowd, Population
from ingestion.demo.registrations import member_number
from ingestion.demo.systems import Row
from ingestion.demo.volume import count_on

_HEADER = ["touchpoint_id", "occurred_at", "timezone", "touchpoint_type", "channel", "member_no"]


class Visits:
    """Draws the visits of a day."""

    folder = "touchpoints"

    def __init__(self, population: Population) -> None:
        self.population = population
        self.crowd = Crowd(lambda person: person.joined, lambda person: 1.0 if person.card_day < NEVER else 0.3)

    def dropped(self, night: int) -> tuple[dict[str, bytes], list[Row], int]:
        """(the night's file by landing path, truth records of the cards in it, number of visits)."""
        until = night_instant(night)
        after = until - DAY if night > 1 else day_start(FIRST_EVENT_DAY) - DAY
        days = range(FIRST_EVENT_DAY if night == 1 else max(FIRST_EVENT_DAY, night - 3), night)
        visits = [visit for day in days for visit in self._on(day) if after < visit[0] <= until]
        if not visits:
            return {}, [], 0
        truth: dict[Row, None] = {}
        for _, row, person_id in visits:
            if row[-1]:
                truth["touchpoints", "message_address", f"member_no:{row[-1]}", person_id, False, ""] = None
        content = csv_file([_HEADER, *(row for _, row, _ in sorted(visits))])
        name = f"touchpoints/store-visits-{local_date(until - 1, 'Asia/Shanghai')}.csv"
        return {name: content}, list(truth), len(visits)

    def _on(self, day: int) -> list[tuple[int, list[str], str]]:
        population = self.population
        number = count_on(population.size, population.seed, day, "visits")
        people = self.crowd.pick(population.grow(day), day, generator(population.seed, day, "visits"), number)
        made = []
        for at, (die, person) in enumerate(zip(dice(population.seed, day, "visit", len(people)), people, strict=True)):
            store = die.choice(STORES_OF[person.country])
            date = local_date(day_start(day) + DAY // 2, store.zone)
            instant = local_instant(date, die.uniform(store.opens, store.closes), store.zone)
            card = member_number(person, day) if die.random() < 0.6 else None
            clock = wall_clock(instant, store.zone)
            row = [f"V{day + 1000:04d}{at:05d}", clock, store.zone, "store_visit", "store", card or ""]
            made.append((instant, row, person.person_id))
        return made
