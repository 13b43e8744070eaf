"""A manager logs in to Superset and sees the dashboards filled, and what was published since."""

import os
import shutil
import subprocess
from pathlib import Path

import duckdb
import pytest

from tests.e2e.conftest import served
from tests.integration.conftest import PROJECT, Home, free_port

ENVIRONMENT = PROJECT / ".venv-bi" / "bin"
DASHBOARDS = {
    "strategic": ("Net revenue a month", "Price and worth of a customer", "Retention of cohorts", "Known customers"),
    "tactical": ("Attribution models side by side", "Steps of new customers", "Campaigns", "Service levels"),
    "operational": ("Orders a week", "Gates of the nights", "Sources tonight", "Messages a week"),
}


@pytest.fixture(scope="module")
def looked_at(home: Home, tmp_path_factory) -> Home:
    """A copy of what the home published, so that a later publication can be made up."""
    if not (ENVIRONMENT / "gunicorn").exists():
        pytest.skip("Superset is not installed: make bi-import")
    copy = Home(tmp_path_factory.mktemp("bi") / "home", {})
    release = copy.path / "published" / "releases" / "first"
    release.mkdir(parents=True)
    shutil.copyfile(home.published.resolve(), release / "omnihouse.duckdb")
    (copy.path / "published" / "current").symlink_to("releases/first")
    (copy.path / "published" / "omnihouse.duckdb").symlink_to("current/omnihouse.duckdb")
    return copy


@pytest.fixture(scope="module")
def superset(looked_at: Home):
    environment = looked_at.environment(SUPERSET_CONFIG_PATH=str(PROJECT / "bi" / "superset_config.py"))
    loaded = subprocess.run(
        [str(ENVIRONMENT / "python"), "bi/load.py"],
        cwd=PROJECT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert loaded.returncode == 0, loaded.stdout[-2000:] + loaded.stderr[-2000:]
    address = f"127.0.0.1:{free_port()}"
    command = [str(ENVIRONMENT / "gunicorn"), "--worker-class", "gthread", "--threads", "8", "--timeout", "120",
               "--bind", address, "superset.app:create_app()"]  # fmt: skip
    with served(command, environment, f"http://{address}/health"):
        yield f"http://{address}"


@pytest.fixture
def logged_in(superset, looked_at: Home, open_tab):
    tab = open_tab(1400, 1100)
    tab.page.goto(f"{superset}/login/")
    tab.page.locator("input[name=username], #username").first.fill("admin")
    tab.page.locator("input[type=password]").first.fill((looked_at.path / "bi" / "admin_password").read_text())
    tab.picture("superset_login")
    tab.page.locator("button[type=submit], input[type=submit]").first.click()
    tab.page.wait_for_url("**/superset/welcome/**")
    return tab


def test_every_chart_of_the_three_dashboards_is_filled(logged_in, superset):
    page = logged_in.page
    answers = []
    page.on("response", lambda answer: answers.append(answer) if "/api/v1/chart/data" in answer.url else None)
    for slug, charts in DASHBOARDS.items():
        answers.clear()
        page.goto(f"{superset}/superset/dashboard/{slug}/")
        for name in charts:
            page.get_by_text(name, exact=True).first.wait_for()
        for _ in range(120):
            if len(answers) >= len(charts):
                break
            page.wait_for_timeout(1000)
        rows = [answer.json()["result"][0]["rowcount"] for answer in answers if answer.ok]
        page.wait_for_timeout(2000)
        logged_in.picture(f"superset_{slug}")
        assert len(rows) == len(charts), [answer.text()[:300] for answer in answers if not answer.ok]
        assert all(rows), (slug, rows)


def test_datasets_carry_the_comments_of_the_published_columns(logged_in, superset, looked_at: Home):
    found = logged_in.page.request.get(
        f"{superset}/api/v1/dataset/?q=(filters:!((col:table_name,opr:eq,value:cohort_retention)))"
    ).json()["result"][0]["id"]
    columns = logged_in.page.request.get(f"{superset}/api/v1/dataset/{found}").json()["result"]["columns"]
    told = looked_at.query(
        "select column_name, comment from duckdb_columns() where table_name = 'cohort_retention' order by 1"
    )
    assert sorted((column["column_name"], column["description"]) for column in columns) == told
    assert all(comment for _, comment in told)


def test_a_chart_shows_the_next_publication_and_cannot_write_or_read_files(logged_in, superset, looked_at: Home):
    page = logged_in.page
    token = page.request.get(f"{superset}/api/v1/security/csrf_token/").json()["result"]
    database = page.request.get(f"{superset}/api/v1/database/").json()["result"][0]["id"]

    def ask(sql: str):
        return page.request.post(
            f"{superset}/api/v1/sqllab/execute/",
            data={"database_id": database, "sql": sql, "runAsync": False, "client_id": os.urandom(5).hex()},
            headers={"X-CSRFToken": token, "Referer": superset},
        )

    assert ask("select count(*) as people from marts.customers").json()["data"][0]["people"] > 0
    releases = looked_at.path / "published" / "releases"
    (releases / "second").mkdir()
    shutil.copyfile(releases / "first" / "omnihouse.duckdb", releases / "second" / "omnihouse.duckdb")
    with duckdb.connect(str(releases / "second" / "omnihouse.duckdb")) as writer:
        writer.execute(
            "delete from marts.customers where customer_id <> (select max(customer_id) from marts.customers)"
        )
    fresh = looked_at.path / "published" / "fresh"
    fresh.symlink_to("releases/second")
    fresh.replace(looked_at.path / "published" / "current")
    assert ask("select count(*) as people from marts.customers").json()["data"][0]["people"] == 1
    for sql in ("create table marts.mine as select 1", f"select * from read_text('{Path(__file__)}')"):
        assert not ask(sql).ok, sql
