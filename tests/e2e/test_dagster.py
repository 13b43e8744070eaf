"""What an engineer sees in the Dagster UI after a night."""

import re
from urllib.parse import quote

# One way of many: a source, its raw table, staging, identity, and the mart.
WAY = (
    "sources/shopify",
    "raw_shopify/customers",
    "staging/base_shopify__customers",
    "staging/stg_shopify__customers",
    "intermediate/int_identity__records",
    "intermediate/int_identity__clusters",
    "intermediate/int_customers__people",
    "marts/customers",
)


def test_the_lineage_leads_from_a_source_to_customers(dagster, open_tab):
    tab = open_tab(width=2400)
    selected = " or ".join(f'key:"{key}"' for key in WAY)
    tab.page.goto(f"{dagster}/asset-groups~{quote(selected, safe='')}/")
    groups = list(dict.fromkeys(key.split("/")[0] for key in WAY))
    for group in groups:
        tab.page.get_by_text(group, exact=True).first.wait_for()
    tab.page.get_by_role("button", name=f"Materialize all ({len(WAY) - 1})").wait_for()
    tab.picture("dagster_lineage_groups")
    places = {}
    for group, name in (("sources", "shopify"), ("marts", "customers")):
        graph = tab.page.locator("foreignObject")
        places[group] = graph.get_by_text(group, exact=True).first.bounding_box()["x"]
        graph.get_by_text(group, exact=True).first.dispatch_event("click")
        graph.get_by_text(name, exact=True).first.wait_for()
        tab.picture(f"dagster_lineage_{group}")
        tab.page.reload()
        graph.get_by_text(group, exact=True).first.wait_for()
    assert places["sources"] < places["marts"]
    tab.page.goto(f"{dagster}/assets/marts/customers?view=lineage&lineageScope=upstream&lineageDepth=1")
    for name in ("customer_rfm", "refunds", "orders"):
        tab.page.get_by_text(name, exact=True).first.wait_for()
    tab.picture("dagster_lineage_customers")
    assert not tab.asked_elsewhere


def test_a_check_shows_its_number_and_its_history(dagster, open_tab):
    tab = open_tab()
    tab.page.goto(f"{dagster}/assets/marts/customers?view=checks&checkDetail=column_max_to_be_between__record_count")
    tab.page.get_by_text("One person with hundreds of records").first.wait_for()
    tab.page.get_by_text("Passed").first.wait_for()
    rows = tab.page.locator("tr", has=tab.page.get_by_text("observed", exact=True)).first
    rows.wait_for()
    tab.picture("dagster_check")
    assert int(re.sub(r"\D", "", rows.inner_text())) >= 1
    assert not tab.asked_elsewhere


def test_customers_show_grain_tags_and_the_lineage_of_net_revenue(dagster, open_tab):
    tab = open_tab()
    tab.page.goto(f"{dagster}/assets/marts/customers")
    entry = tab.page.locator("tr", has=tab.page.get_by_text("column_lineage", exact=True)).first
    entry.get_by_text("Show Markdown").click()
    line = tab.page.locator("tr", has=tab.page.locator("td", has_text=re.compile(r"^net_revenue$"))).last
    line.wait_for()
    tab.page.wait_for_timeout(1000)  # it fades in
    line.scroll_into_view_if_needed()
    tab.picture("dagster_column_lineage")
    told = line.inner_text()
    assert "int_customers__people.net_revenue" in told
    assert "raw_shopify.orders" in told
    tab.page.goto(f"{dagster}/assets/marts/customers?view=overview")
    for text in ("Grain: one row per person", "pii: pseudonymous", "layer: marts", "Freshness policy"):
        tab.page.get_by_text(text).first.wait_for()
    tab.picture("dagster_customers")


def test_quality_charts_stand_beside_the_streams(dagster, open_tab):
    tab = open_tab()
    tab.page.goto(f"{dagster}/assets/ops/stream_days?view=events")
    entry = tab.page.locator("tr", has=tab.page.get_by_text("charts", exact=True)).first
    entry.get_by_text("Show Markdown").click()
    chart = tab.page.locator("img[alt^='pos ']").first
    chart.wait_for()
    chart.scroll_into_view_if_needed()
    tab.picture("dagster_streams")
    assert chart.evaluate("image => image.complete && image.naturalWidth > 100")


def test_jobs_schedule_and_sensor_are_there_and_a_missing_setting_is_said_before_launch(dagster, open_tab):
    tab = open_tab()
    tab.page.goto(f"{dagster}/automation")
    for name in ("every_night", "all_exports_landed"):
        tab.page.get_by_text(name).first.wait_for()
    tab.page.locator("label[class*=formatSwitch] input:checked").nth(1).wait_for(state="attached")
    tab.picture("dagster_automation")
    tab.page.goto(f"{dagster}/locations/dagster_project.definitions/jobs/one_source/playground")
    tab.page.get_by_text('Missing required config entry "source"').first.wait_for()
    tab.picture("dagster_launchpad")
    assert tab.page.get_by_role("button", name="Launch Run").first.is_disabled()
