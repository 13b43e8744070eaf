"""A public data set through a mapping of the user's own, file by file: no row is lost, and the money adds up."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import duckdb
import pytest

from tests.integration.conftest import PROJECT, Home

DATA = PROJECT.parent / "shared" / "data" / "online_retail_2010_12"
NIGHTS = (("2010-12-01.csv", "2010-12-02.csv"), ("2010-12-03.csv", "2010-12-05.csv"))

pytestmark = pytest.mark.skipif(not DATA.exists(), reason=f"the data set is not in {DATA}")


def night(home: Home) -> str:
    outcome = home.run()
    assert outcome.returncode == 0, outcome.stdout + outcome.stderr
    return outcome.stdout


def recomputed(files: list[Path], sql: str) -> list[tuple]:
    """The answer of plain SQL over the dropped files themselves."""
    with duckdb.connect() as reader:
        reader.execute(
            "create view rows as select InvoiceNo as invoice, InvoiceDate::date as day, Quantity::decimal(18, 3) as"
            " quantity, round(Quantity::decimal(18, 3) * UnitPrice::decimal(18, 3), 2)::decimal(18, 3) as amount from"
            f" read_csv({[str(file) for file in files]}, all_varchar = true)"
        )
        return reader.execute(sql).fetchall()


def is_whole(home: Home, files: list[Path]) -> None:
    """Every row of the files is a line of an order or part of a return, each once, and the money is theirs."""
    (rows,) = recomputed(files, "select count(*) from rows")
    assert home.query(
        "select rows_landed, rows_read, rows_staged + rows_superseded + rows_quarantined, rows_quarantined, rows_lost"
        " from ops.conservation where raw_schema = 'raw_exports' and raw_table = 'order_lines'"
    ) == [(rows[0], rows[0], rows[0], 0, 0)]
    is_booked(home, files)


def is_booked(home: Home, files: list[Path]) -> None:
    """Each line, and each day's orders, returns and money, are those of the files."""
    assert home.query("select count(*) from marts.order_lines") == recomputed(
        files, "select count(*) from rows where quantity > 0"
    )
    assert home.query(
        "select order_date, count(*), sum(net_amount) from marts.orders group by all order by all"
    ) == recomputed(
        files,
        "select day, count(*), sum(amount) from (select invoice, min(day) as day, sum(amount) as amount from rows"
        " where quantity > 0 group by invoice) group by all order by all",
    )
    assert home.query(
        "select refund_date, order_id, kind, count(*), sum(amount) from marts.refunds group by all order by all"
    ) == recomputed(
        files,
        "select day, null, 'refund', count(*), sum(amount) from (select invoice, min(day) as day, -sum(amount) as"
        " amount from rows where quantity < 0 group by invoice) group by all order by all",
    )
    assert home.query("select count(*) from ops.reconciliation where difference <> 0") == [(0,)]


@pytest.fixture(scope="module")
def retailer(make_home: Callable[..., Home]) -> Home:
    home = make_home("retailer", OMNIHOUSE_AS_OF="2011-01-05T02:00:00+00:00", OMNIHOUSE_TIMEZONE="Europe/London")
    (home.path / "mappings").mkdir(parents=True)
    mapping = PROJECT / "tests" / "integration" / "online_retail.yml"
    (home.path / "mappings" / mapping.name).write_text(mapping.read_text())
    (home.path / "landing" / "online_retail").mkdir(parents=True)
    return home


def drop(home: Home, *names: str) -> list[Path]:
    folder = home.path / "landing" / "online_retail"
    for name in names:
        (folder / name).write_bytes((DATA / name).read_bytes())
    return sorted(folder.glob("2010-*.csv"))


def test_file_by_file_no_row_is_lost_and_the_same_file_again_adds_none(retailer: Home):
    for number, names in enumerate(NIGHTS):
        files = drop(retailer, *names)
        if number:
            (retailer.path / "landing" / "online_retail" / "once_more.csv").write_bytes(files[0].read_bytes())
        told = night(retailer)
        assert "net_amount_reporting" in told
        is_whole(retailer, files)
    # 2010 is older than the shipped rates: empty, and never a guess.
    assert retailer.query("select count(net_amount_reporting), count(*) > 0 from marts.orders") == [(0, True)]


@pytest.fixture(scope="module")
def mended(retailer: Home) -> str:
    """Rates, and the first invoice with one line less and another quantity; the rest of the file as it was."""
    folder = retailer.path / "landing" / "fx_rates"
    folder.mkdir(parents=True)
    days = "".join(f"2010-12-{day:02d},GBP,CNY,10.5\n" for day in range(1, 6))
    (folder / "rates.csv").write_text("date,base_currency,quote_currency,rate\n" + days)
    file = retailer.path / "landing" / "online_retail" / NIGHTS[0][0]
    header, _, second, *rest = file.read_text().splitlines(keepends=True)
    changed = second.split(",")
    changed[3] = "7"
    file.write_text("".join([header, ",".join(changed), *rest]))
    return night(retailer)


def test_dropped_rates_fill_the_reporting_amounts(retailer: Home, mended: str):
    assert "net_amount_reporting" not in mended
    assert retailer.query("select sum(net_amount_reporting) from marts.orders") == recomputed(
        drop(retailer),
        "select sum(round(amount * 10.5, 2))::decimal(18, 3) from (select invoice, sum(amount) as amount from rows"
        " where quantity > 0 group by invoice)",
    )


def test_a_changed_file_under_the_same_name_replaces_what_it_said(retailer: Home, mended: str):
    is_booked(retailer, drop(retailer))
    assert retailer.query(
        "select rows_quarantined, rows_lost, rows_superseded > 0 from ops.conservation"
        " where raw_schema = 'raw_exports' and raw_table = 'order_lines'"
    ) == [(0, 0, True)]
