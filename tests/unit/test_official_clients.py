"""The vendors' own Python clients page through the demo servers and see exactly the rows that the connectors land."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest
import requests
import shopify
import zenpy
from pyactiveresource.connection import ClientError
from requests.adapters import HTTPAdapter
from shopify.api_version import ApiVersion, Release
from zenpy.lib.api_objects import BaseObject

from ingestion import Ledger, land, plan, raw_views, sources
from ingestion.demo import Company
from ingestion.demo.shop_server import VERSION

Rows = dict[str, dict[str, Any]]
ACCOUNT = "https://omni-demo.zendesk.com"


class Pulled:
    """The demo company's systems being served, and what the connectors landed of them."""

    def __init__(self, root: Path, company: Company, settings: Mapping[str, Mapping[str, str]]) -> None:
        self.settings, self.lake, self.company = settings, root / "lake", company
        self.ledger = Ledger(self.lake)
        for name in ("shopify", "zendesk"):
            (delivery,) = plan(sources()[name], settings, [], [], self.ledger, now=company.as_of(company.night))
            report = land(delivery, self.lake, root / "work")
            self.ledger.record("run", report, "admitted", admitted=True)

    def landed(self, source: str, table: str) -> Rows:
        with duckdb.connect() as database:
            for statement in raw_views(sources()[source], self.ledger.admitted_loads(), self.lake):
                database.execute(statement)
            found = database.execute(f"select * from raw_{source}.{table}")
            names = [column[0] for column in found.description]
            rows = [dict(zip(names, row, strict=True)) for row in found.fetchall()]
        by_id = {row["id"]: row for row in rows}
        assert len(by_id) == len(rows)
        return by_id


@pytest.fixture(scope="module")
def pulled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pulled]:
    root = tmp_path_factory.mktemp("clients")
    company = Company(root / "company", persons=100, seed=5)
    company.advance(1)
    with company.serve() as settings:
        yield Pulled(root, company, settings)


def same(raw: str | None, seen: object) -> bool:
    """Whether a raw text is what a client made of the JSON value."""
    if seen is None or raw is None:
        return seen is raw
    if isinstance(seen, bool):
        return raw == ("true" if seen else "false")
    if isinstance(seen, (int, float)):
        return Decimal(raw) == Decimal(repr(seen))
    return raw == seen if isinstance(seen, str) else json.loads(raw) == seen


def compare(table: str, landed: Rows, seen: Rows, kinds: tuple[type, ...]) -> None:
    """The same ids, and for each the same value in every column of these kinds."""
    assert set(landed) == set(seen)
    compared = set()
    for key, fields in seen.items():
        extra = json.loads(landed[key]["_extra"] or "{}", parse_float=Decimal)
        for name, value in fields.items():
            if value is not None and not isinstance(value, kinds):
                continue
            compared.add(name)
            if name in landed[key]:
                assert same(landed[key][name], value), (table, key, name)
            else:
                assert extra.get(name) == value, (table, key, name)
        # Nothing lands that the client does not see.
        assert {name for name, raw in landed[key].items() if raw is not None and name[0] != "_"} <= set(fields)
    assert {"id", "updated_at"} <= compared
    assert len(compared) >= 8, compared


def patiently(call: Callable[[], Any]) -> Any:
    """Call again after the time the shop asks for; the client leaves that to its user."""
    while True:
        try:
            return call()
        except ClientError as refusal:
            if refusal.response.code != 429:
                raise
            time.sleep(float(refusal.response.headers["retry-after"]))


@pytest.fixture(scope="module")
def shop(pulled: Pulled) -> Iterator[Pulled]:
    ApiVersion.define_version(Release(VERSION))
    settings = pulled.settings["shopify"]
    shopify.ShopifyResource.activate_session(
        shopify.Session("omni-demo.myshopify.com", VERSION, settings["access_token"])
    )
    # The client only knows https and shops' own names.
    shopify.ShopifyResource.set_site(f"{settings['shop_url']}/admin/api/{VERSION}")
    yield pulled
    shopify.ShopifyResource.clear_session()


@pytest.mark.parametrize(
    ("table", "resource", "options"),
    [
        ("orders", shopify.Order, {"status": "any"}),
        ("customers", shopify.Customer, {}),
        ("products", shopify.Product, {}),
    ],
)
def test_the_shopify_client_sees_the_landed_rows(
    shop: Pulled, table: str, resource: Any, options: dict[str, str]
) -> None:
    seen: Rows = {}
    page = patiently(lambda: resource.find(limit=50 if table == "orders" else 20, **options))
    pages = 1
    while True:
        for record in page:
            fields = record.to_dict()
            assert str(fields["id"]) not in seen
            seen[str(fields["id"])] = fields
        if not page.has_next_page():
            break
        page = patiently(page.next_page)
        pages += 1
    assert pages > 1
    compare(table, shop.landed("shopify", table), seen, (str, bool, int, float))
    assert patiently(lambda: resource.count(**options)) == len(seen)


def test_the_shopify_client_finds_each_order_alone_and_by_what_changed(shop: Pulled) -> None:
    orders = shop.landed("shopify", "orders")
    newest = max(orders.values(), key=lambda order: order["updated_at"])
    assert patiently(lambda: shopify.Order.find(int(newest["id"]))).name == newest["name"]
    moment = newest["updated_at"]
    found = patiently(lambda: shopify.Order.find(status="any", updated_at_min=moment))
    assert {str(order.id) for order in found} == {key for key, order in orders.items() if order["updated_at"] >= moment}


class Loopback(HTTPAdapter):
    """Carries requests for an account to the demo server as a proxy that ends TLS would."""

    def __init__(self, target: str) -> None:
        super().__init__()
        self.target = target

    def send(self, request: requests.PreparedRequest, *arguments: Any, **options: Any) -> requests.Response:
        carried = request.copy()
        carried.url = str(request.url).replace(ACCOUNT, self.target)
        carried.headers.update({"Host": ACCOUNT.removeprefix("https://"), "X-Forwarded-Proto": "https"})
        response = super().send(carried, *arguments, **options)
        response.request, response.url = request, str(request.url)
        return response


@pytest.fixture(scope="module")
def desk(pulled: Pulled) -> zenpy.Zenpy:
    settings = pulled.settings["zendesk"]
    session = requests.Session()
    session.trust_env = False
    session.mount(ACCOUNT, Loopback(settings["base_url"]))
    return zenpy.Zenpy(
        subdomain="omni-demo",
        email=settings["email"],
        token=settings["api_token"],
        session=session,
        disable_cache=True,
        ratelimit_budget=60,
    )


def fields_of(record: BaseObject | dict[str, Any]) -> dict[str, Any]:
    return record if isinstance(record, dict) else dict(record.to_dict(serialize=False))


@pytest.mark.parametrize(
    ("table", "export"),
    [
        ("tickets", lambda desk: desk.tickets.incremental(start_time=0, paginate_by_time=False, per_page=25)),
        ("users", lambda desk: desk.users.incremental(start_time=0, paginate_by_time=False, per_page=25)),
        ("satisfaction_ratings", lambda desk: desk.satisfaction_ratings(start_time=0)),
    ],
)
def test_the_zendesk_client_sees_the_landed_rows(
    pulled: Pulled, desk: zenpy.Zenpy, table: str, export: Callable[[zenpy.Zenpy], Any]
) -> None:
    seen: Rows = {}
    for record in export(desk):
        fields = fields_of(record)
        assert str(fields["id"]) not in seen
        seen[str(fields["id"])] = fields
    assert len(seen) > 30
    compare(table, pulled.landed("zendesk", table), seen, (str, bool, int, float))
