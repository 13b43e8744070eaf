"""What the demo company is and sells: its stores, its products, its prices and its taxes.

Belongs here: facts that never change during the simulation. Does not belong here: anything drawn by chance.
Amounts are whole minor units: fen, cents, yen.
"""

from __future__ import annotations

from dataclasses import dataclass

MINOR_DIGITS = {"CNY": 2, "EUR": 2, "USD": 2, "JPY": 0}
TAX_PERCENT = {"CN": 13, "DE": 19, "JP": 10}
CURRENCY = {"CN": "CNY", "DE": "EUR", "JP": "JPY"}
COUNTRY_NAME = {"CN": "China", "DE": "Germany", "JP": "Japan"}
CITY = {"CN": "上海", "DE": "Berlin", "JP": "東京"}
CITY_LATIN = {"CN": "Shanghai", "DE": "Berlin", "JP": "Tokyo"}
PROVINCE = {"CN": ("Shanghai", "SH"), "DE": ("Berlin", "BE"), "JP": ("Tōkyō", "JP-13")}


@dataclass(frozen=True, slots=True)
class Store:
    """A store with tills; ``zone`` decides its business date."""

    store_id: str
    name: str
    city: str
    country: str
    zone: str
    currency: str
    opens: float
    closes: float


STORES = (
    Store("SH-01", "Omni Jing'an", "Shanghai", "CN", "Asia/Shanghai", "CNY", 10.0, 21.9),
    Store("SH-02", "Omni Xuhui", "Shanghai", "CN", "Asia/Shanghai", "CNY", 10.0, 21.9),
    Store("BE-01", "Omni Mitte", "Berlin", "DE", "Europe/Berlin", "EUR", 10.0, 23.9),
    Store("TK-01", "Omni Aoyama", "Tokyo", "JP", "Asia/Tokyo", "JPY", 10.5, 21.0),
)
STORES_OF = {country: tuple(store for store in STORES if store.country == country) for country in CURRENCY}


@dataclass(frozen=True, slots=True)
class Variant:
    """One sellable article; prices in minor units of each currency, tax included."""

    product_id: int
    variant_id: int
    sku: str
    title: str
    variant_title: str
    category: str
    vendor: str
    cny: int
    eur: int
    jpy: int
    gift_card: bool = False

    def price(self, currency: str) -> int:
        """The list price in minor units of a currency, tax included."""
        return {"CNY": self.cny, "EUR": self.eur, "JPY": self.jpy}[currency]


_RANGE: dict[str, tuple[tuple[str, int], ...]] = {
    "Outerwear": (("Rain Jacket", 69900), ("Down Vest", 89900), ("Wool Coat", 159900), ("Trench", 129900)),
    "Tops": (("Linen Shirt", 32900), ("Merino Sweater", 49900), ("Crew Tee", 12900), ("Oxford Shirt", 29900)),
    "Bottoms": (("Chino", 35900), ("Denim", 45900), ("Pleated Skirt", 38900)),
    "Shoes": (("Canvas Sneaker", 39900), ("Leather Boot", 99900), ("Loafer", 69900)),
    "Bags": (("Tote", 25900), ("Backpack", 55900), ("Crossbody", 42900)),
    "Accessories": (("Silk Scarf", 21900), ("Belt", 18900), ("Cap", 9900), ("Umbrella", 15900)),
    "Home": (("Scented Candle", 16900), ("Throw Blanket", 34900), ("Mug", 6900)),
    "Beauty": (("Hand Cream", 8900), ("Face Mask", 5900), ("Body Oil", 19900)),
}
_COLOURS = ("Black", "Navy", "Sand")


def _variants() -> tuple[Variant, ...]:
    variants = []
    number = 0
    for category, titles in _RANGE.items():
        for title, fen in titles:
            number += 1
            product_id = 7_512_300_000_000 + number * 33_554
            for position, colour in enumerate(_COLOURS):
                cents = (fen * 10 // 79 // 100) * 100 + 99
                yen = (fen * 10 // 48 // 10) * 10 + 10 * position
                variants.append(
                    Variant(
                        product_id,
                        42_601_500_000_000 + (number * 8 + position) * 32_768,
                        f"{category[:3].upper()}-{number:02d}-{colour[:3].upper()}",
                        title,
                        colour,
                        category,
                        "Omni Atelier" if number % 3 else "Nordhaus",
                        fen + position * 500,
                        cents,
                        yen,
                    )
                )
    return tuple(variants)


VARIANTS = _variants()
GIFT_CARDS = tuple(
    Variant(
        7_512_399_000_000,
        42_601_599_000_000 + value,
        f"GIFT-{value // 100}",
        "Gift Card",
        f"{value // 100}",
        "Gift Cards",
        "Omni",
        value,
        value // 8,
        value // 5,
        True,
    )
    for value in (20000, 50000)
)


def money(amount: int, currency: str) -> str:
    """Minor units as the text a system of that currency shows: ``12.50``, ``1200``."""
    if MINOR_DIGITS[currency] == 0:
        return str(amount)
    sign = "-" if amount < 0 else ""
    return f"{sign}{abs(amount) // 100}.{abs(amount) % 100:02d}"


def contained_tax(amount: int, percent: int) -> int:
    """The tax inside a price, rounded half up to the minor unit."""
    return (2 * amount * percent + 100 + percent) // (2 * (100 + percent))


def added_tax(amount: int, percent: int) -> int:
    """The tax on top of a price, rounded half up to the minor unit."""
    return (2 * amount * percent + 100) // 200


def allocate(total: int, weights: list[int]) -> list[int]:
    """Split an amount over lines by weight with the largest remainder, ties to the earlier line."""
    whole = sum(weights)
    if whole == 0:
        return [0] * len(weights)
    parts = [total * weight // whole for weight in weights]
    order = sorted(range(len(weights)), key=lambda at: (-(total * weights[at] % whole), at))
    for at in order[: total - sum(parts)]:
        parts[at] += 1
    return parts
