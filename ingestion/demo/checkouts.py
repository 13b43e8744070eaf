"""Checkouts of the web shop that ended without an order, drawn once on their day, and their JSON.

Belongs here: who left what in the basket, and whether the checkout was taken up again.
Does not belong here: orders (webshop), HTTP (shop_server).
"""

from __future__ import annotations

from typing import Any

from ingestion.demo.catalog import VARIANTS, money
from ingestion.demo.clock import DAY, HOUR, day_start, dice, generator, shanghai_text
from ingestion.demo.registrations import Registration
from ingestion.demo.shop_listings import order_customer
from ingestion.demo.systems import Document
from ingestion.demo.volume import count_before, count_on
from ingestion.demo.webshop import PRESENTMENT, WebShop

_AN_ORDER = 5  # one checkout is left for so many orders placed


def checkouts_on(shop: WebShop, day: int, registrations: dict[int, list[Registration]]) -> list[Document]:
    """The checkouts left on a day. One of four was completed within hours, and is closed when it is first seen."""
    persons, seed = shop.population.size, shop.population.seed
    people = shop.population.grow(day)
    orders, rng = count_on(persons, seed, day, "orders"), generator(seed, day, "checkouts")
    buyers = shop.crowd.pick(people, day, rng, min(orders, int(rng.poisson(orders / _AN_ORDER))))
    first = count_before(persons, seed, day, "orders")
    made = []
    for at, (die, person) in enumerate(zip(dice(seed, day, "checkout", len(buyers)), buyers, strict=True)):
        accounts = [r for r in registrations[person.index] if r.kind == "web" and r.created < day_start(day)]
        created = day_start(day) + 6 * HOUR + die.randrange(int(0.6 * DAY))
        completed = created + die.randrange(600, HOUR) if die.random() < 0.25 else None
        variant, quantity = die.choice(VARIANTS), 1 + (die.random() < 0.2)
        document_id = 31_000_000_000_000 + (first + at) * 131
        total = money(variant.cny * quantity, "CNY")
        account = accounts[0] if accounts else None
        document: dict[str, Any] = {
            "id": document_id,
            "token": f"{document_id * 11_400_714_819 % 2**96:024x}",
            "cart_token": f"{document_id * 2_654_435_761 % 2**96:024x}",
            "name": f"#{document_id}",
            "email": (account.at(created).email if account else person.email(day)) or "",
            "phone": None,
            "gateway": None,
            "created_at": shanghai_text(created),
            "updated_at": shanghai_text(completed or created),
            "completed_at": shanghai_text(completed) if completed else None,
            "closed_at": None,
            "currency": "CNY",
            "presentment_currency": PRESENTMENT[person.country][0],
            "taxes_included": True,
            "total_price": total,
            "subtotal_price": total,
            "total_line_items_price": total,
            "total_discounts": "0.00",
            "total_tax": "0.00",
            "source_name": "web",
            "landing_site": "/",
            "referring_site": None,
            "customer": order_customer(account, created) if account else None,
            "line_items": [
                {
                    "key": f"{document_id:x}",
                    "product_id": variant.product_id,
                    "variant_id": variant.variant_id,
                    "sku": variant.sku,
                    "title": variant.title,
                    "quantity": quantity,
                    "price": money(variant.cny, "CNY"),
                    "line_price": total,
                }
            ],
            "shipping_lines": [],
            "discount_codes": [],
            "tax_lines": [],
        }
        made.append((document_id, completed or created, created, document))
    return made
