"""A browser on what a finished run shows. Only `make test-browser` comes here: it installs what these tests need.

Pictures of what was seen are kept in the folder that OMNIHOUSE_SCREENSHOTS names, `build/screenshots` unless told.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.integration.conftest import PROJECT, Home, free_port, stop

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or "/usr/bin/chromium"
PICTURES = Path(os.environ.get("OMNIHOUSE_SCREENSHOTS") or PROJECT / "build" / "screenshots")
PATIENCE = 120  # seconds that a busy machine may take to show a page
_HERE = ("127.0.0.1", "localhost", "")


@dataclass
class Tab:
    """A page of the browser, with what it said and whom it asked."""

    page: object
    errors: list[str] = field(default_factory=list)
    asked_elsewhere: list[str] = field(default_factory=list)

    def picture(self, name: str) -> None:
        PICTURES.mkdir(parents=True, exist_ok=True)
        self.page.screenshot(path=PICTURES / f"{name}.png")


@pytest.fixture(scope="session")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """A home with a finished run: the one that OMNIHOUSE_BROWSER_HOME names, or a small company after its night."""
    given = os.environ.get("OMNIHOUSE_BROWSER_HOME")
    if given:
        return Home(Path(given), {})
    home = Home(tmp_path_factory.mktemp("looked_at") / "home", {"DEMO_PERSONS": "150", "DEMO_SEED": "7"})
    outcome = home.run()
    assert outcome.returncode == 0, outcome.stdout + outcome.stderr
    return home


@contextmanager
def served(command: list[str], environment: dict[str, str], address: str) -> Iterator[str]:
    """A server of this test, until it answers and no longer than the test."""
    log = PICTURES.parent / f"{Path(command[0]).name}.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("wb") as said:
        server = subprocess.Popen(
            command, cwd=PROJECT, env=environment, stdout=said, stderr=said, start_new_session=True
        )
    try:
        deadline = time.monotonic() + 2 * PATIENCE
        while True:
            try:
                with urllib.request.urlopen(address, timeout=30):
                    break
            except OSError:
                assert server.poll() is None, f"the server ended by itself: {log.read_text()[-2000:]}"
                assert time.monotonic() < deadline, f"no answer from {address}: {log.read_text()[-2000:]}"
                time.sleep(1)
        yield address
    finally:
        stop(server, 30)


@pytest.fixture(scope="session")
def dagster(home: Home) -> Iterator[str]:
    """The web server as its unit starts it."""
    port = free_port()
    environment = home.environment(OMNIHOUSE_UI_PORT=str(port))
    with served([sys.executable, "-m", "dagster_project", "web"], environment, f"http://127.0.0.1:{port}") as address:
        yield address


@dataclass
class Hour:
    """A daemon that is to begin the night of a home at an hour."""

    home: Home
    due: datetime
    daemon: subprocess.Popen
    log: Path

    @property
    def last_day(self) -> date:
        return self.due.date() - timedelta(days=1)


@pytest.fixture(scope="session", autouse=True)
def the_hour(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hour]:
    """A daemon with an hour three minutes from now, in a home whose rules keep every run from beginning."""
    home = Home(tmp_path_factory.mktemp("hour") / "home", {})
    (home.path / "rules").mkdir(parents=True)
    (home.path / "rules" / "identity_overrides.csv").write_text("no,such,columns\n1,2,3\n")
    due = (datetime.now(UTC) + timedelta(minutes=3)).replace(second=0, microsecond=0)
    environment = home.environment(OMNIHOUSE_TIMEZONE="UTC", OMNIHOUSE_NIGHTLY_AT=f"{due:%H:%M}")
    log = home.path.parent / "daemon.log"
    with log.open("wb") as said:
        daemon = subprocess.Popen(
            home.command("daemon"), cwd=PROJECT, env=environment, stdout=said, stderr=said, start_new_session=True
        )
    yield Hour(home, due, daemon, log)
    stop(daemon, 30)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: item.path.stem == "test_the_hour")


@pytest.fixture(scope="session")
def browser() -> Iterator[object]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield chromium
        chromium.close()


@pytest.fixture
def open_tab(browser) -> Iterator[Callable[..., Tab]]:
    """Opens pages that may talk to this machine only; what else they ask for is noted and refused."""
    contexts = []

    def opened(width: int = 1500, height: int = 1000) -> Tab:
        context = browser.new_context(viewport={"width": width, "height": height})
        contexts.append(context)
        context.set_default_timeout(PATIENCE * 1000)
        tab = Tab(context.new_page())

        def judge(route) -> None:
            url = urlsplit(route.request.url)
            if url.scheme in ("data", "blob", "file") or (url.hostname or "") in _HERE:
                route.continue_()
            else:
                tab.asked_elsewhere.append(route.request.url)
                route.abort()

        context.route("**/*", judge)
        tab.page.on("console", lambda said: tab.errors.append(said.text) if said.type == "error" else None)
        tab.page.on("pageerror", lambda problem: tab.errors.append(str(problem)))
        return tab

    yield opened
    for context in contexts:
        context.close()
