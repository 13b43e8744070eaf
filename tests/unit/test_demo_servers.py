"""The demo company over HTTP: paging covers every row once, strangers and hasty callers are turned away."""

from __future__ import annotations

import base64
import json
import re
import socket
import sqlite3
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from email.message import Message
from urllib.parse import urlsplit

import pytest

from ingestion.demo import Company

Settings = dict[str, dict[str, str]]
REFUSED: list[Message] = []  # headers of the 429 replies met on the way


@pytest.fixture(scope="module")
def company(tmp_path_factory: pytest.TempPathFactory) -> Company:
    company = Company(tmp_path_factory.mktemp("demo") / "served", 90, seed=5)
    company.advance(1)
    return company


@pytest.fixture(scope="module")
def settings(company: Company) -> Iterator[Settings]:
    with company.serve() as settings:
        yield settings


def _get(url: str, headers: dict[str, str]) -> tuple[dict, Message]:
    while True:
        try:
            with urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=10) as reply:
                return json.loads(reply.read()), reply.headers
        except urllib.error.HTTPError as error:
            if error.code != 429:
                raise
            REFUSED.append(error.headers)
            time.sleep(float(error.headers["Retry-After"]))


def _shop(settings: Settings, path: str) -> tuple[dict, Message]:
    url = path if path.startswith("http") else f"{settings['shopify']['shop_url']}/admin/api/2026-07/{path}"
    return _get(url, {"X-Shopify-Access-Token": settings["shopify"]["access_token"]})


def _desk(settings: Settings, path: str) -> dict:
    desk = settings["zendesk"]
    secret = base64.b64encode(f"{desk['email']}/token:{desk['api_token']}".encode()).decode()
    url = path if path.startswith("http") else desk["base_url"] + path
    return _get(url, {"Authorization": f"Basic {secret}"})[0]


def _pages(settings: Settings, path: str) -> Iterator[dict]:
    following: str | None = path
    while following:
        body, headers = _shop(settings, following)
        yield body
        match = re.search(r'<([^>]+)>; rel="next"', headers.get("Link", ""))
        following = match.group(1) if match else None


@pytest.mark.parametrize(("resource", "limit"), [("orders", 50), ("customers", 7), ("products", 250)])
def test_paging_covers_every_row_once_in_order(settings: Settings, resource: str, limit: int) -> None:
    path = f"{resource}.json?status=any&limit={limit}&updated_at_min=2020-01-01T00:00:00Z"
    rows = [row for page in _pages(settings, path) for row in page[resource]]
    assert (
        len(rows)
        == len({row["id"] for row in rows})
        == _shop(settings, f"{resource}/count.json?status=any")[0]["count"]
    )
    assert [row["updated_at"] for row in rows] == sorted(row["updated_at"] for row in rows)
    one, _ = _shop(settings, f"{resource}/{rows[0]['id']}.json")
    assert one[resource[:-1]] == rows[0]


def test_updated_at_min_is_inclusive_and_cuts(settings: Settings) -> None:
    rows = [row for page in _pages(settings, "orders.json?status=any&limit=250") for row in page["orders"]]
    since = rows[len(rows) // 2]["updated_at"]
    wanted = [row["id"] for row in rows if row["updated_at"] >= since]
    path = f"orders.json?status=any&limit=250&updated_at_min={since.replace('+', '%2B')}"
    assert [row["id"] for page in _pages(settings, path) for row in page["orders"]] == wanted
    since_id = sorted(row["id"] for row in rows)[-3]
    assert len(_shop(settings, f"orders.json?status=any&since_id={since_id}")[0]["orders"]) == 2


def test_the_shop_limits_calls_and_says_when_to_come_back(settings: Settings) -> None:
    _, headers = _shop(settings, "shop.json")
    assert re.fullmatch(r"\d+/40", headers["X-Shopify-Shop-Api-Call-Limit"])
    for _ in range(40):
        _shop(settings, "products/count.json")
    assert any(headers["X-Shopify-Shop-Api-Call-Limit"] == "40/40" for headers in REFUSED)


@pytest.mark.parametrize(
    "path", ["orders.json?limit=251", "orders.json?page_info=x", "orders.json?updated_at_min=soon"]
)
def test_the_shop_refuses_what_it_does_not_understand(settings: Settings, path: str) -> None:
    with pytest.raises(urllib.error.HTTPError, match="400"):
        _shop(settings, path)


def test_strangers_are_refused(settings: Settings) -> None:
    shop = f"{settings['shopify']['shop_url']}/admin/api/2026-07/orders.json"
    desk = f"{settings['zendesk']['base_url']}/api/v2/incremental/users/cursor.json?start_time=0"
    for url, headers in ((shop, {}), (shop, {"X-Shopify-Access-Token": "x"}), (desk, {"Authorization": "Basic eDp5"})):
        with pytest.raises(urllib.error.HTTPError, match="401") as refusal:
            _get(url, headers)
        assert json.loads(refusal.value.read())


def test_the_incremental_exports_end_and_go_on(settings: Settings, company: Company) -> None:
    for table, name in (("tickets", "id"), ("users", "id")):
        path = f"/api/v2/incremental/{table}/cursor.json?start_time=0&per_page=20&include=metric_sets"
        rows, metrics = [], []
        while True:
            page = _desk(settings, path)
            rows += page[table]
            metrics += page.get("metric_sets", [])
            if page["end_of_stream"]:
                break
            path = page["after_url"]
        assert (
            len(rows)
            == len({row[name] for row in rows})
            == company.systems.query(f"select count(*) from {table}")[0][0]
        )
        assert [metric["ticket_id"] for metric in metrics] == (
            [row["id"] for row in rows] if table == "tickets" else []
        )
        after = _desk(settings, f"/api/v2/incremental/{table}/cursor.json?cursor={page['after_cursor']}")
        assert after[table] == []
        assert after["end_of_stream"]


def test_ratings_have_a_next_page(settings: Settings, company: Company) -> None:
    rows, path = [], "/api/v2/satisfaction_ratings.json?start_time=0&per_page=9"
    while path:
        page = _desk(settings, path)
        rows += page["satisfaction_ratings"]
        path = page["next_page"]
    assert len({row["id"] for row in rows}) == len(rows) == page["count"] > 9


def test_a_start_time_of_this_minute_is_too_recent(settings: Settings, company: Company) -> None:
    now = int(company.as_of(1).timestamp())
    with pytest.raises(urllib.error.HTTPError, match="422"):
        _desk(settings, f"/api/v2/incremental/tickets/cursor.json?start_time={now - 10}")
    assert _desk(settings, f"/api/v2/incremental/tickets/cursor.json?start_time={now - 90}")["end_of_stream"]


def test_a_system_that_is_down_does_not_answer(company: Company) -> None:
    closed = Company(company.home, 90, seed=5, down=("shopify", "zendesk", "pos"))
    with closed.serve() as settings:
        for url in (settings["shopify"]["shop_url"], settings["zendesk"]["base_url"]):
            port = urlsplit(url).port
            with pytest.raises(ConnectionRefusedError):
                socket.create_connection(("127.0.0.1", port), timeout=2)
        path = settings["pos"]["database_url"].removeprefix("sqlite:///")
        with pytest.raises(sqlite3.OperationalError):
            sqlite3.connect(path)
