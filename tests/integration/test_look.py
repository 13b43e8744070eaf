"""Notebooks and the shell, on a company's publication, from the environment that `make look` installs."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from tests.integration.conftest import PROJECT, Home, free_port

LOOK = PROJECT / ".venv-look" / "bin"
pytestmark = pytest.mark.skipif(
    not (LOOK / "marimo").exists(), reason="make look has not installed what only serves looking"
)
NOTEBOOKS = sorted(file.stem for file in (PROJECT / "notebooks").glob("*.py") if file.stem != "serve")


def start(company: Home, *command: str, **settings: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [str(LOOK / "python"), *command],
        cwd=PROJECT,
        env=company.environment(**settings),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        stdin=subprocess.DEVNULL,
        text=True,
    )


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_every_cell_of_a_notebook_runs(company: Home, newest_publication: None, name: str):
    said, _ = start(company, f"notebooks/{name}.py").communicate(timeout=120)
    assert "Traceback" not in said, said
    assert "Error" not in said, said


def test_a_notebook_of_a_home_that_has_not_run_says_what_to_do(tmp_path: Path):
    told = start(Home(tmp_path, {}), "notebooks/quality.py")
    assert "make run" in told.communicate(timeout=120)[0]
    assert told.returncode


def test_notebooks_are_served_on_this_machine_alone(company: Home, newest_publication: None):
    port = free_port()
    server = start(company, "notebooks/serve.py", OMNIHOUSE_NOTEBOOKS_PORT=str(port))
    try:
        assert server.stdout is not None
        assert server.stdout.readline() == f"Notebooks: http://127.0.0.1:{port}\n"
        pages = {}
        deadline = time.monotonic() + 60
        while not pages and time.monotonic() < deadline:
            try:
                pages = {
                    name: urllib.request.urlopen(f"http://127.0.0.1:{port}/{name}", timeout=60).read().decode()
                    for name in ("", *NOTEBOOKS)
                }
            except urllib.error.URLError:
                time.sleep(0.5)
        assert all(f'href="/{name}/"' in pages[""] for name in NOTEBOOKS)
        assert all("marimo" in pages[name] for name in NOTEBOOKS)
    finally:
        server.send_signal(signal.SIGTERM)
        server.wait(30)


def shell(company: Home, command: str) -> str:
    told = subprocess.run(
        ["bash", "-c", command],
        cwd=PROJECT,
        env={**os.environ, **company.environment()},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    return told.stdout + told.stderr


def test_the_shell_lists_the_tables_and_answers_as_the_docs_say(company: Home, newest_publication: None):
    (command,) = re.findall(r"^(echo .* \| make sql)$", (PROJECT / "docs" / "notebooks.md").read_text(), flags=re.M)
    told = shell(company, command)
    assert "marts.customers " in told, told
    assert "ops.runs " in told
    stages = company.query(
        "select lifecycle_stage, count(*) from marts.customers where not is_anonymous group by lifecycle_stage"
    )
    assert stages
    for stage, people in stages:
        assert re.search(rf"{stage} +│ +{people} ", told), told


def test_the_shell_changes_nothing(company: Home, newest_publication: None):
    assert "read-only" in shell(company, "echo 'create table marts.x as select 1;' | make sql")
    assert company.query("select count(*) from duckdb_tables() where table_name = 'x'") == [(0,)]
