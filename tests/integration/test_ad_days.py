"""A day of every platform's report: told in parts it is their sum, told again it is replaced; and whose day it was."""

from __future__ import annotations

from decimal import Decimal

import pytest

from tests.integration.shared_homes import Dropped

# Two parts of a day; of the second day both have the same figures, and only a column that no mapping reads tells them
# apart.
FIRST = {
    "google_ads": """\
Ad performance report
"June 1, 2026 - June 2, 2026"
Day,Account name,Campaign,Device,Currency code,Impr.,Clicks,Cost,Conversions
2026-06-01,Omni,Brand,Mobile,CNY,10,1,1.00,1.00
2026-06-01,Omni,Brand,Desktop,CNY,20,2,2.50,0.50
2026-06-02,Omni,Brand,Mobile,CNY,5,1,1.00,1.00
2026-06-02,Omni,Brand,Desktop,CNY,5,1,1.00,1.00
Total: Campaigns,,,,CNY,40,5,5.50,3.50
""",
    "meta_ads": """\
Day,Account name,Campaign name,Placement,Amount spent (CNY),Impressions,Link clicks,Purchases
,,,,5.50,40,5,3
2026-06-01,Omni,Brand,Feed,1.00,10,1,1
2026-06-01,Omni,Brand,Reels,2.50,20,2,0.5
2026-06-02,Omni,Brand,Feed,1.00,5,1,1
2026-06-02,Omni,Brand,Reels,1.00,5,1,1
""",
    "oceanengine": """\
日期,账户,项目名称,版位,展示数,点击数,消耗,转化数
2026-06-01,Omni,Brand,抖音,10,1,1.00,1
2026-06-01,Omni,Brand,西瓜,20,2,2.50,0.5
2026-06-02,Omni,Brand,抖音,5,1,1.00,1
2026-06-02,Omni,Brand,西瓜,5,1,1.00,1
合计,,,,40,5,5.50,3.5
""",
    "tiktok_ads": """\
Account name,Campaign name,Placement,By Day,Currency,Timezone,Cost,Impressions,Clicks (destination),Conversions
Omni,Brand,TikTok,2026-06-01,CNY,America/Los_Angeles,1.00,10,1,1
Omni,Brand,Pangle,2026-06-01,CNY,America/Los_Angeles,2.50,20,2,0.5
Omni,Brand,TikTok,2026-06-02,CNY,America/Los_Angeles,1.00,5,1,1
Omni,Brand,Pangle,2026-06-02,CNY,America/Los_Angeles,1.00,5,1,1
Omni,Brand,Nowhere,2026-06-03,CNY,Mars/Olympus,1.00,5,1,1
""",
}
# The second day again, some days later: more clicks of one part, and the other is gone.
RESTATED = {
    "google_ads": FIRST["google_ads"].split("2026-06-01,Omni")[0] + "2026-06-02,Omni,Brand,Mobile,CNY,6,2,1.25,2.00\n",
    "meta_ads": FIRST["meta_ads"].splitlines()[0] + "\n2026-06-02,Omni,Brand,Feed,1.25,6,2,2\n",
    "oceanengine": FIRST["oceanengine"].splitlines()[0] + "\n2026-06-02,Omni,Brand,抖音,6,2,1.25,2\n",
    "tiktok_ads": FIRST["tiktok_ads"].splitlines()[0]
    + "\nOmni,Brand,TikTok,2026-06-02,CNY,America/Los_Angeles,1.25,6,2,2\n",
}
DAYS = (
    "select date::varchar, account, campaign, impressions, clicks, conversions, cost, cost_reporting"
    " from marts.ad_performance where platform = $1 order by date"
)


FIRST_DAY = ("2026-06-01", "Omni", "Brand", 30, 3, Decimal("1.5"), Decimal("3.5"), Decimal("3.5"))


@pytest.mark.parametrize("platform", FIRST)
def test_a_day_told_in_parts_is_their_sum(dropped: Dropped, platform: str):
    assert dropped.first.query(DAYS, [platform]) == [
        FIRST_DAY,
        ("2026-06-02", "Omni", "Brand", 10, 2, Decimal(2), Decimal(2), Decimal(2)),
    ]


def test_the_day_is_the_accounts_and_stands_beside_the_reporting_one(dropped: Dropped):
    """Of a day in Los Angeles nine hours are the same day in Shanghai, and fifteen are the next."""
    assert dropped.first.query(
        "select distinct platform, timezone, reporting_date - date from marts.ad_performance order by 1"
    ) == [
        ("google_ads", None, 0),
        ("meta_ads", None, 0),
        ("oceanengine", "Asia/Shanghai", 0),
        ("tiktok_ads", "America/Los_Angeles", 1),
    ]
    assert dropped.first.query("select rule from ops.quarantine where source_table = 'ad_performance'") == [
        ("timezone_unknown",)
    ]


@pytest.mark.parametrize("platform", FIRST)
def test_a_day_told_again_is_replaced_and_another_stays(dropped: Dropped, platform: str):
    assert dropped.second.query(DAYS, [platform]) == [
        FIRST_DAY,
        ("2026-06-02", "Omni", "Brand", 6, 2, Decimal(2), Decimal("1.25"), Decimal("1.25")),
    ]
