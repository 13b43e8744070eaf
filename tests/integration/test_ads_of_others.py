"""Advertisement tables that others made, through mappings of a user: every row counts, and parts of a day add up."""

from __future__ import annotations

import csv
from decimal import Decimal

import pytest

from tests.integration.conftest import PROJECT
from tests.integration.shared_homes import Vendors

SEEDS = PROJECT.parent / "shared" / "data" / "fivetran"
MAPPINGS = {
    "google_api_campaigns": """
        files: "*.csv"
        currency: USD
        entities:
          ad_performance:
            date: date
            account: customer_id
            campaign: id
            impressions: impressions
            clicks: clicks
            conversions: conversions
            cost: {from: cost_micros, divide_by: 1000000}
    """,
    "meta_api_ads": """
        files: "*.csv"
        currency: USD
        entities:
          ad_performance:
            date: date
            account: account_id
            campaign: {value: all}
            ad: ad_id
            impressions: impressions
            clicks: inline_link_clicks
            cost: spend
    """,
    "tiktok_api_hours": """
        files: "*.csv"
        currency: USD
        entities:
          ad_performance:
            date: {from: STAT_TIME_HOUR, formats: ["%Y-%m-%d %H:%M:%S"]}
            campaign: CAMPAIGN_ID
            impressions: IMPRESSIONS
            clicks: CLICKS
            conversions: CONVERSION
            cost: SPEND
    """,
    "pinterest_api_campaigns": """
        files: "*.csv"
        currency: USD
        entities:
          ad_performance:
            date: {from: date, formats: ["%Y-%m-%d %H:%M:%S", "%Y-%m-%d"]}
            account: advertiser_id
            campaign: campaign_id
            impressions: {from: impression_1, optional: true}
            clicks: {from: clickthrough_1, optional: true}
            cost: {from: spend_in_micro_dollar, divide_by: 1000000}
    """,
}
FILES = {
    "google_api_campaigns": "ad_reporting/seeds/google_ads_campaign_stats_data.csv",
    "meta_api_ads": "ad_reporting/seeds/facebook_ads_basic_ad_data.csv",
    "tiktok_api_hours": "ad_reporting/seeds/tiktok_campaign_report_hourly_data.csv",
    "pinterest_api_campaigns": "ad_reporting/seeds/pinterest_campaign_report_data.csv",
}


def told(name: str) -> dict[tuple[str, str], Decimal]:
    """Cost by campaign and day, straight from the file: distinct rows added."""
    cost = {
        "google_api_campaigns": ("id", "date", "cost_micros", 1_000_000),
        "meta_api_ads": ("", "date", "spend", 1),
        "tiktok_api_hours": ("CAMPAIGN_ID", "STAT_TIME_HOUR", "SPEND", 1),
        "pinterest_api_campaigns": ("campaign_id", "date", "spend_in_micro_dollar", 1_000_000),
    }[name]
    sums: dict[tuple[str, str], Decimal] = {}
    with (SEEDS / FILES[name]).open(encoding="utf-8-sig", newline="") as file:
        for row in {tuple(row.items()): row for row in csv.DictReader(file)}.values():
            key = (row[cost[0]] if cost[0] else "all", row[cost[1]][:10])
            sums[key] = sums.get(key, Decimal()) + Decimal(row[cost[2]] or 0) / cost[3]
    return sums


@pytest.mark.parametrize("name", MAPPINGS)
def test_the_cost_of_each_day_is_the_sum_of_its_parts(vendors: Vendors, name: str):
    found = vendors.home.query(
        "select campaign, date::varchar, sum(cost) from marts.ad_performance where platform = $1 group by all", [name]
    )
    rounded = {key: cost.quantize(Decimal("0.001")) for key, cost in told(name).items()}
    assert {(campaign, day): cost for campaign, day, cost in found} == pytest.approx(rounded, abs=Decimal("0.005"))


def test_no_row_waits(vendors: Vendors):
    """That none is lost and that a second night changes nothing is asked of the whole home in `test_vendor_data`."""
    assert vendors.home.query(
        "select count(*) from ops.quarantine where source_system in (select unnest($1))", [[*MAPPINGS]]
    ) == [(0,)]
