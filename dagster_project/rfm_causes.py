"""Why a person's recency, frequency and money as of a day are not what they were published as: each cause by name.

Both states lie in one database under the names that `STATES` lists, once with `_then` and once with `_now`. Here: what
is compared, and which difference is called what. Not here: where the states come from.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date
from typing import Any

import duckdb

CAUSES = ("late_record", "refund", "identity", "fx", "rule", "erasure", "bins_moved")
# What has to be there of each state, as queries on a warehouse with the schemas of a home.
STATES = {
    # All orders, for what becomes valid or is nobody's any more is a change of the order.
    "orders": """
        select orders.order_id, orders.source_system, orders.customer_id, orders.is_valid,
            known.customer_id is not null as is_known, orders.due_amount, orders.due_amount_reporting,
            orders.reporting_date
        from {state}.marts.orders as orders
        left join (select distinct customer_id from {state}.intermediate.int_identity__members where not is_anonymous)
            as known on orders.customer_id = known.customer_id
    """,
    "refunds": """
        select refund_id, order_id, customer_id, status, amount, amount_reporting, reporting_date
        from {state}.marts.refunds where status in ('counted', 'unlinked')
    """,
    "ids": "select retired_customer_id, customer_id, reason from {state}.marts.customer_id_history",
    "config": "select try_cast(window_days as integer) as window_days from {state}.seeds.rfm_config",
    "loads": "select source_system, load_id from {state}.ops.loads where admitted",
}
_MEASURES = {"recency_days": "r_score", "frequency": "f_score", "monetary": "m_score"}
SHOWN = ("segment", *_MEASURES, *_MEASURES.values())
_RULES_OF_ORDERS = {"order_rules.csv", "order_statuses.csv", "currencies.csv", "settings"}
_RULES_OF_SCORES = {"rfm_config.csv", "rfm_thresholds.csv"}
_RULES_OF_SEGMENTS = {"rfm_config.csv", "rfm_segments.csv"}

# What each order brought its person as of the day; a return that names no order is a purchase that takes money away.
_PURCHASES = """
    create or replace temp table purchases_{when} as
    with begun as (
        select coalesce(cast($day as date) - window_days, date '0001-01-01') as after_date from config_{when}
    ),
    given_back as (
        select order_id, sum(amount) as amount, sum(amount_reporting) as amount_reporting
        from refunds_{when}
        where status = 'counted' and order_id is not null and reporting_date <= $day
        group by order_id
    )
    select 'order ' || orders.order_id as key, orders.order_id, null as refund_id, orders.customer_id,
        orders.reporting_date, orders.due_amount_reporting - coalesce(given_back.amount_reporting, 0) as worth
    from orders_{when} as orders
    cross join begun
    left join given_back on orders.order_id = given_back.order_id
    where orders.is_valid and orders.is_known and orders.reporting_date > after_date and orders.reporting_date <= $day
        and (orders.due_amount = 0 or orders.due_amount > coalesce(given_back.amount, 0))
    union all
    select 'return ' || refund_id, null, refund_id, customer_id, reporting_date, -amount_reporting
    from refunds_{when} cross join begun
    where status = 'unlinked' and customer_id is not null and reporting_date > after_date and reporting_date <= $day
"""
# The purchases that say something else, with the two persons they concern, and what is another of each.
_REASONS = """
    create or replace temp table reasons as
    with moved as (
        select coalesce(was.order_id, is_now.order_id) as order_id,
            coalesce(was.refund_id, is_now.refund_id) as refund_id, was.customer_id as person_then,
            is_now.customer_id as person_now
        from purchases_then as was full join purchases_now as is_now on was.key = is_now.key
        where was.customer_id is distinct from is_now.customer_id
            or was.reporting_date is distinct from is_now.reporting_date or was.worth is distinct from is_now.worth
    ),
    refunded_then as (
        select order_id, sum(amount) as amount, sum(amount_reporting) as reporting from refunds_then
        where status = 'counted' and reporting_date <= $day group by order_id
    ),
    refunded_now as (
        select order_id, sum(amount) as amount, sum(amount_reporting) as reporting from refunds_now
        where status = 'counted' and reporting_date <= $day group by order_id
    ),
    fresh as (
        select distinct source_system from (from loads_now except from loads_then)
        union select distinct source_system from (from loads_then except from loads_now)
    ),
    orders as (
        select moved.person_then, moved.person_now,
            was.order_id is null or is_now.order_id is null as came_or_went,
            was.order_id is not null and is_now.order_id is not null and (
                was.customer_id is distinct from is_now.customer_id or was.is_known <> is_now.is_known
            ) as is_others,
            coalesce(refunded_then.amount, 0) <> coalesce(refunded_now.amount, 0) as is_given_back,
            -- An order that is void by its refund is another one by that alone.
            was.due_amount <> is_now.due_amount or was.reporting_date <> is_now.reporting_date
                or was.is_valid <> is_now.is_valid and not is_given_back as is_rewritten,
            was.due_amount = is_now.due_amount
                and was.due_amount_reporting is distinct from is_now.due_amount_reporting
            or refunded_then.amount = refunded_now.amount
                and refunded_then.reporting is distinct from refunded_now.reporting as is_at_another_rate,
            ids.reason = 'erased' as is_erased,
            coalesce(was.source_system, is_now.source_system) in (select source_system from fresh) as has_loads
        from moved
        left join orders_then as was on moved.order_id = was.order_id
        left join orders_now as is_now on moved.order_id = is_now.order_id
        left join refunded_then on moved.order_id = refunded_then.order_id
        left join refunded_now on moved.order_id = refunded_now.order_id
        left join ids_now as ids on was.customer_id = ids.retired_customer_id
        where moved.order_id is not null
    ),
    returns as (
        select moved.person_then, moved.person_now, ids.reason = 'erased' as is_erased,
            was.refund_id is null or is_now.refund_id is null or was.status <> is_now.status
                or was.amount <> is_now.amount or was.reporting_date <> is_now.reporting_date as is_given_back,
            was.customer_id is distinct from is_now.customer_id as is_others,
            was.amount = is_now.amount and was.amount_reporting is distinct from is_now.amount_reporting
                as is_at_another_rate
        from moved
        left join refunds_then as was on moved.refund_id = was.refund_id
        left join refunds_now as is_now on moved.refund_id = is_now.refund_id
        left join ids_now as ids on was.customer_id = ids.retired_customer_id
        where moved.refund_id is not null
    ),
    named as (
        select person_then, person_now, list_filter([
            case when is_erased then 'erasure' end,
            case when not coalesce(is_erased, false) and is_others then 'identity' end,
            case when not coalesce(is_erased, false) and (came_or_went or is_rewritten)
                and (has_loads or not $rules_of_orders) then 'late_record' end,
            case when is_rewritten and $rules_of_orders or came_or_went and $rules_of_orders and not has_loads
                then 'rule' end,
            case when is_given_back and not came_or_went then 'refund' end,
            case when is_at_another_rate then case when $settings then 'rule' else 'fx' end end
        ], lambda cause: cause is not null) as causes
        from orders
        union all
        select person_then, person_now, list_filter([
            case when is_erased then 'erasure' end,
            case when not coalesce(is_erased, false) and is_given_back then 'refund' end,
            case when not coalesce(is_erased, false) and not is_given_back and is_others then 'identity' end,
            case when is_at_another_rate then case when $settings then 'rule' else 'fx' end end
        ], lambda cause: cause is not null)
        from returns
    ),
    -- Unchanged, and in the window of one state only: the window is another.
    complete as (
        select person_then, person_now,
            case when causes = [] and $window_moved then ['rule'] else causes end as causes
        from named
    )
    select customer_id, list_sort(list_distinct(flatten(list(causes)))) as causes
    from (
        select person_then as customer_id, causes from complete where person_then is not null
        union all
        select person_now, causes from complete
        where person_now is not null and person_now is distinct from person_then
    )
    group by customer_id
"""


@dataclass(frozen=True)
class Difference:
    """A person whose row as of a day is not the one that was published, and why; None: not in that state."""

    customer_id: str
    then: tuple[Any, ...] | None
    now: tuple[Any, ...] | None
    causes: tuple[str, ...]

    def line(self) -> str:
        """What is other, for a person to read."""
        named = ", ".join(self.causes) or "no cause found"
        if self.then is None or self.now is None:
            segment = (self.then or self.now or ("",))[0]
            return f"{self.customer_id}: {'not there any more' if self.now is None else 'not there then'}, " + (
                f"segment {segment}: {named}"
            )
        moved = [
            f"{name} {was} → {now}"
            for name, was, now in zip(SHOWN, self.then, self.now, strict=True) if was != now
        ]  # fmt: skip
        return f"{self.customer_id}: {', '.join(moved)}: {named}"


def other_rows(db: duckdb.DuckDBPyConnection) -> list[tuple[str, tuple[Any, ...] | None, tuple[Any, ...] | None]]:
    """The persons whose rows of `rows_then` and `rows_now` differ, with both; a person has one row in each at most."""
    count = len(SHOWN)
    listed = ", ".join(f"{when}.{name}" for when in ("was", "is_now") for name in SHOWN)
    differs = " or ".join(f"was.{name} is distinct from is_now.{name}" for name in SHOWN)
    return [
        (person, row[:count] if in_then else None, row[count:] if in_now else None)
        for person, in_then, in_now, *cells in db.execute(
            "select coalesce(was.customer_id, is_now.customer_id) as person, was.customer_id is not null,"
            f" is_now.customer_id is not null, {listed} from rows_then as was full join rows_now as is_now"
            " on was.customer_id = is_now.customer_id"
            f" where was.customer_id is null or is_now.customer_id is null or {differs} order by person"
        ).fetchall()
        for row in [tuple(cells)]
    ]


def differences(db: duckdb.DuckDBPyConnection, day: date, changed: Collection[str]) -> list[Difference]:
    """Each person whose row differs, with every cause; `changed`: the rule files, and `settings`, that are others now.

    Reads the tables of `STATES`, `rows_then` and `rows_now` (`customer_id` and `SHOWN`), and `scales_then` and
    `scales_now` (`is_scored` and the cut points of the day).
    """
    other = set(changed)
    for when in ("then", "now"):
        db.execute(_PURCHASES.format(when=when), {"day": day})
    windows = db.execute("select (from config_then) is distinct from (from config_now)").fetchone()
    asked = {
        "day": day,
        "rules_of_orders": bool(other & _RULES_OF_ORDERS),
        "settings": "settings" in other,
        "window_moved": bool(windows and windows[0]),
    }
    db.execute(_REASONS, asked)
    reasons = dict(db.execute("from reasons").fetchall())
    same_scale = db.execute("select count(*) from (from scales_then except from scales_now)").fetchone() == (0,)
    return [
        Difference(person, then, now, _causes(then, now, reasons.get(person, []), other, not same_scale))
        for person, then, now in other_rows(db)
    ]


def _causes(
    then: tuple[Any, ...] | None, now: tuple[Any, ...] | None, reasons: list[str], other: set[str], bins_moved: bool
) -> tuple[str, ...]:
    """The causes of one person's difference in the order of `CAUSES`; none where a part of it has none."""
    if then is None or now is None:
        return tuple(cause for cause in CAUSES if cause in reasons)
    was, is_now = (dict(zip(SHOWN, row, strict=True)) for row in (then, now))
    moved = {name for name in SHOWN if was[name] != is_now[name]}
    found: set[str] = set()
    if moved & _MEASURES.keys():
        if not reasons:
            return ()
        found |= set(reasons)
    # A score is other because the value is, or else because the bins are.
    unmoved = {score for value, score in _MEASURES.items() if score in moved and value not in moved}
    if unmoved and other & _RULES_OF_SCORES:
        found.add("rule")
    elif unmoved and bins_moved:
        found.add("bins_moved")
    elif unmoved:
        return ()
    if "segment" in moved and not moved & {*_MEASURES.values()}:
        if not other & _RULES_OF_SEGMENTS:
            return ()
        found.add("rule")
    return tuple(cause for cause in CAUSES if cause in found)
