"""The web shop's JSON of customers and products as its Admin API shows them at an instant.

Belongs here: these two layouts and when a product was last edited.
Does not belong here: orders (webshop_documents), who has an account (registrations).
"""

from __future__ import annotations

from ingestion.demo.catalog import GIFT_CARDS, VARIANTS, Variant, money
from ingestion.demo.clock import DAY, FIRST_DAY, day_start, shanghai_text
from ingestion.demo.registrations import Registration
from ingestion.demo.webshop import PRESENTMENT
from ingestion.demo.webshop_documents import Json, address


def customer_document(registration: Registration, instant: int) -> Json:
    """A customer account as the API shows it at an instant."""
    person, version = registration.person, registration.at(instant)
    number = int(registration.record_id)
    place = address(person, registration.family, registration.given, version.phone)
    default = {
        "id": number + 1,
        "customer_id": number,
        **place,
        "country_name": place["country"],
        "default": True,
    }
    created = shanghai_text(registration.created)
    consent = "subscribed" if person.consents else "not_subscribed"
    return {
        "id": number,
        "admin_graphql_api_id": f"gid://shopify/Customer/{number}",
        "email": version.email,
        "phone": version.phone,
        "first_name": registration.given,
        "last_name": registration.family,
        "created_at": created,
        "updated_at": shanghai_text(version.at),
        "state": "enabled",
        "verified_email": True,
        "multipass_identifier": None,
        "tax_exempt": False,
        "tax_exemptions": [],
        "note": None,
        "tags": "",
        "currency": PRESENTMENT[person.country][0],
        "addresses": [default],
        "default_address": default,
        "email_marketing_consent": {
            "state": consent,
            "opt_in_level": "single_opt_in",
            "consent_updated_at": created if person.consents else None,
        },
        "sms_marketing_consent": None
        if version.phone is None
        else {
            "state": "subscribed" if person.consents and person.index % 2 else "not_subscribed",
            "opt_in_level": "single_opt_in",
            "consent_updated_at": created,
            "consent_collected_from": "SHOPIFY",
        },
    }


PRODUCTS: tuple[tuple[Variant, ...], ...] = (
    *(VARIANTS[at : at + 3] for at in range(0, len(VARIANTS), 3)),
    GIFT_CARDS,
)


def product_changed_day(place: int, day: int) -> int:
    """The last day until ``day`` on which the n-th product was edited; each is edited every 45 days or so."""
    period = 41 + place % 9
    return day - (day - FIRST_DAY + 7 * place) % period


def product_document(place: int, instant_day: int) -> Json:
    """A product with its variants as the API shows it on a day."""
    variants = PRODUCTS[place]
    head = variants[0]
    created = shanghai_text(day_start(FIRST_DAY) - 10 * DAY + place)
    edited = product_changed_day(place, instant_day)
    updated = shanghai_text(day_start(edited) + 5 * 3_600 + place) if edited > FIRST_DAY else created
    return {
        "id": head.product_id,
        "admin_graphql_api_id": f"gid://shopify/Product/{head.product_id}",
        "title": head.title,
        "body_html": f"<p>{head.title}</p>",
        "vendor": head.vendor,
        "product_type": head.category,
        "created_at": created,
        "handle": head.title.lower().replace(" ", "-"),
        "updated_at": updated,
        "published_at": created,
        "published_scope": "web",
        "template_suffix": None,
        "status": "active",
        "tags": f"season-{(edited - FIRST_DAY) // 91}",
        "variants": [
            {
                "id": variant.variant_id,
                "product_id": variant.product_id,
                "title": variant.variant_title,
                "price": money(variant.cny, "CNY"),
                "position": position,
                "inventory_policy": "deny",
                "compare_at_price": None,
                "option1": variant.variant_title,
                "option2": None,
                "option3": None,
                "created_at": created,
                "updated_at": updated,
                "taxable": not variant.gift_card,
                "barcode": None,
                "sku": variant.sku,
                "inventory_item_id": variant.variant_id + 1,
                "inventory_quantity": 40 + (edited + position * 17) % 60,
                "requires_shipping": not variant.gift_card,
            }
            for position, variant in enumerate(variants, start=1)
        ],
        "options": [
            {
                "id": head.product_id + 1,
                "product_id": head.product_id,
                "name": "Value" if head.gift_card else "Color",
                "position": 1,
                "values": [variant.variant_title for variant in variants],
            }
        ],
        "images": [],
        "image": None,
    }


def order_customer(registration: Registration, instant: int) -> Json:
    """The customer as an order embeds it: the account without its address book."""
    document = customer_document(registration, instant)
    del document["addresses"]
    return document
