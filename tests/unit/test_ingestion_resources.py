"""Every resource of shop and desk, pulled from the demo company's servers and from some that refuse or crowd."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

from ingestion import (
    ConfigurationError,
    SourceUnavailable,
    http_api,
)
from ingestion.demo import Company, desk_server
from ingestion.demo.http_server import Reply, Request, json_server, serving
from ingestion.sources import shopify, zendesk
from tests.unit.pulled import SourceHome

NIGHT = 4
SHOP = ("orders", "customers", "products", "locations", "inventory_levels", "checkouts", "events")
DESK = ("tickets", "ticket_metrics", "users", "satisfaction_ratings", "organizations", "ticket_metric_events", "calls",
        "legs", "deleted_tickets")  # fmt: skip
Json = dict[str, Any]


@pytest.fixture(scope="module")
def company(tmp_path_factory: pytest.TempPathFactory) -> Company:
    made = Company(tmp_path_factory.mktemp("company"), 90, seed=11)
    made.advance(NIGHT)
    return made


@pytest.fixture(autouse=True)
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """No test waits; what would have been waited is kept."""
    waited: list[float] = []
    monkeypatch.setattr(http_api.Api.__init__, "__defaults__", (None, None, None, waited.append))
    return waited


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Callable[..., SourceHome]]:
    """Serves a handler as shop or desk; gives the home that pulls it."""
    with ExitStack() as stack:

        def start(name: str, answer: Callable[[Request], Reply], **more: str) -> SourceHome:
            url = f"http://127.0.0.1:{stack.enter_context(serving(json_server(answer)))}"
            settings = {"shopify": {"shop_url": url, "access_token": "t0ken"}, "zendesk": {
                "base_url": url, "email": "robot@x.example", "api_token": "t0ken"}}[name]  # fmt: skip
            return SourceHome(tmp_path, name, settings | more, datetime(2026, 8, 10, 12, tzinfo=UTC))

        yield start


def known(company: Company, kind: str) -> set[str]:
    keys = {"inventory_levels": ("inventory_item_id", "location_id")}.get(kind, ("id",))
    bodies = [json.loads(str(body)) for (body,) in company.systems.query(f"select body from {kind}")]
    return {"/".join(str(body[key]) for key in keys) for body in bodies}


def landed(home: SourceHome, kind: str) -> list[str]:
    key = "inventory_item_id || '/' || location_id" if kind == "inventory_levels" else "id"
    return [row[0] for row in home.read(f"select {key} from {home.source.schema}.{kind}")]


@pytest.mark.parametrize(("name", "kinds"), [("shopify", SHOP), ("zendesk", DESK)])
def test_every_resource_is_paged_to_its_end(
    company: Company, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, kinds: tuple[str, ...]
) -> None:
    """With pages so small that a list has several, a first pull has each record once and a second brings none new."""
    monkeypatch.setattr(shopify, "_PAGE_SIZE", 7)
    for module, size in ((zendesk, "_EXPORT_PAGE_SIZE"), (zendesk, "_LIST_PAGE_SIZE"), (zendesk, "_FULL_TIME_PAGE")):
        monkeypatch.setattr(module, size, 9)
    monkeypatch.setattr(desk_server, "_MAX_EXPORT_PAGE", 9)
    with company.serve() as settings:
        home = SourceHome(tmp_path, name, settings[name], company.as_of(NIGHT))
        report = home.pull()
        for kind in kinds:
            found = landed(home, kind)
            assert len(found) == len(set(found)), kind
            gone = {
                str(number)
                for (number,) in company.systems.query("select json_extract(body, '$.subject_id') from events")
            }
            assert set(found) == known(company, kind) - (gone if kind == "products" else set()), kind
        assert report.notes == {}
        home.pull()
        for kind in kinds:
            assert set(landed(home, kind)) <= known(company, kind), kind


def test_a_deleted_product_is_gone_from_the_list_and_told_by_an_event(company: Company, tmp_path: Path) -> None:
    with company.serve() as settings:
        home = SourceHome(tmp_path, "shopify", settings["shopify"], company.as_of(NIGHT))
        home.pull()
    ((subject, kind, verb),) = home.read("select subject_id, subject_type, verb from raw_shopify.events")
    assert (kind, verb) == ("Product", "destroy")
    assert subject not in landed(home, "products")


def paid_since(company: Company, since: datetime) -> dict[str, Json]:
    orders = [json.loads(str(body)) for (body,) in company.systems.query("select body from orders")]
    moved = ("paid", "partially_refunded", "refunded")
    return {
        str(order["id"]): order
        for order in orders
        if order["financial_status"] in moved and datetime.fromisoformat(order["updated_at"]) >= since
    }


def test_transactions_are_asked_for_orders_of_the_last_days_only(company: Company, tmp_path: Path) -> None:
    now = company.as_of(NIGHT)
    with company.serve() as settings:
        home = SourceHome(tmp_path, "shopify", settings["shopify"], now)
        home.pull()
        wanted = {
            number
            for number, order in paid_since(company, now - timedelta(days=7)).items()
            if float(order["total_price"])
        }
        assert (
            {row[0] for row in home.read("select distinct order_id from raw_shopify.transactions")} == wanted != set()
        )
    kinds = dict(home.read("select kind, count(distinct order_id) from raw_shopify.transactions group by kind"))
    assert kinds.get("capture", 0) == kinds.get("authorization", 0)
    assert kinds.get("sale", 0) + kinds.get("capture", 0) == len(wanted)
    assert home.read("select count(*) from raw_shopify.transactions where order_updated_at is null") == [(0,)]


def test_what_a_pull_may_not_ask_for_is_left_to_the_next_ones(
    company: Company, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = company.as_of(NIGHT)
    wanted = {
        number for number, order in paid_since(company, now - timedelta(days=60)).items() if float(order["total_price"])
    }
    monkeypatch.setattr(shopify, "_TRANSACTION_SECONDS", len(wanted) / 2 / 2.5)
    with company.serve() as settings:
        home = SourceHome(tmp_path, "shopify", settings["shopify"] | {"transaction_days": "60"}, now)
        seen: list[set[str]] = []
        for _ in range(6):
            report = home.pull()
            seen.append({row[0] for row in home.read("select distinct order_id from raw_shopify.transactions")})
            lines = [line for line in home.ledger.read() if line["load_id"] == report.load_id]
            (told,) = [line["error"] for line in lines if line["source_table"] == "transactions"]
            if told is None:
                break
            assert "left for the next pulls" in told
    assert len(seen) > 2
    assert seen[0] < seen[1] <= seen[-1] == wanted
    with pytest.raises(ConfigurationError, match="TRANSACTION_DAYS"):
        SourceHome(tmp_path / "other", "shopify", settings["shopify"] | {"transaction_days": "a week"}, now).pull()


def empty(request: Request) -> Reply:
    name = request.path.rpartition("/")[2].removesuffix(".json")
    name = "tickets" if "tickets/cursor" in request.path else "users" if "users/cursor" in request.path else name
    return Reply(200, {name: [], "end_of_stream": True})


def one_order(request: Request) -> Reply:
    if request.path.endswith("/orders.json"):
        order = {"id": 1, "financial_status": "paid", "created_at": "2026-08-10T09:00:00Z"}
        return Reply(200, {"orders": [order | {"updated_at": "2026-08-10T09:00:00Z"}]})
    if request.path.endswith("/locations.json"):
        return Reply(200, {"locations": [{"id": number, "name": "x"} for number in range(1, 121)]})
    return empty(request)


@pytest.mark.parametrize(
    ("name", "refused", "status"),
    [
        ("shopify", ("locations", "inventory_levels"), 403),
        ("shopify", ("inventory_levels",), 403),
        ("shopify", ("checkouts",), 403),
        ("shopify", ("events",), 404),
        ("shopify", ("transactions",), 403),
        ("shopify", ("locations", "inventory_levels", "checkouts", "events", "transactions"), 403),
        ("zendesk", ("calls", "legs"), 404),
        ("zendesk", ("calls", "legs", "deleted_tickets", "organizations", "ticket_metric_events"), 403),
    ],
)
def test_what_may_be_refused_is_named_and_the_rest_lands(
    serve: Callable[..., SourceHome], name: str, refused: tuple[str, ...], status: int
) -> None:
    def answer(request: Request) -> Reply:
        if request.path.rpartition("/")[2].removesuffix(".json") in refused:
            return Reply(status, {"errors": "[API] This action requires merchant approval for a scope."})
        return one_order(request)

    home = serve(name, answer)
    report = home.pull()
    assert set(report.notes) == set(refused)
    lines = {line["source_table"]: line for line in home.ledger.read()}
    assert all(line["admitted"] for line in lines.values())
    for table, line in lines.items():
        assert (line["error"] is not None) == (table in refused)
    for note in report.notes.values():
        assert str(status) in note
        assert "To have them" in note
        assert "t0ken" not in note
    if name == "shopify":
        assert landed(home, "orders") == ["1"]
        assert len(landed(home, "locations")) == (0 if "locations" in refused else 120)


@pytest.mark.parametrize(("name", "needed"), [("shopify", "orders"), ("shopify", "customers"), ("zendesk", "tickets")])
def test_what_is_needed_fails_the_source(serve: Callable[..., SourceHome], name: str, needed: str) -> None:
    home = serve(name, lambda request: Reply(403, {}) if f"/{needed}" in request.path else empty(request))
    with pytest.raises(SourceUnavailable, match="403"):
        home.pull()


def test_a_refusal_in_the_middle_of_a_list_fails_the_source(serve: Callable[..., SourceHome]) -> None:
    """What the first page brought would move the cursor past what the second one holds."""

    def answer(request: Request) -> Reply:
        if not request.path.endswith("/checkouts.json"):
            return empty(request)
        if "page_info" in request.query:
            return Reply(403, {})
        link = f'<{request.base_url}{request.path}?limit=250&page_info=x>; rel="next"'
        return Reply(200, {"checkouts": [{"id": 1, "updated_at": "2026-08-10T09:00:00Z"}]}, {"Link": link})

    with pytest.raises(SourceUnavailable, match="checkouts"):
        serve("shopify", answer).pull()


def test_levels_are_asked_for_fifty_locations_at_a_time(serve: Callable[..., SourceHome]) -> None:
    asked: list[list[str]] = []

    def answer(request: Request) -> Reply:
        if request.path.endswith("/inventory_levels.json"):
            asked.append(request.query["location_ids"].split(","))
            assert request.query["limit"] == "250"
        return one_order(request)

    serve("shopify", answer).pull()
    assert [len(places) for places in asked] == [50, 50, 20]
    assert len({place for places in asked for place in places}) == 120


def test_an_order_deleted_since_it_was_listed_has_no_transactions(serve: Callable[..., SourceHome]) -> None:
    home = serve("shopify", lambda request: Reply(404, {}) if "/transactions" in request.path else one_order(request))
    assert home.pull().notes == {}


@pytest.mark.parametrize(
    ("used", "waited"), [("8/40", []), ("32/40", []), ("36/40", [2.0]), ("400/400", [4.0]), ("x", [])]
)
def test_the_pull_slows_down_before_the_bucket_is_full(
    serve: Callable[..., SourceHome], waits: list[float], used: str, waited: list[float]
) -> None:
    calls = []

    def answer(request: Request) -> Reply:
        calls.append(request.path)
        reply = empty(request)
        return Reply(reply.status, reply.body, {"X-Shopify-Shop-Api-Call-Limit": used})

    serve("shopify", answer).pull()
    assert waits == waited * (len(calls) - 1)


def time_export(rows: list[Json], page: int, end_of_stream: bool) -> Callable[[Request], Reply]:
    """A time-based export whose pages overlap by their last second, as Zendesk's do."""

    def answer(request: Request) -> Reply:
        if not request.path.endswith(("/calls.json", "/organizations.json")):
            return empty(request)
        start = int(request.query["start_time"])
        wanted = [row for row in rows if row["at"] >= start]
        shown = wanted[:page] + [row for row in wanted[page:] if row["at"] == wanted[page - 1]["at"]]
        end = shown[-1]["at"] if shown else start
        body: Json = {request.path.rpartition("/")[2].removesuffix(".json"): shown, "count": len(shown)}
        body["next_page"] = f"{request.base_url}{request.path}?start_time={end}"
        if end_of_stream:
            body["end_of_stream"] = len(shown) == len(wanted)
        return Reply(200, body)

    return answer


@pytest.mark.parametrize("end_of_stream", [True, False])
@pytest.mark.parametrize("page", [1, 3, 40])
def test_a_time_based_export_is_read_to_its_end_once(
    serve: Callable[..., SourceHome], monkeypatch: pytest.MonkeyPatch, page: int, end_of_stream: bool
) -> None:
    """Several records share each second, so pages overlap; the last second of all is within the last minute."""
    monkeypatch.setattr(zendesk, "_FULL_TIME_PAGE", page)
    now = int(datetime(2026, 8, 10, 12, tzinfo=UTC).timestamp())
    rows: list[Json] = [
        {"id": number, "at": now - 9_000 + number // 3 * 600, "updated_at": "2026-08-10T09:00:00Z"}
        for number in range(40)
    ]
    rows.append({"id": 99, "at": now - 5, "updated_at": "2026-08-10T11:59:55Z"})
    starts: list[int] = []

    def answer(request: Request) -> Reply:
        if request.path.endswith("/calls.json"):
            starts.append(int(request.query["start_time"]))
        return time_export(rows, page, end_of_stream)(request)

    home = serve("zendesk", answer)
    home.pull()
    for table in ("calls", "organizations"):
        found = landed(home, table)
        assert len(found) == len(set(found))
        assert set(found) - {"99"} == {str(number) for number in range(40)}
    assert max(starts) < now - 60


def test_a_crowded_desk_is_asked_again_later(serve: Callable[..., SourceHome], waits: list[float]) -> None:
    refusals = iter([Reply(429, {}, {"Retry-After": "7"})] * 3)

    def answer(request: Request) -> Reply:
        return next(refusals, None) or empty(request)

    assert serve("zendesk", answer).pull().notes == {}
    assert waits == [7.0] * 3


def test_the_next_pull_of_each_resource_starts_where_the_last_one_was(company: Company, tmp_path: Path) -> None:
    with company.serve() as settings:
        for name in ("shopify", "zendesk"):
            home = SourceHome(tmp_path / name, name, settings[name], company.as_of(NIGHT))
            home.pull()
            second = home.pull()
            for table in home.source.tables:
                if table.cursor and table.name not in ("events", "satisfaction_ratings", "organizations"):
                    assert second.tables[table.name].cursor_from > "2025-01-01", table.name


def test_links_lead_only_to_the_shop_itself(company: Company) -> None:
    """The desk's cursors and the shop's pages carry no credential, and the demo's tokens are opaque."""
    with company.serve() as settings:
        api = http_api.Api("Shopify", settings["shopify"]["shop_url"],
                           {"X-Shopify-Access-Token": settings["shopify"]["access_token"]})  # fmt: skip
        page = api.get("/admin/api/2026-07/inventory_levels.json", {"location_ids": "68930240123", "limit": "5"})
        assert page.next_url
        asked = dict(parse_qsl(urlsplit(page.next_url).query))
        assert set(asked) == {"limit", "page_info"}
        assert base64.urlsafe_b64decode(asked["page_info"] + "==")
        api.close()
