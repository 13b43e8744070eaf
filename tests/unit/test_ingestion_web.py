"""Web shop and service desk against a small server that behaves as badly as the real ones."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from ingestion import (
    BadDelivery,
    ConfigurationError,
    SourceUnavailable,
    active_sources,
    http_api,
)
from tests.unit.pulled import SourceHome

TOKEN = "shpat_secret_token"
NOW = datetime(2026, 8, 10, 12, tzinfo=UTC)


@dataclass
class Answer:
    """What the server says to one request."""

    body: str = "{}"
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    cut: bool = False


@dataclass
class Server:
    """A loopback server; `answer` is asked for each request with its path and parameters."""

    url: str = ""
    answer: Callable[[str, dict[str, str]], Answer] = lambda path, query: Answer()
    requests: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    credentials: set[str | None] = field(default_factory=set)


@pytest.fixture
def server() -> Iterator[Server]:
    state = Server()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            query = {name: values[0] for name, values in parse_qs(parts.query).items()}
            state.requests.append((parts.path, query))
            state.credentials.add(self.headers.get("X-Shopify-Access-Token") or self.headers.get("Authorization"))
            answer = state.answer(parts.path, query)
            body = answer.body.encode()
            self.send_response(answer.status)
            for name, value in answer.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body[: len(body) // 2] if answer.cut else body)

        def log_message(self, format: str, *args: object) -> None:
            """Quiet."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http:
        threading.Thread(target=http.serve_forever, daemon=True).start()
        state.url = f"http://127.0.0.1:{http.server_port}"
        yield state
        http.shutdown()


@pytest.fixture(autouse=True)
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """No test waits; what would have been waited is kept."""
    waited: list[float] = []
    monkeypatch.setattr(http_api.Api.__init__, "__defaults__", (None, None, None, waited.append))
    return waited


@pytest.fixture
def shop(tmp_path: Path, server: Server) -> SourceHome:
    return SourceHome(tmp_path, "shopify", {"shop_url": server.url, "access_token": TOKEN}, NOW)


@pytest.fixture
def desk(tmp_path: Path, server: Server) -> SourceHome:
    settings = {"base_url": server.url, "email": "robot@x.example", "api_token": "desk_secret"}
    return SourceHome(tmp_path, "zendesk", settings, NOW)


def order(number: int, more: str = "") -> str:
    return (
        f'{{"id":{number},"name":"#{number}","updated_at":"2026-08-01T10:00:{number % 60:02d}+08:00",'
        f'"created_at":"2026-08-01T09:00:00+08:00","total_price":"10.10"{more}}}'
    )


def shop_answer(orders: list[str]) -> Callable[[str, dict[str, str]], Answer]:
    """Two orders a page, linked as Shopify does."""

    def answer(path: str, query: dict[str, str]) -> Answer:
        name = path.rpartition("/")[2].removesuffix(".json")
        if name != "orders":
            return Answer(f'{{"{name}": []}}')
        at = int(query.get("page_info", "0"))
        body = f'{{"orders": [{", ".join(orders[at : at + 2])}]}}'
        more = at + 2 < len(orders)
        link = f'<https://elsewhere.example{path}?limit=250&page_info={at + 2}>; rel="next"'
        return Answer(body, headers={"Link": link} if more else {})

    return answer


def test_the_shop_is_paged_to_the_end_and_its_literals_survive(shop: SourceHome, server: Server) -> None:
    odd = ',"id2":9223372036854775808123,"note":null,"test":false,"tax_lines":[{"rate": 0.10, "price":"1.0"}]'
    odd += ',"new":{"a": 1.50}'
    server.answer = shop_answer([order(1, odd), order(2), order(3), order(4), order(5)])
    report = shop.pull()
    landed = {name: table.rows_landed for name, table in report.tables.items()}
    assert landed.pop("orders") == 5
    assert {"customers", "products", "locations", "checkouts", "events", "transactions"} < set(landed)
    assert set(landed.values()) == {0}
    assert server.requests[0] == ("/admin/api/2026-07/orders.json", {"limit": "250", "status": "any"})
    assert server.credentials == {TOKEN}
    assert shop.read(
        "select id, total_price, test, note, tax_lines, _extra, _row_number from raw_shopify.orders where id='1'"
    ) == [
        (
            "1",
            "10.10",
            "false",
            None,
            '[{"rate":0.10,"price":"1.0"}]',
            '{"id2":9223372036854775808123,"new":{"a":1.50}}',
            1,
        )
    ]


def test_the_next_pull_starts_two_days_before_the_newest_change(shop: SourceHome, server: Server) -> None:
    server.answer = shop_answer([order(1), order(2)])
    assert shop.pull().tables["orders"].cursor_to == "2026-08-01T02:00:02Z"
    server.requests.clear()
    report = shop.pull()
    assert server.requests[0][1]["updated_at_min"] == "2026-07-30T02:00:02Z"
    assert report.tables["orders"].cursor_from == "2026-07-30T02:00:02Z"
    assert all("updated_at_min" not in query for path, query in server.requests if "orders" not in path)


def failing(
    answer: Callable[[str, dict[str, str]], Answer], *failures: Answer
) -> Callable[[str, dict[str, str]], Answer]:
    waiting = list(failures)
    return lambda path, query: waiting.pop(0) if waiting else answer(path, query)


def test_faults_that_pass_lose_nothing(shop: SourceHome, server: Server, waits: list[float]) -> None:
    slow = Answer("{}", 429, {"Retry-After": "2.0"})
    cut = Answer('{"orders": [' + order(9) + "]}", cut=True)
    half = Answer('{"orders": [{"id":1,')
    server.answer = failing(shop_answer([order(1), order(2), order(3)]), *[slow] * 20, Answer("", 500), cut, half)
    assert shop.pull().tables["orders"].rows_landed == 3
    assert waits[:20] == [2.0] * 20


def test_endless_slow_down_ends(shop: SourceHome, server: Server, waits: list[float]) -> None:
    server.answer = lambda path, query: Answer("{}", 429, {"Retry-After": "3600"})
    with pytest.raises(SourceUnavailable, match="429"):
        shop.pull()
    assert sum(waits) <= 300


@pytest.mark.parametrize(
    ("answer", "error", "words"),
    [
        (Answer("{}", 401), SourceUnavailable, "SOURCES__SHOPIFY__ACCESS_TOKEN"),
        (Answer("{}", 403), SourceUnavailable, "read_orders"),
        (Answer("{}", 404), SourceUnavailable, "SOURCES__SHOPIFY__SHOP_URL"),
        (Answer("", 302, {"Location": "https://login.example"}), SourceUnavailable, "302"),
        (Answer("{}", 503), SourceUnavailable, "status 503"),
        (Answer("[1]"), BadDelivery, "not a list of orders"),
        (Answer('{"orders": [{"id": NaN}]}'), BadDelivery, "not a list of orders"),
    ],
)
def test_a_refusal_says_what_to_do_and_nothing_secret(
    shop: SourceHome, server: Server, answer: Answer, error: type[Exception], words: str
) -> None:
    server.answer = lambda path, query: answer
    with pytest.raises(error) as caught:
        shop.pull()
    assert words in str(caught.value)
    assert TOKEN not in str(caught.value)


def test_nobody_listening_is_said_quickly(tmp_path: Path) -> None:
    home = SourceHome(tmp_path, "shopify", {"shop_url": "http://127.0.0.1:9", "access_token": TOKEN}, NOW)
    with pytest.raises(SourceUnavailable, match="no connection"):
        home.pull()


def test_a_source_set_up_by_halves_is_named() -> None:
    with pytest.raises(ConfigurationError, match="SOURCES__SHOPIFY__ACCESS_TOKEN"):
        active_sources({"shopify": {"shop_url": "https://x.myshopify.com"}}, [])


def ticket(number: int) -> dict[str, object]:
    return {"id": number, "subject": "hello", "updated_at": f"2026-08-0{number}T00:00:00Z", "tags": ["a", "b"]}


def desk_answer(path: str, query: dict[str, str]) -> Answer:
    if path.endswith("tickets/cursor.json"):
        at = int(query.get("cursor", "1"))
        body = {
            "tickets": [{**ticket(at), **({"metric_set": {"id": 70, "ticket_id": at}} if at == 3 else {})}],
            "metric_sets": [{"id": 100 + at, "ticket_id": at, "reply_time_in_minutes": {"calendar": 5}}]
            if at < 3
            else [],
            "after_cursor": str(at + 1),
            "end_of_stream": at == 3,
        }
    elif path.endswith("users/cursor.json"):
        body = {"users": [{"id": 1, "updated_at": "2026-08-10T11:59:59Z"}], "after_cursor": None, "end_of_stream": True}
    elif "satisfaction" not in path:
        body = {path.rpartition("/")[2].removesuffix(".json"): []}
    else:
        second = query.get("page[after]") == "x"
        following = (
            None
            if second
            else f"https://x/api/v2/satisfaction_ratings.json?page[after]=x&start_time={query['start_time']}"
        )
        body = {
            "satisfaction_ratings": [{"id": 2 if second else 1}],
            "meta": {"has_more": not second},
            "links": {"next": following},
        }
    return Answer(json.dumps(body))


def test_the_desk_is_read_to_the_end_of_each_stream(desk: SourceHome, server: Server) -> None:
    server.answer = desk_answer
    report = desk.pull()
    assert {name: table.rows_landed for name, table in report.tables.items() if table.rows_landed} == {
        "tickets": 3, "ticket_metrics": 3, "users": 1, "satisfaction_ratings": 2,
    }  # fmt: skip
    assert server.requests[0][1] == {"start_time": "0", "per_page": "1000", "include": "metric_sets"}
    assert server.requests[1][1]["cursor"] == "2"
    assert desk.read("select id, tags from raw_zendesk.tickets order by id")[0] == ("1", '["a","b"]')
    assert desk.read("select ticket_id, reply_time_in_minutes from raw_zendesk.ticket_metrics order by 1") == [
        ("1", '{"calendar":5}'), ("2", '{"calendar":5}'), ("3", None),
    ]  # fmt: skip


def test_a_start_time_is_never_within_the_last_minute(
    desk: SourceHome, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.answer = desk_answer
    desk.pull()
    server.requests.clear()
    desk.pull()
    starts = {path: int(query["start_time"]) for path, query in server.requests if "start_time" in query}
    assert starts["/api/v2/incremental/users/cursor.json"] == int(
        datetime(2026, 8, 8, 11, 59, 59, tzinfo=UTC).timestamp()
    )
    assert max(starts.values()) < NOW.timestamp() - 60


def test_a_wrong_desk_token_is_not_repeated(desk: SourceHome, server: Server) -> None:
    server.answer = lambda path, query: Answer('{"error": "Couldn\'t authenticate you"}', 401)
    with pytest.raises(SourceUnavailable, match="SOURCES__ZENDESK__EMAIL") as caught:
        desk.pull()
    assert "desk_secret" not in str(caught.value)
    assert len(server.requests) == 1
