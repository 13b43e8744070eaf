"""The worked examples of docs/add-a-source.md, written into a copy of the project as the page says, and run."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.integration.conftest import PROJECT, Home

PAGE = (PROJECT / "docs" / "add-a-source.md").read_text()
MEMBERS = [
    {
        "number": str(number),
        "name": f"Ada {number}",
        "mail": f"ada{number}@coffee.example",
        "mobile": None,
        "joined": "2026-01-05T10:00:00Z",
        "changed": f"2026-06-{1 + number % 28:02d}T10:00:00Z",
        "favourite": "flat white",
    }
    for number in range(1, 131)
]


def block(language: str) -> str:
    found = re.search(rf"```{language}\n(.*?)```", PAGE, flags=re.DOTALL)
    assert found, f"the page has no {language} example"
    return found[1]


@pytest.fixture
def club() -> Iterator[tuple[str, list[dict[str, list[str]]]]]:
    """The coffee club's API as the page describes it, and what it was asked."""
    asked: list[dict[str, list[str]]] = []

    class Api(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            address = urlsplit(self.path)
            query = parse_qs(address.query)
            asked.append(query)
            if self.headers["Authorization"] != "Bearer s3cret-token" or address.path != "/members":
                self.send_error(401)
                return
            changed = [one for one in MEMBERS if one["changed"] >= query.get("changed_since", [""])[0]]
            start = 100 * (int(query["page"][0]) - 1)
            body = json.dumps({"members": changed[start : start + 100]}).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Api)
    Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}", asked
    server.shutdown()
    server.server_close()


def test_the_examples_of_the_page_work_by_new_files_only(club: tuple[str, list[dict[str, list[str]]]], tmp_path: Path):
    address, asked = club
    copy = tmp_path / "project"
    tracked = subprocess.run(["git", "ls-files", "-z"], cwd=PROJECT, capture_output=True, text=True, check=False)
    if tracked.returncode:
        pytest.skip("not a git checkout, so the project's own files cannot be told from others")
    for name in filter(None, tracked.stdout.split("\0")):
        if (PROJECT / name).is_file():
            (copy / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(PROJECT / name, copy / name)
    (copy / "ingestion" / "sources" / "coffee_club.py").write_text(block("python"))
    home = Home(tmp_path / "home", {"OMNIHOUSE_AS_OF": "2026-07-01T02:00:00+08:00", "OMNIHOUSE_DEMO": "0"})
    (home.path / "mappings").mkdir(parents=True)
    (home.path / "mappings" / "radio_ads.yml").write_text(block("yaml"))
    (home.path / "landing" / "radio_ads").mkdir(parents=True)
    (home.path / "landing" / "radio_ads" / "june.csv").write_text(block("csv"))

    def night() -> str:
        environment = home.environment(
            SOURCES__COFFEE_CLUB__URL=address,
            SOURCES__COFFEE_CLUB__TOKEN="s3cret-token",
            PYTHONPATH=os.pathsep.join([str(copy), os.environ.get("PYTHONPATH", "")]).rstrip(os.pathsep),
        )
        outcome = subprocess.run(
            [sys.executable, "-m", "dagster_project", "run"],
            cwd=copy, env=environment, capture_output=True, text=True, timeout=900, check=False,
        )  # fmt: skip
        assert outcome.returncode == 0, outcome.stdout + outcome.stderr
        return outcome.stdout + outcome.stderr

    assert "s3cret-token" not in night()
    assert home.query("select platform, campaign, sum(cost) from marts.ad_performance group by all") == [
        ("radio_ads", "Morgenwelle", Decimal("1244.50"))
    ]
    people = "select count(*), count(distinct customer_id) from marts.customer_identities where source_system = $1"
    assert home.query(people, ["coffee_club"]) == [(130, 130)]
    assert home.query("select max(rows_lost) from ops.conservation") == [(0,)]
    night()
    assert home.query(people, ["coffee_club"]) == [(130, 130)]
    assert any("changed_since" in query for query in asked)
