"""What a manager opens from a publication's folder, and an analyst in the notebooks; nothing leaves the machine."""

import re

import pytest

from tests.e2e.conftest import served
from tests.integration.conftest import PROJECT, Home, free_port

LOOK = PROJECT / ".venv-look" / "bin" / "python"


def test_the_front_page_and_every_page_that_it_leads_to_open_by_themselves(home: Home, open_tab):
    folder = home.path / "published"
    pages = [folder / "index.html", *sorted((folder / "reports").glob("*.html"))]
    assert len(pages) >= 6
    for page in pages:
        tab = open_tab(width=1300)
        tab.page.goto(page.as_uri())
        tab.page.locator("h1").first.wait_for()
        tab.picture(f"page_{page.stem}")
        assert tab.page.title(), page
        assert not tab.errors, (page, tab.errors)
        assert not tab.asked_elsewhere, (page, tab.asked_elsewhere)
        broken = [
            link.get_attribute("href")
            for link in tab.page.locator("a[href]").all()
            if "://" not in (href := link.get_attribute("href")) and not href.startswith(("#", "mailto:"))
            and not (page.parent / href.split("#")[0]).exists()
        ]  # fmt: skip
        assert not broken, (page, broken)


def test_a_report_can_be_read_in_a_narrow_window(home: Home, open_tab):
    tab = open_tab(width=390, height=844)
    tab.page.goto((home.path / "published" / "reports" / "strategic.html").as_uri())
    tab.page.locator("h1").first.wait_for()
    tab.picture("page_strategic_narrow")
    assert tab.page.evaluate("document.documentElement.scrollWidth") <= 400


def test_a_customer_of_three_channels_on_the_360_page(home: Home, open_tab):
    if not LOOK.exists():
        pytest.skip("the notebooks' environment is not installed: make look")
    ((customer, order),) = home.query(
        "select customer_id, min(order_id) from marts.orders where is_valid and customer_id in"
        " (select customer_id from marts.orders where is_valid group by 1 having count(distinct channel) >= 3)"
        " group by 1 order by 1 limit 1"
    )
    port = free_port()
    environment = home.environment(OMNIHOUSE_NOTEBOOKS_PORT=str(port))
    tab = open_tab(width=1300, height=1600)
    with served([str(LOOK), "notebooks/serve.py"], environment, f"http://127.0.0.1:{port}/") as address:
        tab.page.goto(f"{address}customer_360/?find={order}")
        tab.page.get_by_text(customer).first.wait_for()
        for heading in tab.page.locator("h1, h2, h3, figcaption, summary").all()[:20]:
            heading.wait_for()
        tab.page.get_by_text(order).first.wait_for()
        tab.page.get_by_text(re.compile(r"records of \d+ systems are this person")).first.wait_for()
        tab.page.get_by_text("how sure").first.wait_for()  # the reasons of the links
        tab.picture("customer_360")
        tab.page.mouse.wheel(0, 1500)
        tab.page.wait_for_timeout(1000)
        tab.picture("customer_360_below")
        assert not tab.asked_elsewhere
