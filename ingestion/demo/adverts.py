"""Advertisement exports and exchange rates, in the layouts of their vendors.

Belongs here: what was spent per campaign and day, how each platform writes it down, and the rate files.
Does not belong here: where the files go (landing).

A platform restates: a day's figures are final three days after they were first reported.
"""

from __future__ import annotations

import math
from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, timedelta
from functools import lru_cache

from ingestion.demo.clock import SHANGHAI, generator, last_complete_date, night_instant
from ingestion.demo.csv_text import csv_file

RESTATED_DAYS = 3
HISTORY_BEGINS = date(2024, 7, 1)
FX_BEGINS = date(2024, 6, 20)
FX_START = (("EUR", 7.9), ("USD", 7.2), ("JPY", 0.048))
QUARTERS = tuple(
    (date(2024 + at // 4, at % 4 * 3 + 1, 1), date(2024 + (at + 1) // 4, (at + 1) % 4 * 3 + 1, 1) - timedelta(days=1))
    for at in range(2, 10)
)


@dataclass(frozen=True, slots=True)
class Platform:
    """One advertisement account; ``scale`` is the mean daily cost of a campaign in minor units for 1,000 persons."""

    name: str
    account: str
    currency: str
    zone: str
    scale: int
    campaigns: tuple[str, ...]


PLATFORMS = (
    Platform(
        "google_ads",
        "Omni DE",
        "EUR",
        "Europe/Berlin",
        900,
        ("Brand_DE", "Shopping_DE", "Generic_Jackets", "Remarketing"),
    ),
    Platform(
        "meta_ads",
        "Omni Global",
        "USD",
        "America/Los_Angeles",
        1100,
        ("Prospecting", "Retargeting", "Lookalike_JP", "Sale"),
    ),
    Platform("oceanengine", "欧姆零售", "CNY", SHANGHAI, 6500, ("夏季上新", "会员召回", "直播引流", "品牌词")),
    Platform("tiktok_ads", "Omni JP", "JPY", "Asia/Tokyo", 15000, ("Spark_JP", "Summer_JP", "Live_JP", "Reach_JP")),
)
# Of those whose visitors arrive in the web shop; who saw an ad in TikTok comes to a store.
CAMPAIGNS = {platform.name: platform.campaigns for platform in PLATFORMS if platform.name != "tiktok_ads"}
_AD_GROUPS = {
    "google_ads": ("Exact", "Broad"),
    "meta_ads": ("Women 25-44", "Men 25-44"),
    "oceanengine": ("女装-定向", "男装-通投"),
    "tiktok_ads": ("Lookalike 18-34", "Interest fashion"),
}


@dataclass(frozen=True, slots=True)
class AdRow:
    """One ad on one day as reported at some age; cost in minor units."""

    day: date
    campaign: str
    ad_group: str
    ad: str
    impressions: int
    clicks: int
    cost: int
    conversions: int


def ad_rows(platform: Platform, persons: int, seed: int, day: date, reported: date) -> tuple[AdRow, ...]:
    """The platform's figures of a day as reported when ``reported`` was the newest day."""
    return _rows_at_age(platform, persons, seed, day, min(RESTATED_DAYS, (reported - day).days))


@lru_cache(maxsize=8192)
def _rows_at_age(platform: Platform, persons: int, seed: int, day: date, age: int) -> tuple[AdRow, ...]:
    rng = generator(seed, day.toordinal(), f"ads.{platform.name}")
    rows = []
    for at, campaign in enumerate(platform.campaigns):
        for ad_group in _AD_GROUPS[platform.name]:
            draws = rng.random(4)
            mean = platform.scale * persons / 1000 * (0.5 + at * 0.35)
            final = round(mean * (0.6 + 0.8 * draws[0]) * (1.15 if day.weekday() >= 5 else 1.0))
            cost = final - round(final * 0.03 * (RESTATED_DAYS - age) * draws[1])
            clicks = max(0, round(cost / (platform.scale / 16) * (0.7 + 0.6 * draws[2])))
            impressions = clicks * (20 + int(draws[3] * 60)) + age
            conversions = int(clicks * 0.03 * draws[1]) + (age > 1 and draws[3] > 0.5)
            rows.append(
                AdRow(day, campaign, ad_group, f"{ad_group} {at + 1}", impressions, clicks, cost, int(conversions))
            )
    return tuple(rows)


def newest_day(platform: Platform, night: int) -> date:
    """The newest day that is over in the account's time zone on the night."""
    return date.fromisoformat(last_complete_date(night_instant(night), platform.zone))


def ad_files(persons: int, seed: int, night: int) -> dict[str, bytes]:
    """The night's advertisement files by path below the landing folder."""
    files = {}
    for platform in PLATFORMS:
        newest = newest_day(platform, night)
        if night == 1 and platform.name == "tiktok_ads":
            spans = [(HISTORY_BEGINS, newest)]
        elif night == 1:
            spans = [(first, min(last, newest)) for first, last in QUARTERS if first <= newest]
        else:
            spans = [(newest - timedelta(days=RESTATED_DAYS), newest)]
        for first, last in spans:
            days = [first + timedelta(days=at) for at in range((last - first).days + 1)]
            rows = [row for day in days for row in ad_rows(platform, persons, seed, day, newest)]
            stem = f"{first:%Y%m%d}_{last:%Y%m%d}"
            files[f"{platform.name}/{_FILE_STEM[platform.name]}_{stem}.csv"] = _LAYOUT[platform.name](platform, rows)
    return files


def final_costs(persons: int, seed: int, night: int, folders: Collection[str]) -> dict[tuple[str, str], int]:
    """Cost per platform of these folders and currency over all days reported, restated values counted once."""
    totals = {}
    for platform in [platform for platform in PLATFORMS if platform.name in folders]:
        newest = newest_day(platform, night)
        days = [HISTORY_BEGINS + timedelta(days=at) for at in range((newest - HISTORY_BEGINS).days + 1)]
        cost = sum(row.cost for day in days for row in ad_rows(platform, persons, seed, day, newest))
        totals[platform.name, platform.currency] = cost
    return totals


def _decimal(minor: int) -> str:
    return f"{minor // 100}.{minor % 100:02d}"


def _thousands(minor: int) -> str:
    return f"{minor // 100:,}.{minor % 100:02d}"


def _google(platform: Platform, rows: list[AdRow]) -> bytes:
    """Two lines of preamble, thousands marks, `` --`` for nothing, total lines at the end."""
    first, last = rows[0].day, rows[-1].day
    lines = [
        ["Ad performance report"],
        [f"{first:%B} {first.day}, {first.year} - {last:%B} {last.day}, {last.year}"],
        [
            "Day",
            "Account name",
            "Campaign",
            "Ad group",
            "Ad",
            "Currency code",
            "Impr.",
            "Clicks",
            "Cost",
            "Conversions",
        ],
    ]
    for row in rows:
        conversions = f"{row.conversions}.00" if row.conversions else " --"
        head = [row.day.isoformat(), platform.account, row.campaign, row.ad_group, row.ad, platform.currency]
        lines.append([*head, f"{row.impressions:,}", f"{row.clicks:,}", _thousands(row.cost), conversions])
    totals = [
        f"{sum(row.impressions for row in rows):,}",
        f"{sum(row.clicks for row in rows):,}",
        _thousands(sum(row.cost for row in rows)),
        f"{sum(row.conversions for row in rows)}.00",
    ]
    for title in ("Total: Ads", "Total: Account"):
        lines.append([title, " --", " --", " --", " --", platform.currency, *totals])
    return csv_file(lines, "utf-8")


def _meta(platform: Platform, rows: list[AdRow]) -> bytes:
    """The currency in a column's name, and a first row of totals with blank names."""
    lines = [
        [
            "Reporting starts", "Reporting ends", "Day", "Account name", "Campaign name", "Ad set name", "Ad name",
            f"Amount spent ({platform.currency})", "Impressions", "Reach", "Link clicks", "Purchases",
            "Attribution setting",
        ]
    ]  # fmt: skip
    span = [rows[0].day.isoformat(), rows[-1].day.isoformat()]

    def figures(chosen: list[AdRow]) -> list[str]:
        impressions = sum(row.impressions for row in chosen)
        purchases = sum(row.conversions for row in chosen)
        return [
            _decimal(sum(row.cost for row in chosen)),
            str(impressions),
            str(impressions * 7 // 10),
            str(sum(row.clicks for row in chosen)),
            str(purchases) if purchases else "",
        ]

    lines.append([*span, "", "", "", "", "", *figures(rows), ""])
    for row in rows:
        names = [row.day.isoformat(), platform.account, row.campaign, row.ad_group, row.ad]
        lines.append([*span, *names, *figures([row]), "7-day click"])
    return b"\xef\xbb\xbf" + csv_file(lines, "utf-8")


def _ocean(platform: Platform, rows: list[AdRow]) -> bytes:
    """GBK, Chinese headings, a total line at the end."""
    lines = [["日期", "账户", "项目名称", "广告组名称", "广告名称", "展示数", "点击数", "消耗(元)", "转化数"]]
    for row in rows:
        names = [row.day.isoformat(), platform.account, row.campaign, row.ad_group, row.ad]
        lines.append([*names, str(row.impressions), str(row.clicks), _decimal(row.cost), str(row.conversions)])
    lines.append(
        [
            "合计", "-", "-", "-", "-",
            str(sum(row.impressions for row in rows)),
            str(sum(row.clicks for row in rows)),
            _decimal(sum(row.cost for row in rows)),
            str(sum(row.conversions for row in rows)),
        ]
    )  # fmt: skip
    return csv_file(lines, "gbk")


def _tiktok(platform: Platform, rows: list[AdRow]) -> bytes:
    """A line of totals at the end; the currency in a column, whole yen."""
    lines = [
        [
            "Account name", "Campaign name", "Ad group name", "Ad name", "By Day", "Currency", "Cost", "Impressions",
            "Clicks (destination)", "Conversions",
        ]
    ]  # fmt: skip
    for row in rows:
        names = [platform.account, row.campaign, row.ad_group, row.ad, row.day.isoformat(), platform.currency]
        lines.append([*names, *(str(n) for n in (row.cost, row.impressions, row.clicks, row.conversions))])
    sums = [sum(n) for n in zip(*((r.cost, r.impressions, r.clicks, r.conversions) for r in rows), strict=True)]
    lines.append(["", f"Total of {len(rows)} results", "-", "-", "-", "-", *(str(n) for n in sums)])
    return csv_file(lines, "utf-8")


_LAYOUT = {"google_ads": _google, "meta_ads": _meta, "oceanengine": _ocean, "tiktok_ads": _tiktok}
_FILE_STEM = {
    "google_ads": "ad_performance_report",
    "meta_ads": "Omni-Global-Ads",
    "oceanengine": "ad_report",
    "tiktok_ads": "TikTok-Ads-Report",
}


def fx_files(seed: int, night: int) -> dict[str, bytes]:
    """The night's exchange rates by path below the landing folder: the history on night 1, then one day each."""
    newest = date.fromisoformat(last_complete_date(night_instant(night), SHANGHAI))
    days = [FX_BEGINS + timedelta(days=at) for at in range((newest - FX_BEGINS).days + 1)]
    walks = {}
    for currency, start in FX_START:
        steps = generator(seed, 0, f"fx.{currency}").standard_normal(len(days)) * 0.0025
        level, values = 0.0, []
        for step in steps:
            level = level * 0.995 + float(step)
            values.append(start * math.exp(level))
        walks[currency] = values
    lines = [["date", "base_currency", "quote_currency", "rate"]]
    for at, day in enumerate(days):
        if night == 1 or at == len(days) - 1:
            lines.extend([day.isoformat(), code, "CNY", f"{walks[code][at]:.6f}"] for code, _ in FX_START)
    name = "fx_rates_history" if night == 1 else f"fx_rates_{newest:%Y%m%d}"
    return {f"fx_rates/{name}.csv": csv_file(lines, "utf-8")}
