"""A Zendesk account through its incremental exports: tickets and their metrics, users, organisations, ratings, calls.

Needs an API token of an administrator, who alone may use the incremental exports; `docs/sources/zendesk.md` says more.
Tickets, users and ratings are needed. Everything else may be refused: the load then says so and holds the rest.
Fields are kept as Zendesk names them; nothing is interpreted here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qsl, urlencode, urlsplit

import dlt
import pyarrow as pa
from dlt.sources import DltResource, DltSource

from ingestion import json_rows
from ingestion import zendesk_tables as tables
from ingestion.arrow_text import parse_time, text_table, utc_text
from ingestion.http_api import Api, Refused, walk
from ingestion.source import LOOK_BACK, BadDelivery, Delivery, RawTable, Request, Source, text_schema

_EXPORT_PAGE_SIZE = 1000
_LIST_PAGE_SIZE = 100
# A start time within the last minute is refused.
_CLOSEST_START = timedelta(seconds=61)
# A page of the support exports holds as many records as there are, up to this; of the Talk exports nothing is said.
_FULL_TIME_PAGE = 1000
# Ratings are listed from the time they were given, and a customer may change one for weeks.
_RATING_LOOK_BACK = timedelta(days=30)

_HINTS = {
    401: "The credential is not accepted: check SOURCES__ZENDESK__EMAIL and __API_TOKEN, and that token access is on.",
    403: "The user may not read this: the incremental exports need an administrator's token.",
    404: "The account does not offer this address: check SOURCES__ZENDESK__BASE_URL (https://<name>.zendesk.com).",
}
_TALK = "To have them, the account needs Talk, and the token's user a Talk administrator's role."
_WITHOUT = {"calls": _TALK, "legs": _TALK}
_WITHOUT_ADMIN = "To have them, the token has to be an administrator's."

_SUPPORT, _VOICE = "/api/v2/incremental", "/api/v2/channels/voice/stats/incremental"
_TIME_EXPORTS = (
    (tables.ORGANIZATIONS, _SUPPORT, True),
    (tables.METRIC_EVENTS, _SUPPORT, True),
    (tables.CALLS, _VOICE, False),
    (tables.LEGS, _VOICE, False),
)


def _document(api: Api, text: str) -> dict[str, str]:
    """The members of an answer, each as its JSON text."""
    try:
        return {name: text[start:end] for name, start, end in json_rows.members(text)}
    except ValueError as error:
        raise BadDelivery(
            f"{api.name} at {api.origin} answered with something that is not JSON ({error}). Check that "
            "SOURCES__ZENDESK__BASE_URL is the account's own address (https://<name>.zendesk.com)."
        ) from error


def _rows(document: Mapping[str, str], table: RawTable, member: str) -> list[dict[str, str | None]]:
    text = document.get(member, "[]")
    return [json_rows.row(text, table.columns, start) for start, _ in json_rows.elements(text)]


def _export(api: Api, name: str, start: int, include: str | None = None) -> Iterator[dict[str, str]]:
    """The documents of a cursor-based incremental export."""
    path = f"/api/v2/incremental/{name}/cursor.json"
    options = {"per_page": str(_EXPORT_PAGE_SIZE), **({"include": include} if include else {})}

    def following(document: dict[str, str]) -> tuple[str, Callable[[], dict[str, str]]] | None:
        cursor = json_rows.scalar(document.get("after_cursor", "null"))
        if document.get("end_of_stream") != "false" or not cursor:
            return None
        return f"{path}?{cursor}", lambda: _document(api, api.get(path, {"cursor": cursor, **options}).text)

    return walk(lambda: _document(api, api.get(path, {"start_time": str(start), **options}).text), following)


def _listed(api: Api, target: str) -> Iterator[dict[str, str]]:
    """The documents of a list whose pages name their next one."""

    def following(document: dict[str, str]) -> tuple[str, Callable[[], dict[str, str]]] | None:
        address = _next_page(document)
        return (address, lambda: _document(api, api.get(address).text)) if address else None

    return walk(lambda: _document(api, api.get(target).text), following)


def _tickets(api: Api, start: int) -> Iterator[pa.Table]:
    """Tickets, and beside them the metrics sideloaded with each page."""
    for document in _export(api, "tickets", start, include="metric_sets"):
        tickets = _rows(document, tables.TICKETS, "tickets")
        metrics = _rows(document, tables.METRICS, "metric_sets")
        for text in _each(document.get("tickets", "[]"), "metric_set"):
            metrics.append(json_rows.row(text, tables.METRICS.columns))
        if tickets:
            yield text_table(tables.TICKETS, tickets)
        if metrics:
            yield dlt.mark.with_table_name(text_table(tables.METRICS, metrics), tables.METRICS.name)


def _each(records: str, member: str) -> Iterator[str]:
    """The text of one member of each record, where it is an object (some accounts nest the metrics in the ticket)."""
    if f'"{member}"' not in records:
        return
    for begin, _ in json_rows.elements(records):
        for name, start, end in json_rows.members(records, begin):
            if name == member and records[start] == "{":
                yield records[start:end]


def _users(api: Api, start: int) -> Iterator[pa.Table]:
    for document in _export(api, "users", start):
        if users := _rows(document, tables.USERS, "users"):
            yield text_table(tables.USERS, users)


def _ratings(api: Api, start: int) -> Iterator[pa.Table]:
    options = {"start_time": str(start), "page[size]": str(_LIST_PAGE_SIZE)}
    for document in _listed(api, f"/api/v2/satisfaction_ratings.json?{urlencode(options)}"):
        if ratings := _rows(document, tables.RATINGS, "satisfaction_ratings"):
            yield text_table(tables.RATINGS, ratings)


def _time_export(api: Api, table: RawTable, path: str, start: int, latest: int, counted: bool) -> Iterator[pa.Table]:
    """The pages of a time-based export, each of which begins at the time the one before it ended.

    The last records of a page come again with the next; those are left out. A page holds all records of its last
    second, so one that leads no further is followed by that of the next second. The end is where the export says so,
    where a page of a `counted` export is not full, where nothing comes, or where the next page would begin within the
    last minute.
    """
    known = set[str | None]()
    while start <= latest:
        document = _document(api, api.get(path, {"start_time": str(start)}).text)
        rows = _rows(document, table, table.name)
        fresh = [row for row in rows if row.get("id") not in known]
        if fresh:
            yield text_table(table, fresh)
        known = {row.get("id") for row in rows}
        said = document.get("end_of_stream")
        begins = _start_time(json_rows.scalar(document.get("next_page", "null")) or "")
        ended = said == "true" or (said is None and counted and len(rows) < _FULL_TIME_PAGE)
        if ended or not rows or begins is None:
            return
        start = max(begins, start + 1)


def _start_time(address: str) -> int | None:
    text = dict(parse_qsl(urlsplit(address).query)).get("start_time", "")
    return int(text) if text.isdigit() else None


def _deleted_tickets(api: Api) -> Iterator[pa.Table]:
    """Tickets in the bin, which Zendesk empties after 30 days."""
    for document in _listed(api, f"/api/v2/deleted_tickets.json?{urlencode({'page[size]': str(_LIST_PAGE_SIZE)})}"):
        if deleted := _rows(document, tables.DELETED_TICKETS, "deleted_tickets"):
            yield text_table(tables.DELETED_TICKETS, deleted)


def _optional(table: RawTable, pages: Iterator[pa.Table], notes: dict[str, str]) -> Iterator[pa.Table]:
    """The pages of a resource that the rest can do without, none where the account refuses it."""
    begun = False
    try:
        for page in pages:
            begun = True
            yield page
    except Refused as refusal:
        # Half a list would move the cursor past what was not shown.
        if begun or refusal.status not in (403, 404):
            raise
        notes[table.name] = (
            f"{table.name} were not read: the account refused with status {refusal.status}. Everything else of the "
            f"account was loaded. {_WITHOUT.get(table.name, _WITHOUT_ADMIN)}"
        )


def _next_page(document: Mapping[str, str]) -> str | None:
    """The next page of a list, whether the account pages by cursor or by offset."""
    if "meta" in document:
        meta = {name: document["meta"][start:end] for name, start, end in json_rows.members(document["meta"])}
        links = document.get("links", "{}")
        following = {name: links[start:end] for name, start, end in json_rows.members(links)}
        return json_rows.scalar(following.get("next", "null")) if meta.get("has_more") == "true" else None
    return json_rows.scalar(document.get("next_page", "null"))


@dlt.source(schema=text_schema("zendesk"))
def zendesk(api: Api, starts: Mapping[str, int], latest: int, notes: dict[str, str]) -> list[DltResource]:
    """Everything that changed since the given Unix times; `latest` is the newest start the exports accept."""
    needed: dict[RawTable, Iterator[pa.Table]] = {
        tables.TICKETS: _tickets(api, starts["tickets"]),
        tables.USERS: _users(api, starts["users"]),
        tables.RATINGS: _ratings(api, starts["satisfaction_ratings"]),
    }
    optional = {
        table: _time_export(api, table, f"{folder}/{table.name}.json", starts[table.name], latest, counted)
        for table, folder, counted in _TIME_EXPORTS
    }
    optional[tables.DELETED_TICKETS] = _deleted_tickets(api)
    fetched = [*needed.items(), *((table, _optional(table, pages, notes)) for table, pages in optional.items())]
    return [dlt.resource(pages, name=table.name, write_disposition="append") for table, pages in fetched]


def _start(table: RawTable, request: Request) -> datetime:
    look_back = _RATING_LOOK_BACK if table is tables.RATINGS else LOOK_BACK
    cursor = parse_time(request.cursors.get(table.name, ""))
    if cursor is None:
        return datetime.fromtimestamp(0, UTC)
    return min(cursor - look_back, request.now - _CLOSEST_START)


def _deliveries(source: Source, request: Request) -> Iterator[Delivery]:
    base_url, user = request.settings["base_url"], f"{request.settings['email']}/token"
    token = request.settings["api_token"]
    starts = {table.name: _start(table, request) for table in tables.TABLES if table.cursor}
    latest = int((request.now - _CLOSEST_START).timestamp())
    notes: dict[str, str] = {}

    @contextmanager
    def pull() -> Iterator[DltSource]:
        api = Api("Zendesk", base_url, auth=(user, token), hints=_HINTS)
        notes.clear()
        try:
            yield zendesk(api, {name: int(start.timestamp()) for name, start in starts.items()}, latest, notes)
        finally:
            api.close()

    cursor_from = {name: utc_text(start) for name, start in starts.items() if request.cursors.get(name)}
    yield Delivery(source, source.name, "Zendesk account", pull, request.now, cursor_from=cursor_from, notes=notes)


SOURCE = Source("zendesk", "raw_zendesk", tables.TABLES, _deliveries, settings=("base_url", "email", "api_token"))
