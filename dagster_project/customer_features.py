"""The words of conditions on customers: the columns of `marts.customer_features`, names computed from them, functions.

Here: names and types, as the table has them, which a test holds against the model. What a column means stands beside
the model and in docs/tags.md; how a condition is read, in `conditions`.
"""

from __future__ import annotations

from collections.abc import Mapping

from dagster_project.conditions import Condition, Function, parse, parse_value
from dagster_project.warehouse import literal

_MONEY, _SHARE = "decimal(18,3)", "decimal(9,6)"
# The run's last whole day stands beside each row.
AS_OF = "as_of_date"
COLUMNS: Mapping[str, str] = {
    AS_OF: "date",
    **dict.fromkeys(("country", "city", "gender", "age_band", "member_level"), "varchar"),
    **dict.fromkeys(("first_channel", "preferred_channel"), "varchar"),
    "sources_count": "integer",
    "is_reachable": "boolean",
    **dict.fromkeys(("first_seen_date", "last_seen_date"), "date"),
    **dict.fromkeys(("orders_count", "orders_30d", "orders_90d", "orders_365d"), "integer"),
    **dict.fromkeys(("net_revenue", "net_30d", "net_90d", "net_365d"), _MONEY),
    **dict.fromkeys(("average_order_value", "largest_order_value", "last_order_value"), _MONEY),
    **dict.fromkeys(("first_order_date", "last_order_date"), "date"),
    "purchase_cycle_days": "decimal(9,2)",
    **dict.fromkeys(("weekend_share", "discounted_orders_share", "discount_share"), _SHARE),
    "channels_bought": "varchar[]",
    "channels_count": "integer",
    "favourite_category": "varchar",
    "favourite_category_share": _SHARE,
    "categories_bought": "varchar[]",
    "visits_30d": "integer",
    "last_visit_date": "date",
    "product_views_30d": "integer",
    **dict.fromkeys(("last_product_view_date", "open_cart_date"), "date"),
    **dict.fromkeys(("messages_received_30d", "messages_opened_30d", "messages_clicked_30d"), "integer"),
    **dict.fromkeys(("tickets_count", "tickets_30d", "tickets_365d", "open_tickets"), "integer"),
    **dict.fromkeys(("complaints_90d", "same_question_30d"), "integer"),
    "last_ticket_date": "date",
    "last_ticket_category": "varchar",
    "last_complaint_date": "date",
    "last_csat_score": "decimal(9,3)",
    "lifecycle_stage": "varchar",
    **dict.fromkeys(("stage_since_date", "next_stage_date"), "date"),
    "rfm_segment": "varchar",
    **dict.fromkeys(("r_score", "f_score", "m_score"), "integer"),
    "historic_margin": _MONEY,
    "alive_probability": _SHARE,
    "predicted_purchases_12m": "decimal(18,6)",
    "predicted_value_12m": _MONEY,
    "refund_share": _SHARE,
    **dict.fromkeys(("refunded_orders_count", "cancelled_orders_count", "chargebacks_count"), "integer"),
}
# A number of days grows each night of itself; what is kept is the date.
VIRTUAL: Mapping[str, str] = {
    "days_since_first_seen": "as_of_date - first_seen_date",
    "days_since_last_seen": "as_of_date - last_seen_date",
    "days_since_first_order": "as_of_date - first_order_date",
    "days_since_last_order": "as_of_date - last_order_date",
    "days_since_last_visit": "as_of_date - last_visit_date",
    "days_since_last_product_view": "as_of_date - last_product_view_date",
    "days_since_open_cart": "as_of_date - open_cart_date",
    "days_since_last_ticket": "as_of_date - last_ticket_date",
    "days_since_last_complaint": "as_of_date - last_complaint_date",
    "days_in_stage": "as_of_date - stage_since_date",
    "days_to_next_stage": "next_stage_date - as_of_date",
}


def _last_bought(category: str) -> str:
    return f"category_dates[list_position(categories_bought, {literal(category)})]"


FUNCTIONS: Mapping[str, Function] = {
    "last_bought": Function("date", _last_bought, {"categories_bought": "varchar[]", "category_dates": "date[]"}),
}


def condition(text: str, functions: Mapping[str, Function] | None = None) -> Condition:
    """A condition on a row of customer features with `as_of_date` beside it; raises `ConditionError`.

    `functions`: further functions that may be called, such as a tag's presence where tags are known.
    """
    return parse(text, COLUMNS, virtual=VIRTUAL, functions={**FUNCTIONS, **(functions or {})})


def value(text: str) -> Condition:
    """A text, number or date of such a row; raises `ConditionError`."""
    return parse_value(text, COLUMNS, virtual=VIRTUAL, functions=FUNCTIONS)
