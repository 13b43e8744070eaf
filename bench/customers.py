"""How fast people are scored, staged, tagged and valued: everybody at once, and on the night after it.

    python -m bench.customers [ORDERS]

prints one JSON object. A fifth as many people as orders (`buyers`); the warehouse's own models (`bench.rendered`) on
two threads. On the following night one person in 250 has bought and the as-of is a day later. `ratio`: CPU seconds of
RFM, lifecycle and tags together over those of one aggregation of the orders by person (number, sum, first, last) in the
same process. What they share with `customers` (totals by person), the monthly fit, predicted value, moves
between segments and key figures are reported apart. Every measurement is a process of its own.
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path
from typing import Any

from bench.measuring import clock, peak_mb, said_by, since

# DuckDB and Arrow are imported where they are used: a process counts the memory of the one that started it.

PARTS = {
    "totals": ("int_customers__people", "int_customers__valid_orders"),
    "rfm": ("int_customers__rfm_values", "int_customers__rfm_scales", "customer_rfm"),
    "lifecycle": ("int_customers__gap_medians", "int_customers__lifecycle_people", "customer_lifecycle"),
    "fit": (
        *("int_customers__purchase_days", "int_customers__value_histories", "int_customers__value_holdout"),
        "int_customers__value_fits",
    ),
    "value": (
        *("int_customers__value_predictions", "int_orders__margins", "int_customers__value_states", "customer_value"),
        "customer_value_models",
    ),
    "tags": ("int_customers__feature_people", "customer_features", "int_customers__tag_sets", "customer_tags"),
    "moves": ("rfm_transitions", "rfm_movement"),
    "key_figures": ("int_kpis__holdouts", "kpi_daily", "cohort_retention", "kpi_monthly"),
}
COUNTED = ("rfm", "lifecycle", "tags")
MOST_COMPARED = 200_000  # orders up to which the later night is compared with a build at once
MEMORY = "8GB"  # DuckDB's own limit; lists of what everybody bought, for the features of a first night, do not spill

_BY_PERSON = """
    create or replace table by_person as
    select
        customer_id,
        count(*) as orders,
        sum(net_amount_reporting) as net_amount,
        min(ordered_at) as first_ordered_at,
        max(ordered_at) as last_ordered_at
    from orders
    where customer_id is not null
    group by customer_id
"""


def company(file: Path, orders: int) -> None:
    """The tables that the models read."""
    from bench import buyers

    with _open(file) as session:
        buyers.open_shop(session, orders)


def night(file: Path, number: int) -> None:
    """Build every model, on the second night upon the first; prints what it took, by part and by model."""
    import pyarrow.compute  # noqa: F401  # not part of what is measured

    import prediction  # noqa: F401
    from bench import buyers
    from bench.rendered import Models

    with _open(file) as session:
        if number == 2:
            buyers.next_day(session)
        session.execute("checkpoint")
        before = clock()
        session.execute(_BY_PERSON)
        found: dict[str, Any] = {"by_person": since(before)}
        (people,) = session.execute("select count(*) from by_person").fetchone()
        session.execute("drop table by_person")
        models = Models(session)
        for name in (name for names in PARTS.values() for name in names):
            models.prepare(name)
        by_model: dict[str, float] = {}
        for part, names in PARTS.items():
            if part == "tags":
                buyers.describe(session)
            begun = clock()
            for name in names:
                before = clock()
                models.build(name)
                by_model[name] = since(before)["cpu_seconds"]
            found[part] = since(begun)
        base = max(found["by_person"]["cpu_seconds"], 0.01)
        spent = sum(found[part]["cpu_seconds"] for part in COUNTED)
        print(json.dumps({
            "people": people, "ratio": round(spent / base, 2),
            "ratio_by_part": {part: round(found[part]["cpu_seconds"] / base, 2) for part in PARTS},
            **found, "by_model": by_model, "peak_mb": peak_mb(),
        }))  # fmt: skip
        if number == 1:
            buyers.publish(session)


def compare(file: Path) -> None:
    """Stop unless what two nights built is, row by row, what one builds at once from the same decisions."""
    from bench.rendered import Models, stop_unless_same

    kept = {"customer_rfm": ""} | dict.fromkeys(
        ("customer_lifecycle", "customer_value", "customer_features", "customer_tags"), "_loaded_at"
    )
    with _open(file) as session:
        for table in kept:
            session.execute(f"create table two_nights_{table} as from {table}")
            session.execute(f"drop table {table}")
        models = Models(session)
        for names in PARTS.values():
            for name in names:
                if "incremental" in _materialized(name):
                    session.execute(f"drop table if exists {name}")
                models.build(name)
        stop_unless_same(session, kept)


def _materialized(name: str) -> str:
    from bench.rendered import DBT

    text = next((DBT / "models").rglob(f"{name}.*")).read_text()
    return text.split("materialized=", 1)[1][:15]


def measure(orders: int, folder: Path) -> dict[str, Any]:
    """All figures of a shop of this size."""
    file = folder / "customers.duckdb"
    _run("company", file, orders)
    first, second = (json.loads(_run("night", file, number)) for number in (1, 2))
    if orders <= MOST_COMPARED:
        _run("compare", file)
    return {"orders": orders, "ratio": second["ratio"], "from_scratch": first, "following_night": second}


def _open(file: Path) -> Any:
    from bench.rendered import opened

    return opened(file, MEMORY)


def _run(step: str, *arguments: object) -> str:
    """What a step prints, in a process of its own."""
    return said_by("bench.customers", step, *arguments)


def main(arguments: list[str]) -> None:
    """Print the figures as one JSON line, or be one of the measured processes."""
    match arguments:
        case ["company", file, orders]:
            company(Path(file), int(orders))
        case ["night", file, number]:
            night(Path(file), int(number))
        case ["compare", file]:
            compare(Path(file))
        case _:
            size = int(arguments[0]) if arguments else 10_000_000
            with tempfile.TemporaryDirectory(prefix="omnihouse-bench-") as name:
                print(json.dumps(measure(size, Path(name))))


if __name__ == "__main__":
    main(sys.argv[1:])
