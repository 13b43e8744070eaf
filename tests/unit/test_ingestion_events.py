"""Event files: every line is an event or a broken line with its reason, and a file is loaded once by its content."""

from __future__ import annotations

import gzip
import json
from importlib import import_module
from pathlib import Path

import duckdb
import pytest

from ingestion import Ledger, TableReport, active_sources, land, plan, raw_views, sources, unclaimed_files

EVENTS = sources()["events"]


class Home:
    """A home with a landing folder for events."""

    def __init__(self, root: Path) -> None:
        self.root, self.landing, self.lake = root, root / "landing", root / "lake"
        self.folder = self.landing / "events"
        self.folder.mkdir(parents=True)
        self.ledger = Ledger(self.lake)

    def pull(self) -> dict[str, TableReport]:
        found = {}
        for delivery in plan(EVENTS, {}, [self.landing], [], self.ledger):
            report = land(delivery, self.lake, self.root / "work")
            self.ledger.record("run", report, "admitted", admitted=True)
            found[str(delivery.file_name)] = report.tables["events"]
        return found

    def read(self, query: str) -> list[tuple[object, ...]]:
        with duckdb.connect() as database:
            for statement in raw_views(EVENTS, self.ledger.admitted_loads(), self.lake):
                database.execute(statement)
            return database.execute(query).fetchall()


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path)


def event(number: int, **more: object) -> bytes:
    return json.dumps(
        {"messageId": f"m{number}", "type": "page", "timestamp": "2026-08-01T10:00:00.5Z", **more}
    ).encode()


def test_every_line_is_an_event_or_a_broken_line(home: Home) -> None:
    lines = [
        event(1, properties={"order_id": "#1", "value": 12.5}, userId=6940095365123456789),
        b"",
        b"{broken",
        b"   " + event(2, newThing={"a": 1}),
        b"[1, 2]",
        b"\xff\xfe not text",
        b'{"messageId":"m3","name":"\\ud83d alone","context":{"a":"\\ud83d"},"properties":{"b":1.50}}',
        event(4),
    ]
    (home.folder / "a.jsonl").write_bytes(b"\n".join(lines))
    report = home.pull()["events/a.jsonl"]
    assert (report.rows_read, report.rows_landed, report.rows_rejected) == (7, 4, 3)
    assert (report.first_record_at, report.last_record_at) == ("2026-08-01T10:00:00.500000Z",) * 2
    assert home.read("select _row_number from raw_events.broken_lines order by 1") == [(3,), (5,), (6,)]
    rows = home.read("""select "messageId", "userId", properties, _extra, _row_number, _file_name
                        from raw_events.events order by _row_number""")
    assert rows[0] == ("m1", "6940095365123456789", '{"order_id":"#1","value":12.5}', None, 1, "events/a.jsonl")
    assert rows[1][:1] + rows[1][3:5] == ("m2", '{"newThing":{"a":1}}', 4)
    assert rows[2][2] == '{"b":1.50}'
    assert home.read(
        "select name, json_extract_string(context, '$.a') from raw_events.events where name is not null"
    ) == [("\ufffd alone", "\ufffd")]


def test_a_cut_off_gzip_gives_what_it_has_and_says_so(home: Home) -> None:
    packed = gzip.compress(b"\n".join(event(number, salt=hash((number, "x"))) for number in range(20_000)))
    (home.folder / "cut.jsonl.gz").write_bytes(packed[: len(packed) // 2])
    report = home.pull()["events/cut.jsonl.gz"]
    assert report.rows_landed > 5_000
    assert report.rows_rejected == 1
    assert report.rows_read == report.rows_landed + 1
    (reason,) = home.read("select reason from raw_events.broken_lines")[0]
    assert "cut off or damaged" in str(reason)


def test_a_file_without_a_single_event_lands_as_rejected(home: Home) -> None:
    (home.folder / "bad.jsonl").write_bytes(b"<html>\n<body>\n")
    (home.folder / "empty.jsonl").write_bytes(b"")
    reports = home.pull()
    assert (reports["events/bad.jsonl"].rows_read, reports["events/bad.jsonl"].rows_rejected) == (2, 2)
    assert reports["events/empty.jsonl"].rows_read == 0
    assert home.read("select count(*) from raw_events.events") == [(0,)]
    assert home.pull() == {}


def test_blocks_and_lines_do_not_depend_on_each_other(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(import_module("ingestion.json_lines"), "BLOCK_BYTES", 500)
    (home.folder / "a.jsonl").write_bytes(b"\n".join(event(number, pad="x" * (number % 997)) for number in range(300)))
    assert home.pull()["events/a.jsonl"].rows_landed == 300
    query = """select count(distinct "messageId"), max(_row_number), bool_and('m' || (_row_number - 1) = "messageId")
               from raw_events.events"""
    assert home.read(query) == [(300, 300, True)]


def test_a_file_is_known_by_its_content(home: Home) -> None:
    (home.folder / "a.jsonl").write_bytes(event(1))
    (home.folder / "copy of a.jsonl").write_bytes(event(1))
    assert list(home.pull()) == ["events/a.jsonl"]
    (home.folder / "a.jsonl").rename(home.folder / "renamed.jsonl")
    assert home.pull() == {}
    (home.folder / "renamed.jsonl").write_bytes(event(1) + b"\n" + event(2))
    assert list(home.pull()) == ["events/renamed.jsonl"]
    assert home.read("select count(*) from raw_events.events") == [(3,)]


def test_unfinished_hidden_and_linked_files_are_not_deliveries(home: Home, tmp_path: Path) -> None:
    for name in ("a.jsonl.tmp", "b.jsonl.part", ".c.jsonl", "d.txt"):
        (home.folder / name).write_bytes(event(1))
    (tmp_path / "outside.jsonl").write_bytes(event(1))
    (home.folder / "link.jsonl").symlink_to(tmp_path / "outside.jsonl")
    (home.landing / "tmall_oders").mkdir()
    (home.landing / "tmall_oders" / "x.csv").write_bytes(b"a")
    assert active_sources({}, [home.landing]) == []
    assert home.pull() == {}
    assert unclaimed_files([home.landing]) == ["events/d.txt", "tmall_oders/x.csv"]


def test_a_file_that_grows_while_it_is_read_waits_for_the_next_run(home: Home) -> None:
    path = home.folder / "a.jsonl"
    path.write_bytes(event(1))
    (delivery,) = plan(EVENTS, {}, [home.landing], [], home.ledger)
    path.write_bytes(event(1) + b"\n" + event(2))
    with pytest.raises(Exception, match="changed while it was read"):
        land(delivery, home.lake, home.root / "work")
    assert home.pull()["events/a.jsonl"].rows_landed == 2


def test_screens_and_aliases_land_late_and_out_of_order(home: Home) -> None:
    late = event(1, type="screen", name="Cart", anonymousId="a1", timestamp="2026-08-01T10:00:00Z")
    alias = event(2, type="alias", previousId="a1", userId="u1", timestamp="2026-08-02T10:00:00Z")
    (home.folder / "a.jsonl").write_bytes(alias + b"\n")
    home.pull()
    (home.folder / "b.jsonl").write_bytes(late + b"\n" + alias + b"\n")
    assert home.pull()["events/b.jsonl"].first_record_at == "2026-08-01T10:00:00Z"
    rows = home.read(
        """select distinct type, name, "anonymousId", "previousId", "userId" from raw_events.events order by 1"""
    )
    assert rows == [("alias", None, None, "a1", "u1"), ("screen", "Cart", "a1", None, None)]


def test_an_endless_line_is_broken_and_the_rest_lands(home: Home) -> None:
    endless = event(2, pad="x" * (50 << 20))
    (home.folder / "a.jsonl").write_bytes(b"\n".join([b"\xef\xbb\xbf" + event(1), endless, event(3), endless]))
    report = home.pull()["events/a.jsonl"]
    assert (report.rows_read, report.rows_landed, report.rows_rejected) == (4, 2, 2)
    assert home.read("""select "messageId", _row_number from raw_events.events order by 2""") == [("m1", 1), ("m3", 3)]
    lines = home.read("select _row_number, length(line), reason from raw_events.broken_lines order by 1")
    assert [line[:2] for line in lines] == [(2, 10_000), (4, 10_000)]
