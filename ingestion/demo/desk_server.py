"""The service desk's HTTP face: Zendesk's incremental exports by cursor and by time, ratings, and the bin of tickets.

Belongs here: routes, cursors, basic authentication, rate limit.
Does not belong here: the documents (desk) and how they are stored (systems).
"""

from __future__ import annotations

import base64
import binascii
from urllib.parse import urlencode

from ingestion.demo.http_server import Handler, Reply, Request, Throttle
from ingestion.demo.systems import Systems, json_text

_NEWEST_START = 60  # seconds a start_time has to lie in the past
_MAX_EXPORT_PAGE, _MAX_RATINGS_PAGE = 1000, 100
_BIN_SECONDS = 30 * 86_400
_TIME_EXPORTS = {
    "organizations": "/api/v2/incremental",
    "ticket_metric_events": "/api/v2/incremental",
    "calls": "/api/v2/channels/voice/stats/incremental",
    "legs": "/api/v2/channels/voice/stats/incremental",
}


class _Refused(Exception):
    """A query the API refuses with a status and an error."""

    def __init__(self, status: int, error: str, description: str) -> None:
        super().__init__(description)
        self.reply = Reply(status, {"error": error, "description": description})


def desk_handler(systems: Systems, email: str, api_token: str, now: int) -> Handler:
    """What answers requests; ``now`` is the simulated instant in seconds since 1970."""
    throttle = Throttle(2, 30)
    wanted = "Basic " + base64.b64encode(f"{email}/token:{api_token}".encode()).decode()

    def handle(request: Request) -> Reply:
        if request.headers.get("Authorization") != wanted:
            return Reply(
                401, {"error": "Couldn't authenticate you"}, {"WWW-Authenticate": 'Basic realm="Web Password"'}
            )
        _, refused = throttle.next()
        if refused:
            description = "Number of allowed incremental export API requests per minute exceeded"
            too_many = {"error": "APIRateLimitExceeded", "description": description}
            return Reply(429, too_many, {"Retry-After": "1"})
        try:
            return _route(systems, request, now)
        except _Refused as refusal:
            return refusal.reply

    return handle


def _route(systems: Systems, request: Request, now: int) -> Reply:
    if request.path in ("/api/v2/incremental/tickets/cursor.json", "/api/v2/incremental/tickets/cursor"):
        return _export(systems, "tickets", request, now)
    if request.path in ("/api/v2/incremental/users/cursor.json", "/api/v2/incremental/users/cursor"):
        return _export(systems, "users", request, now)
    if request.path in ("/api/v2/satisfaction_ratings.json", "/api/v2/satisfaction_ratings"):
        return _ratings(systems, request, now)
    if request.path in ("/api/v2/deleted_tickets.json", "/api/v2/deleted_tickets"):
        return _deleted(systems, request, now)
    folder, _, name = request.path.removesuffix(".json").rpartition("/")
    if _TIME_EXPORTS.get(name) == folder:
        return _time_export(systems, name, request, now)
    return Reply(404, {"error": "InvalidEndpoint", "description": "Not found"})


def _number(request: Request, name: str, default: int, most: int) -> int:
    text = request.query.get(name, str(default))
    if not text.isdigit() or int(text) < 1:
        raise _Refused(400, "InvalidValue", f"{name} must be a positive number")
    return min(int(text), most)


def _start(request: Request, now: int) -> int:
    text = request.query.get("start_time")
    if text is None or not text.lstrip("-").isdigit():
        raise _Refused(400, "StartTimeMissing", "start_time must be given as seconds since 1970")
    if int(text) > now - _NEWEST_START:
        raise _Refused(422, "InvalidValue", "Too recent start_time. Use a start_time older than 60 seconds")
    return int(text)


def _export(systems: Systems, table: str, request: Request, now: int) -> Reply:
    """One page of an incremental export; the cursor after the last page is where the next export begins."""
    per_page = _number(request, "per_page", _MAX_EXPORT_PAGE, _MAX_EXPORT_PAGE)
    if "cursor" in request.query:
        updated, number = _read_cursor(request.query["cursor"])
    else:
        updated, number = _start(request, now), -1
    rows = systems.query(
        f"select updated, id, body from {table} where (updated, id) > (?, ?) order by updated, id limit ?",
        (updated, number, per_page + 1),
    )
    more, rows = len(rows) > per_page, rows[:per_page]
    if rows:
        updated, number = int(str(rows[-1][0])), int(str(rows[-1][1]))
    cursor = base64.b64encode(f"{updated}.0||{number}".encode()).decode()
    parts = [f'"{table}":[{",".join(str(row[2]) for row in rows)}]']
    include = request.query.get("include", "")
    options = {"cursor": cursor, "per_page": per_page} | ({"include": include} if include else {})
    if table == "tickets" and "metric_sets" in include.split(","):
        parts.append(f'"metric_sets":[{",".join(_metric_sets(systems, [int(str(row[1])) for row in rows]))}]')
    end = "false" if more else "true"
    parts.append(f'"after_url":"{request.base_url}{request.path}?{urlencode(options)}"')
    parts.append(f'"before_url":null,"after_cursor":"{cursor}","before_cursor":null,"end_of_stream":{end}')
    return Reply(200, "{" + ",".join(parts) + "}")


def _time_export(systems: Systems, table: str, request: Request, now: int) -> Reply:
    """One page of a time-based export. Its end is where the next begins, so what happened in that second comes twice;
    records of one second are never parted, since no start time could lead past them."""
    start = _start(request, now)
    rows = systems.query(
        f"select updated, body from {table} where updated >= ? order by updated, id limit ?", (start, _MAX_EXPORT_PAGE)
    )
    end = int(str(rows[-1][0])) if rows else start
    if len(rows) == _MAX_EXPORT_PAGE:
        sql = f"select updated, body from {table} where updated between ? and ? order by updated, id"
        rows = systems.query(sql, (start, end))
    body = ",".join(str(row[1]) for row in rows)
    more = systems.query(f"select count(*) from {table} where updated > ?", (end,))[0][0]
    address = f"{request.base_url}{request.path}?{urlencode({'start_time': end})}"
    parts = [f'"{table}":[{body}]', f'"count":{len(rows)}', f'"end_time":{end}', f'"next_page":"{address}"']
    if _TIME_EXPORTS[table] == "/api/v2/incremental":
        parts.append(f'"end_of_stream":{"false" if more else "true"}')
    return Reply(200, "{" + ",".join(parts) + "}")


def _deleted(systems: Systems, request: Request, now: int) -> Reply:
    """One page of the tickets deleted in the last 30 days, oldest first, by cursor."""
    size = _number(request, "page[size]", _MAX_RATINGS_PAGE, _MAX_RATINGS_PAGE)
    after = _read_cursor(request.query["page[after]"]) if "page[after]" in request.query else (0, -1)
    rows = systems.query(
        "select updated, id, body from deleted_tickets where updated > ? and (updated, id) > (?, ?) "
        "order by updated, id limit ?",
        (now - _BIN_SECONDS, *after, size + 1),
    )
    more, rows = len(rows) > size, rows[:size]
    cursor = base64.b64encode(f"{rows[-1][0]}.0||{rows[-1][1]}".encode()).decode() if rows else None
    link = f"{request.base_url}{request.path}?{urlencode({'page[size]': size, 'page[after]': cursor or ''})}"
    meta = {"has_more": more, "after_cursor": cursor, "before_cursor": None}
    links = {"next": link if more else None, "prev": None}
    body = ",".join(str(row[2]) for row in rows)
    return Reply(200, f'{{"deleted_tickets":[{body}],"meta":{json_text(meta)},"links":{json_text(links)}}}')


def _metric_sets(systems: Systems, tickets: list[int]) -> list[str]:
    if not tickets:
        return []
    places = ", ".join("?" * len(tickets))
    rows = systems.query(f"select id, body from ticket_metrics where id in ({places})", tickets)
    found = {int(str(number)): str(body) for number, body in rows}
    return [found[number] for number in tickets]


def _read_cursor(cursor: str) -> tuple[int, int]:
    try:
        updated, number = base64.b64decode(cursor.replace(" ", "+"), validate=True).decode().split("||")
        return int(float(updated)), int(number)
    except (ValueError, binascii.Error):
        raise _Refused(422, "InvalidValue", "Invalid cursor") from None


def _ratings(systems: Systems, request: Request, now: int) -> Reply:
    """One page of ratings changed since start_time, oldest first, with the address of the next page."""
    per_page = _number(request, "per_page", _MAX_RATINGS_PAGE, _MAX_RATINGS_PAGE)
    page = _number(request, "page", 1, 1_000_000)
    start = _start(request, now) if "start_time" in request.query else 0
    total = int(str(systems.query("select count(*) from satisfaction_ratings where updated >= ?", (start,))[0][0]))
    rows = systems.query(
        "select body from satisfaction_ratings where updated >= ? order by updated, id limit ? offset ?",
        (start, per_page, (page - 1) * per_page),
    )

    def address(number: int) -> str:
        options = {**request.query, "per_page": per_page, "page": number}
        return f'"{request.base_url}{request.path}?{urlencode(options)}"'

    next_page = address(page + 1) if page * per_page < total else "null"
    previous_page = address(page - 1) if page > 1 else "null"
    body = ",".join(str(row[0]) for row in rows)
    return Reply(
        200,
        f'{{"satisfaction_ratings":[{body}],"next_page":{next_page},"previous_page":{previous_page},"count":{total}}}',
    )
