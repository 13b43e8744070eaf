"""A Zendesk account through its incremental exports: tickets with their metrics, users, satisfaction ratings.

Needs an API token of an administrator, who alone may use the incremental exports. Fields are kept as Zendesk names
them; nothing is interpreted here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from urllib.parse import urlencode

import dlt
import pyarrow as pa
from dlt.sources import DltResource, DltSource

from ingestion import json_rows
from ingestion.arrow_text import parse_time, text_table, utc_text
from ingestion.http_api import Api
from ingestion.source import LOOK_BACK, BadDelivery, Delivery, RawTable, Request, Source, names, text_schema

_EXPORT_PAGE_SIZE = 1000
_LIST_PAGE_SIZE = 100
# A start time within the last minute is refused.
_CLOSEST_START = timedelta(seconds=61)
# Ratings are listed from the time they were given, and a customer may change one for weeks.
_RATING_LOOK_BACK = timedelta(days=30)

_TICKETS = RawTable(
    "tickets",
    names(
        """id external_id subject description type priority status via requester_id submitter_id assignee_id group_id
        organization_id brand_id tags custom_fields satisfaction_rating created_at updated_at
        generated_timestamp"""
    ),
    ("id",),
    record_time="created_at",
    cursor="updated_at",
)
_METRICS = RawTable(
    "ticket_metrics",
    names(
        """id ticket_id created_at updated_at replies reopens solved_at initially_assigned_at assigned_at
        reply_time_in_minutes first_resolution_time_in_minutes full_resolution_time_in_minutes"""
    ),
    ("id",),
    record_time="created_at",
)
_USERS = RawTable(
    "users",
    names(
        """id name email phone role created_at updated_at external_id tags time_zone locale active suspended verified
        organization_id user_fields"""
    ),
    ("id",),
    record_time="created_at",
    cursor="updated_at",
)
_RATINGS = RawTable(
    "satisfaction_ratings",
    names("id ticket_id requester_id assignee_id group_id score comment reason created_at updated_at"),
    ("id",),
    record_time="created_at",
    cursor="updated_at",
)

_HINTS = {
    401: "The credential is not accepted: check SOURCES__ZENDESK__EMAIL and __API_TOKEN, and that token access is on.",
    403: "The user may not read this: the incremental exports need an administrator's token.",
    404: "The account does not offer this address: check SOURCES__ZENDESK__BASE_URL (https://<name>.zendesk.com).",
}


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
    document = _document(api, api.get(path, {"start_time": str(start), **options}).text)
    while True:
        yield document
        cursor = json_rows.scalar(document.get("after_cursor", "null"))
        if document.get("end_of_stream") != "false" or not cursor:
            return
        document = _document(api, api.get(path, {"cursor": cursor, **options}).text)


def _tickets(api: Api, start: int) -> Iterator[pa.Table]:
    """Tickets, and beside them the metrics sideloaded with each page."""
    for document in _export(api, "tickets", start, include="metric_sets"):
        tickets = _rows(document, _TICKETS, "tickets")
        metrics = _rows(document, _METRICS, "metric_sets")
        for text in _each(document.get("tickets", "[]"), "metric_set"):
            metrics.append(json_rows.row(text, _METRICS.columns))
        if tickets:
            yield text_table(_TICKETS, tickets)
        if metrics:
            yield dlt.mark.with_table_name(text_table(_METRICS, metrics), _METRICS.name)


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
        if users := _rows(document, _USERS, "users"):
            yield text_table(_USERS, users)


def _ratings(api: Api, start: int) -> Iterator[pa.Table]:
    options = {"start_time": str(start), "page[size]": str(_LIST_PAGE_SIZE)}
    target: str | None = f"/api/v2/satisfaction_ratings.json?{urlencode(options)}"
    while target:
        document = _document(api, api.get(target).text)
        if ratings := _rows(document, _RATINGS, "satisfaction_ratings"):
            yield text_table(_RATINGS, ratings)
        target = _next_page(document)


def _next_page(document: Mapping[str, str]) -> str | None:
    """The next page of a list, whether the account pages by cursor or by offset."""
    if "meta" in document:
        meta = {name: document["meta"][start:end] for name, start, end in json_rows.members(document["meta"])}
        links = document.get("links", "{}")
        following = {name: links[start:end] for name, start, end in json_rows.members(links)}
        return json_rows.scalar(following.get("next", "null")) if meta.get("has_more") == "true" else None
    return json_rows.scalar(document.get("next_page", "null"))


@dlt.source(schema=text_schema("zendesk"))
def zendesk(api: Api, starts: Mapping[str, int]) -> list[DltResource]:
    """Tickets, ticket metrics, users and ratings changed since the given Unix times."""
    append = {"write_disposition": "append"}
    return [
        dlt.resource(_tickets(api, starts["tickets"]), name="tickets", **append),
        dlt.resource(_users(api, starts["users"]), name="users", **append),
        dlt.resource(_ratings(api, starts["satisfaction_ratings"]), name="satisfaction_ratings", **append),
    ]


def _start(table: RawTable, request: Request) -> datetime:
    look_back = _RATING_LOOK_BACK if table is _RATINGS else LOOK_BACK
    cursor = parse_time(request.cursors.get(table.name, ""))
    if cursor is None:
        return datetime.fromtimestamp(0, UTC)
    return min(cursor - look_back, request.now - _CLOSEST_START)


def _deliveries(source: Source, request: Request) -> Iterator[Delivery]:
    base_url, user = request.settings["base_url"], f"{request.settings['email']}/token"
    token = request.settings["api_token"]
    starts = {table.name: _start(table, request) for table in (_TICKETS, _USERS, _RATINGS)}

    @contextmanager
    def pull() -> Iterator[DltSource]:
        api = Api("Zendesk", base_url, auth=(user, token), hints=_HINTS)
        try:
            yield zendesk(api, {name: int(start.timestamp()) for name, start in starts.items()})
        finally:
            api.close()

    cursor_from = {name: utc_text(start) for name, start in starts.items() if request.cursors.get(name)}
    yield Delivery(source, source.name, "Zendesk account", pull, request.now, cursor_from=cursor_from)


SOURCE = Source(
    "zendesk",
    "raw_zendesk",
    (_TICKETS, _METRICS, _USERS, _RATINGS),
    _deliveries,
    settings=("base_url", "email", "api_token"),
)
