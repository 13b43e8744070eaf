"""Every field that staging reads of the web shop exists in the official samples, and is a column of its raw table."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ingestion import shopify_tables

PROJECT = Path(__file__).resolve().parents[2]
STAGING = PROJECT / "dbt" / "models" / "staging" / "shopify"
SAMPLES = PROJECT.parent / "shared" / "data" / "shopify_rest"
OURS = {"_extra", "_file_name", "_row_number", "_load_id", "_raw_row", "order_updated_at"}
# Lists and amounts that are empty in every sample, and where their shape is shown.
TWINS = {
    ("original_total_duties_set",): ("total_price_set",),
    ("original_total_additional_fees_set",): ("total_price_set",),
    ("shipping_lines", "[*]", "tax_lines"): ("line_items", "[*]", "tax_lines"),
    ("shipping_lines", "[*]", "discount_allocations"): ("line_items", "[*]", "discount_allocations"),
}


# The columns whose JSON a macro reads.
MACROS = {
    "shopify_shipping_amount": "shipping_lines",
    "shopify_is_store_pickup": "shipping_lines",
    "shopify_refunded_amount": "refunds[*].transactions",
    "shopify_parcels": "fulfillments",
}


def read_columns(table: str) -> set[str]:
    """The raw columns that a base model reads."""
    sql = (STAGING / f"base_shopify__{table}.sql").read_text()
    typed = sql[: sql.index("judged as (")]
    named = set(re.findall(r"(?:parsed|raw_rows)\.(\w+)", typed))
    bare = set(re.findall(r"to_\w+\('(\w+)'\)", typed))
    aliases = set(re.findall(r"\bas (\w+)", sql)) | {"item"}
    declared = {column for one in shopify_tables.TABLES if one.name == table for column in one.columns}
    return {name for name in (named | bare) - OURS if name in declared or name not in aliases}


def read_paths(table: str) -> set[tuple[str, str]]:
    """(raw column, path) of each value that staging takes out of a column's JSON."""
    found = set()
    for path in STAGING.glob("*.sql"):
        sql = path.read_text()
        if path.name == f"base_shopify__{table}.sql":
            columns = {alias: column for column, alias in
                       re.findall(r"to_json_text\('raw_rows\.(\w+)'\) \}\} as (\w+)", sql)}  # fmt: skip
            if table == "customers":
                columns["address_json"] = "default_address"
                consents = re.findall(r"shopify_consent\('(\w+)'\)", sql)
                found |= {(columns[alias], "$.state") for alias in consents}
            for alias, at in re.findall(r"json_\w+\('(?:parsed\.)?(\w+)', '(\$[^']*)'", sql):
                if alias in columns:
                    found.add((columns[alias], at))
            for alias, left, right in re.findall(r"json_sum_of_products\('parsed\.(\w+)', '(\w+)', '(\w+)'\)", sql):
                found |= {(columns[alias], f"$[*].{left}"), (columns[alias], f"$[*].{right}")}
    children = {
        "orders": (("stg_shopify__order_lines.sql", "line_items"), ("base_shopify__refunds.sql", "refunds"),
                   ("stg_shopify__refund_lines.sql", "refunds[*].refund_line_items")),
        "products": (("base_shopify__products.sql", "variants"),),
    }  # fmt: skip
    for name, column in children.get(table, ()):
        for at in re.findall(r"json_text\('\w+\.item', '\$\.([^']+)'\)", (STAGING / name).read_text()):
            found.add((column, f"$[*].{at}"))
    if table == "orders":
        macros = (PROJECT / "dbt" / "macros" / "shopify.sql").read_text()
        bodies = dict(re.findall(r"{% macro (\w+)(.*?){%- endmacro %}", macros, re.DOTALL))
        for macro, column in MACROS.items():
            for member in set(re.findall(r'"(\w+)":', bodies[macro])) - {
                "discount_allocations",
                "amount_set",
                "shop_money",
            }:
                found.add((column, f"$[*].{member}") if member != "amount" or column != "shipping_lines" else
                          (column, "$[*].discount_allocations[*].amount"))  # fmt: skip
    return found


def documents(table: str) -> list[dict[str, Any]]:
    """The sample records of a resource, wherever the samples hold one."""
    singular = table.removesuffix("s")
    return [
        record
        for path in sorted((SAMPLES / "official_docs_samples_2026_07").glob("*.json"))
        for answer in [json.loads(path.read_text())["response"].get("json")]
        if isinstance(answer, dict)
        for record in [*answer.get(table, []), answer.get(singular)]
        if isinstance(record, dict)
    ]


def values_at(value: Any, steps: list[str]) -> Iterator[Any]:
    if not steps:
        yield value
    elif steps[0] in ("[*]", "[0]"):
        for one in value if isinstance(value, list) else []:
            yield from values_at(one, steps[1:])
    elif isinstance(value, dict) and steps[0] in value:
        yield from values_at(value[steps[0]], steps[1:])


def steps_of(column: str, path: str) -> list[str]:
    return re.findall(r"\[[*0]\]|\w+", column + path.removeprefix("$"))


pytestmark = pytest.mark.skipif(not SAMPLES.is_dir(), reason="the shared folder of official samples is not here")
TABLES = [table.name for table in shopify_tables.TABLES]


@pytest.mark.parametrize("table", TABLES)
def test_every_column_that_staging_reads_is_declared_and_real(table: str) -> None:
    (declared,) = [set(one.columns) for one in shopify_tables.TABLES if one.name == table]
    wanted = read_columns(table)
    assert len(wanted) >= 4
    assert wanted <= declared, "read from a raw table that does not keep it as a column"
    known = {name for record in documents(table) for name in record}
    assert wanted - known == set(), "no official sample has it"


@pytest.mark.parametrize("table", ["orders", "customers", "products", "checkouts"])
def test_every_path_that_staging_reads_is_in_a_sample(table: str) -> None:
    paths = read_paths(table)
    assert paths
    records = documents(table)

    def is_shown(steps: list[str]) -> bool:
        return any(True for record in records for _ in values_at(record, steps))

    for column, path in sorted(paths):
        steps = steps_of(column, path)
        for known, twin in TWINS.items():
            if steps[: len(known)] == list(known):
                assert is_shown(list(known)), (column, path)
                steps = [*twin, *steps[len(known) :]]
        assert is_shown(steps), (column, path)


def test_the_declared_columns_themselves_are_real() -> None:
    """A name that Shopify does not send would stay empty for ever."""
    for table in shopify_tables.TABLES:
        known = {name for record in documents(table.name) for name in record}
        assert set(table.columns) - known - OURS == set(), table.name
