"""The homes that several modules read, each built once; a module that needs another state has a home of its own.

| fixture    | what it is                                                         | who reads it                       |
|------------|--------------------------------------------------------------------|------------------------------------|
| `company`  | the small demo company, night after night                          | nights, slices, kpis, ui, ...      |
| `restated` | a demo company whose second night moves what the first one said    | attribution, rfm of past nights    |
| `dropped`  | a till and dropped files, two nights, each module's for itself     | ad days, bad orders, touchpoints   |
| `vendors`  | other people's data by connectors and mappings, pulled twice       | vendor data, ads, orders of others |

tests/conftest.py keeps the tests of one home on one worker. What is put into a shared home stands in the module that
asks about it, under a source, persons and numbers of its own, so that no module's rows touch another's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from ingestion.demo.http_server import json_server, serving
from tests.integration.conftest import Home, Release

FIRST, SECOND = "2026-07-01T02:00:00+08:00", "2026-07-02T02:00:00+08:00"  # the first is 18:00 UTC on June 30


class Dropped(NamedTuple):
    """The home and what it published in each of its nights."""

    home: Home
    first: Release
    second: Release


def dropped(make_home: Callable[..., Home], folder: Path) -> Dropped:
    """Two nights; in the second one only advertisements are told of again."""
    from tests.integration import test_ad_days, test_bad_orders, test_touchpoints

    till = folder / "till.sqlite"
    test_bad_orders.book_all(till)
    home = make_home("dropped", SOURCES__POS__DATABASE_URL=f"sqlite:///{till}", OMNIHOUSE_DEMO="0")
    (home.path / "rules").mkdir(parents=True)
    (home.path / "rules" / "order_rules.csv").write_text(test_bad_orders.ORDER_RULES)
    home.drop(test_touchpoints.FILES)
    nights = []
    for as_of, reports in ((FIRST, test_ad_days.FIRST), (SECOND, test_ad_days.RESTATED)):
        home.drop({f"{platform}/{as_of[:10]}.csv": text for platform, text in reports.items()})
        outcome = home.run(OMNIHOUSE_AS_OF=as_of)
        assert outcome.returncode == 0, outcome.stdout + outcome.stderr
        nights.append(Release(home))
    return Dropped(home, *nights)


class Vendors(NamedTuple):
    """The home after both runs, what it was shown, and what each run said and published."""

    home: Home
    shop: dict[str, list[Any]]
    transactions: list[Any]
    desk: dict[str, list[Any]]
    output: list[str]
    marts: list[dict[str, list[tuple[Any, ...]]]]


def vendors(make_home: Callable[..., Home]) -> Iterator[Vendors]:
    """Everything pulled twice, and the second time every dropped file lies there once more, an empty line longer."""
    from tests.integration import test_ads_of_others, test_orders_of_others, test_vendor_data, vendor_data

    if not vendor_data.SEEDS.is_dir():
        pytest.skip("the shared folder of other people's data is not here")
    shop, transactions, desk = test_vendor_data.documents()
    with ExitStack() as stack:
        answers = (vendor_data.shop_answer(shop, transactions), vendor_data.desk_answer(desk))
        ports = [stack.enter_context(serving(json_server(answer))) for answer in answers]
        home = make_home(
            "vendors",
            OMNIHOUSE_AS_OF="2026-01-01T02:00:00+08:00",
            OMNIHOUSE_DEMO="0",
            # Most amounts are in dollars, and no rate is shipped for the years that some are of.
            OMNIHOUSE_CURRENCY="USD",
            # Samples of many shops: a tenth of the rows waits for lines or amounts that no sample holds.
            OMNIHOUSE_QUARANTINE_LIMIT="shopify=20",
            SOURCES__SHOPIFY__SHOP_URL=f"http://127.0.0.1:{ports[0]}",
            SOURCES__SHOPIFY__ACCESS_TOKEN="any-token",
            SOURCES__SHOPIFY__TRANSACTION_DAYS="9999",
            SOURCES__ZENDESK__BASE_URL=f"http://127.0.0.1:{ports[1]}",
            SOURCES__ZENDESK__EMAIL="robot@x.example",
            SOURCES__ZENDESK__API_TOKEN="any-token",
        )
        home.land(
            {**test_ads_of_others.MAPPINGS, **test_orders_of_others.MAPPINGS},
            {
                **{name: test_ads_of_others.SEEDS / file for name, file in test_ads_of_others.FILES.items()},
                **{name: test_orders_of_others.SEEDS / file for name, file in test_orders_of_others.FILES.items()},
            },
        )
        files = [*(home.path / "landing").glob("*/*.csv")]
        output, marts = [], []
        for number in range(2):
            if number:
                home.drop(
                    {f"{file.parent.name}/again.csv": file.read_text(encoding="utf-8-sig") + "\n" for file in files}
                )
            outcome = home.run()
            assert outcome.returncode == 0, outcome.stdout + outcome.stderr
            output.append(outcome.stdout)
            marts.append(home.tables())
        yield Vendors(home, shop, transactions, desk, output, marts)
