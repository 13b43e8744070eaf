"""How fast orders are given to their touches: all models of a company at once, then on a night with 1 % new.

    python -m bench.attribution [TOUCHPOINTS]

prints one JSON object. A quarter as many orders as touchpoints; the warehouse's own models (`bench.rendered`) from
paths to `channel_roi`, eight models of attribution, two threads. `ratio`: seconds over those of DuckDB reading the
touchpoints and writing them sorted by person and time. On the later night one person in a hundred has a touch more.
`fitting`: Markov and Shapley alone, over twelve channels, of so many distinct paths and of a quarter of them. Every
measurement is a process of its own.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from bench.measuring import clock, peak_mb, said_by, since

# DuckDB and Arrow are imported where they are used: a process counts the memory of the one that started it.

PROJECT = Path(__file__).parents[1]
MODELS = (
    *("int_attribution__people", "int_attribution__touches", "int_attribution__paths", "int_attribution__path_counts"),
    *("int_attribution__weights", "attribution_channel_weights", "int_attribution__states", "attribution"),
    "channel_roi",
)
MOST_COMPARED = 200_000  # touchpoints up to which the later night is compared with a build at once
MEMORY = "3GB"  # DuckDB's own limit; beyond it spills

# `draw(i, salt, n)`: a number below n that belongs to i. Two years; six touches of ten come shortly before an order.
_COMPANY = """
    create macro draw(i, salt, n) as (hash(i, salt) % n)::bigint;

    create table orders as
    with drawn as (
        select
            'shop-' || i as order_id,
            case when draw(i, 5, 10) < 8 then 'c_' || draw(i, 1, $persons) end as customer_id,
            (draw(i, 3, 100000) / 100)::decimal(18, 3) as net_amount_reporting,
            draw(i, 4, 20) > 0 as is_valid,
            timestamptz '2024-07-01 00:00:00+00' + to_microseconds(draw(i, 2, 63072000000000)) as ordered_at
        from range($orders) t(i)
    )
    select
        *,
        case
            when is_valid and customer_id is not null
                then row_number() over (partition by customer_id, is_valid order by ordered_at, order_id)::integer
        end as customer_order_number,
        customer_order_number = 1 as is_first_order
    from drawn;

    create table touchpoints as
    with drawn as (
        select
            i,
            draw(i, 11, 10) < 6 as is_near,
            draw(i, 12, $orders) as before_order,
            draw(i, 13, 63072000000000) as anywhere,
            (pow(draw(i, 14, 1000000) / 1000000, 3) * 40 * 86400000000)::bigint as before_us
        from range($touchpoints) t(i)
    )
    select
        'event-ajs-' || lpad(hash(i)::varchar, 20, '0') as touchpoint_id,
        'c_' || case when is_near then draw(before_order, 1, $persons) else draw(i, 15, $persons) end as customer_id,
        ['ad_click', 'page_view', 'page_view', 'call_in', 'message_clicked', 'product_view', 'add_to_cart'][
            1 + draw(i, 16, 7)
        ] as touchpoint_type,
        'channel_' || floor(14 * pow(draw(i, 17, 1000) / 1000, 2))::integer as channel,
        case when touchpoint_type = 'ad_click' then 'platform_' || draw(i, 18, 4) end as platform,
        case when touchpoint_type = 'ad_click' then 'campaign_' || draw(i, 19, 40) end as campaign,
        'events' as source_system,
        touchpoint_id[7:] as source_record_id,
        touchpoint_type not in ('product_view', 'add_to_cart') as is_eligible,
        channel = 'channel_0' as is_direct,
        timestamptz '2024-07-01 00:00:00+00'
        + to_microseconds(case when is_near then draw(before_order, 2, 63072000000000) - before_us else anywhere end)
            as occurred_at,
        hash(i) as _fingerprint
    from drawn;

    create table ad_performance as
    select
        'platform_' || draw(i, 21, 4) as platform,
        'campaign_' || draw(i, 22, 40) as campaign,
        (draw(i, 23, 10000) / 100)::decimal(18, 3) as cost_reporting,
        date '2024-07-01' + draw(i, 24, 730)::integer as date
    from range(10000) t(i);

    create table run_parameters as select timestamptz '2026-07-01 18:00:00+00' as as_of;
"""
_LATER_TOUCHES = """
    insert into touchpoints by name
    select
        'event-later-' || customer_id as touchpoint_id,
        * exclude (touchpoint_id, occurred_at, _fingerprint),
        timestamptz '2026-06-30 00:00:00+00' as occurred_at,
        hash(customer_id) as _fingerprint
    from (
        from touchpoints
        where is_eligible and draw(customer_id, 31, 100) = 0
        qualify row_number() over (partition by customer_id order by touchpoint_id) = 1
    )
"""


def company(file: Path, touchpoints: int) -> None:
    """The tables that attribution reads, and how long reading and sorting the touchpoints takes."""
    with _open(file) as session:
        text = _COMPANY
        sizes = {"persons": max(touchpoints // 10, 5), "orders": touchpoints // 4, "touchpoints": touchpoints}
        for name, number in sizes.items():
            text = text.replace(f"${name}", str(number))
        session.execute(text)
        for name in ("channels", "currencies", "attribution_config"):
            session.execute(f"create table {name} as from '{PROJECT / 'seeds' / name}.csv'")
        session.execute(
            "alter table attribution_config alter exposure_window_days type decimal(9, 3)"
            " using try_cast(exposure_window_days as decimal(9, 3))"
        )


def scan(file: Path) -> None:
    """The least there is to do with touchpoints: read them all and write them sorted."""
    with _open(file) as session:
        before = clock()
        session.execute("create table sorted as from touchpoints order by customer_id, occurred_at")
        found = {**since(before), "peak_mb": peak_mb()}
        session.execute("drop table sorted")
    print(json.dumps(found))


def night(file: Path, number: int) -> None:
    """Build every model, on the second night upon the first; prints what it took, in all and by model."""
    import pyarrow.compute  # noqa: F401  # not part of what is measured

    from bench.rendered import Models

    with _open(file) as session:
        models = Models(session)
        if number == 2:
            session.execute(_LATER_TOUCHES)
        seconds = {}
        before = clock()
        for name in MODELS:
            begun = time.perf_counter()
            models.build(name)
            seconds[name] = round(time.perf_counter() - begun, 2)
        found = {**since(before), "peak_mb": peak_mb(), "by_model": seconds}
        sizes = session.execute(
            "select (select count(*) from orders where is_valid) as valid_orders,"
            " (select count(*) from int_attribution__paths where order_id is not null) as paths_to_orders,"
            " (select count(*) from int_attribution__paths where order_id is null) as other_paths,"
            " (select count(*) from int_attribution__touches) as touches_of_paths,"
            " (select count(*) from int_attribution__path_counts) as distinct_paths,"
            " (select count(*) from attribution) as rows"
        )
        names = [column[0] for column in sizes.description]
        print(json.dumps({**dict(zip(names, sizes.fetchone(), strict=True)), **found}))


def compare(file: Path) -> None:
    """Stop unless what two nights built is, row by row, what one builds at once."""
    from bench.rendered import Models, stop_unless_same

    kept = {"attribution": "_loaded_at, _fingerprint", "channel_roi": "", "int_attribution__paths": "_fingerprint"}
    with _open(file) as session:
        for table in kept:
            session.execute(f"create table two_nights_{table} as from {table}")
        for (name,) in session.execute(
            "select table_name from duckdb_tables() where table_name in (select unnest($1::varchar[]))", [list(MODELS)]
        ).fetchall():
            session.execute(f"drop table {name}")
        models = Models(session)
        for name in MODELS:
            models.build(name)
        stop_unless_same(session, kept)


def fitting(paths: int) -> None:
    """Markov and Shapley over twelve channels, of so many distinct paths of one month."""
    import numpy as np
    import pyarrow as pa

    import attribution

    random = np.random.default_rng(1)
    lengths = random.integers(1, 9, size=paths)
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    channels = pa.array([f"channel {code}" for code in range(14)])
    touched = random.integers(0, 14, size=int(offsets[-1]))
    counts = pa.table(
        {
            "month": pa.array([20_600] * paths, pa.int32()).cast(pa.date32()),
            "path": pa.ListArray.from_arrays(pa.array(offsets, pa.int32()), channels.take(pa.array(touched))),
            "conversions": random.integers(0, 3, size=paths),
            "nulls": random.integers(1, 30, size=paths),
        }
    )
    before = clock()
    attribution.channel_weights(counts, attribution.MOST_CHANNELS)
    print(json.dumps({"paths": paths, **since(before), "peak_mb": peak_mb()}))


def measure(touchpoints: int, folder: Path) -> dict[str, Any]:
    """All figures of a company of this size."""
    file = folder / "attribution.duckdb"
    _run("company", file, touchpoints)
    base = json.loads(_run("scan", file))
    first, second = (json.loads(_run("night", file, number)) for number in (1, 2))
    if touchpoints <= MOST_COMPARED:
        _run("compare", file)
    distinct = max(touchpoints // 10, 40)
    quarter, whole = (json.loads(_run("fitting", count)) for count in (distinct // 4, distinct))
    return {
        "touchpoints": touchpoints,
        "orders": touchpoints // 4,
        "scan_and_sort": base,
        "from_scratch": first,
        "ratio": round(first["seconds"] / base["seconds"], 2),
        "cpu_ratio": round(first["cpu_seconds"] / max(base["cpu_seconds"], 0.01), 2),
        "following_night": second,
        "following_ratio": round(second["seconds"] / first["seconds"], 3),
        "fitting": {**whole, "growth": round(whole["seconds"] / max(quarter["seconds"], 0.01), 2), "quarter": quarter},
    }


def _open(file: Path) -> Any:
    from bench.rendered import opened

    return opened(file, MEMORY)


def _run(step: str, *arguments: object) -> str:
    """What a step prints, in a process of its own."""
    return said_by("bench.attribution", step, *arguments)


def main(arguments: list[str]) -> None:
    """Print the figures as one JSON line, or be one of the measured processes."""
    match arguments:
        case ["company", file, touchpoints]:
            company(Path(file), int(touchpoints))
        case ["scan", file]:
            scan(Path(file))
        case ["night", file, number]:
            night(Path(file), int(number))
        case ["compare", file]:
            compare(Path(file))
        case ["fitting", paths]:
            fitting(int(paths))
        case _:
            size = int(arguments[0]) if arguments else 20_000_000
            with tempfile.TemporaryDirectory(prefix="omnihouse-bench-") as name:
                print(json.dumps(measure(size, Path(name))))


if __name__ == "__main__":
    main(sys.argv[1:])
