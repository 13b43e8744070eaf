"""Settings: defaults, checks, and the rule that a home is demo or real for good."""

import json
import os
from datetime import UTC, datetime

import pytest

from dagster_project.config import ConfigurationError, House


def house(tmp_path, **env):
    return House.from_environment({"OMNIHOUSE_HOME": str(tmp_path), **env})


def test_defaults(tmp_path):
    found = house(tmp_path)
    assert (found.currency, found.timezone, *found.demo_size()) == ("CNY", "Asia/Shanghai", 5000, 1)
    assert found.memory_limit.endswith("GiB")
    assert found.is_demo()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("OMNIHOUSE_CURRENCY", "yuan"),
        ("OMNIHOUSE_TIMEZONE", "Berlin"),
        ("OMNIHOUSE_DEMO", "yes"),
        ("OMNIHOUSE_MEMORY", "lots"),
        ("OMNIHOUSE_AS_OF", "yesterday"),
        ("DEMO_PERSONS", "0"),
        ("DEMO_PERSONS", "many"),
        ("OMNIHOUSE_STALE_POLICY", "pos=ignore"),
    ],
)
def test_a_wrong_setting_is_named(tmp_path, name, value):
    with pytest.raises(ConfigurationError, match=name):
        house(tmp_path, **{name: value})


def test_a_moment_without_a_zone_is_in_the_reporting_zone(tmp_path):
    found = house(tmp_path, OMNIHOUSE_AS_OF="2026-07-01T02:00:00")
    assert found.as_of == datetime(2026, 6, 30, 18, tzinfo=UTC)


@pytest.mark.parametrize(("memory", "limit"), [("4GB", "4GB"), ("2 GiB", "2GiB")])
def test_memory_as_given(tmp_path, memory, limit):
    assert house(tmp_path, OMNIHOUSE_MEMORY=memory).memory_limit == limit


@pytest.mark.parametrize(("memory", "count"), [("4GB", 4_000_000_000), ("2 GiB", 2 * 2**30), ("1.5MiB", 1_572_864)])
def test_memory_in_bytes(tmp_path, memory, count):
    assert house(tmp_path, OMNIHOUSE_MEMORY=memory).memory_bytes == count


def test_unless_told_memory_is_a_share_of_the_machine_and_bounded(tmp_path, monkeypatch):
    pages = {"SC_PAGE_SIZE": 4096, "SC_PHYS_PAGES": 2**20}
    monkeypatch.setattr(os, "sysconf", pages.__getitem__)
    assert house(tmp_path).memory_limit == "2.4GiB"
    pages["SC_PHYS_PAGES"] *= 100
    assert house(tmp_path).memory_limit == "5.0GiB"
    assert house(tmp_path, OMNIHOUSE_MEMORY="50%").memory_limit == "200.0GiB"


def test_a_source_setting_or_a_landed_file_makes_a_home_real(tmp_path):
    assert not house(tmp_path, SOURCES__POS__DATABASE_URL="sqlite:///till.db").is_demo()
    folder = tmp_path / "landing" / "events"
    folder.mkdir(parents=True)
    assert house(tmp_path).is_demo()
    (folder / "day.jsonl").write_text("")
    assert not house(tmp_path).is_demo()


def test_a_home_stays_what_it_was(tmp_path):
    first = house(tmp_path)
    first.settle(demo=True)
    assert json.loads((tmp_path / "home.json").read_text())["kind"] == "demo"
    assert house(tmp_path).is_demo()
    with pytest.raises(ConfigurationError, match="OMNIHOUSE_HOME"):
        house(tmp_path, SOURCES__POS__DATABASE_URL="sqlite:///till.db").is_demo()
    with pytest.raises(ConfigurationError, match="demo company"):
        house(tmp_path, OMNIHOUSE_DEMO="0").is_demo()


def test_nothing_configured_and_no_demo_says_what_to_set(tmp_path):
    with pytest.raises(ConfigurationError, match="SOURCES__SHOPIFY__SHOP_URL"):
        house(tmp_path, OMNIHOUSE_DEMO="0").is_demo()


def test_a_home_of_a_newer_version_is_left_alone(tmp_path):
    (tmp_path / "home.json").write_text(json.dumps({"kind": "demo", "state_version": 999}))
    with pytest.raises(ConfigurationError, match="newer Omnihouse"):
        house(tmp_path, DEMO_PERSONS="10").is_demo()


def test_a_demo_company_keeps_its_size(tmp_path):
    house(tmp_path, DEMO_PERSONS="10").settle(demo=True)
    assert house(tmp_path, DEMO_PERSONS="10").is_demo()
    assert house(tmp_path).is_demo()
    assert house(tmp_path).demo_size() == (10, 1)
    with pytest.raises(ConfigurationError, match="10 persons"):
        house(tmp_path, DEMO_PERSONS="11").is_demo()


def test_secrets_are_known_and_not_shown(tmp_path):
    found = house(
        tmp_path,
        SOURCES__SHOPIFY__ACCESS_TOKEN="shpat_secret",
        SOURCES__SHOPIFY__SHOP_URL="https://x.test",
        SOURCES__POS__DATABASE_URL="postgresql://till:geheim@db.test/shop",
    )
    assert set(found.secrets()) == {"shpat_secret", "geheim", "postgresql://till:geheim@db.test/shop"}
    assert "shpat_secret" not in repr(found)
