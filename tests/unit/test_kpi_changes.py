"""A published value that moves is told with its cause; one that stays, or was not complete, is not."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal

from tests.unit.kpi_company import ALL, AS_OF, DAY, Company, Nights, local

MAY, APRIL = date(2026, 5, 1), date(2026, 4, 1)
RATES = [("EUR", date(2026, 5, 4), Decimal("7.9"))]


def company(*late: str, as_of: datetime = AS_OF) -> Company:
    """Two persons with an order each in May; `late`: what is told of it later."""
    made = Company(as_of)
    made.order("ann", local(2026, 5, 4), net="40" if "refund" in late else "100", due="100")
    made.order("ann" if "merge" in late else "bob", local(2026, 5, 5), net="50")
    made.cost(date(2026, 5, 4), "30")
    if "order" in late:
        made.order("cay", local(2026, 5, 31, 23, 59), net="25")
    if "tonight" in late:
        made.order("dan", local(2026, 7, 1, 10), net="75")
    return made


def causes(changes) -> dict[str, set[str]]:
    """Cause → the figures it moved."""
    found: dict[str, set[str]] = {}
    for kpi, _, _, cause, _, _ in changes:
        found.setdefault(cause, set()).add(kpi)
    return found


def test_the_first_publication_and_one_without_news_move_nothing():
    nights = Nights()
    assert nights.publish(company()) == []
    assert nights.publish(company()) == []
    assert nights.publish(company("tonight", as_of=AS_OF + DAY)) == [], "what happens today is not late"


def test_a_late_order_moves_the_month_it_belongs_to():
    nights = Nights()
    nights.publish(company())
    changes = nights.publish(company("order"))
    assert ("net_revenue", ALL, MAY, "late_record", 150, 175) in changes
    assert causes(changes).keys() == {"late_record"}
    assert {"aov", "cac", "new_customers", "net_revenue", "orders"} <= causes(changes)["late_record"]
    assert nights.publish(company("order")) == [], "it is told once"


def test_a_refund_moves_money_and_no_count():
    nights = Nights()
    nights.publish(company())
    changes = nights.publish(company("refund"))
    assert causes(changes) == {"refund": {"aov", "net_revenue"}}
    back = nights.publish(company())
    assert ("net_revenue", ALL, MAY, "refund", 90, 150) in back


def test_two_persons_who_turn_out_to_be_one():
    nights = Nights()
    nights.publish(company())
    changes = nights.publish(company("merge"), moved=["ann"])
    assert ("new_customers", ALL, MAY, "identity", 2, 1) in changes
    assert ("cac", ALL, MAY, "identity", 15, 30) in changes
    assert causes(changes).keys() == {"identity"}


def test_a_night_with_several_causes_names_each_that_a_figure_can_have():
    nights = Nights()
    nights.publish(company())
    found = {kpi: cause for kpi, channel, _, cause, _, _ in nights.publish(
        company("merge", "refund", "order"), moved=["ann"]) if channel == ALL}  # fmt: skip
    assert found["net_revenue"] == "late_record, refund"
    assert found["orders"] == "late_record"
    assert found["aov"] == "late_record, refund"
    assert "new_customers" not in found, "one more and one less"
    nights = Nights()
    nights.publish(company())
    found = {kpi: cause for kpi, *_, cause, _, _ in nights.publish(company("order"), moved=["nobody"])}
    assert found["cac"] == "late_record", "nobody who bought in May moved"


def test_a_rate_and_a_rule():
    nights = Nights()
    nights.publish(company(), rates=RATES)
    other = company()
    for order in other.rows["orders"]:
        order["net_amount_reporting"] *= 2
    assert causes(nights.publish(other, rates=[(*RATES[0][:2], Decimal("8"))])) == {"fx": {"aov", "net_revenue"}}
    nights = Nights()
    nights.publish(company())
    assert causes(nights.publish(other)) == {"rule": {"aov", "net_revenue"}}


def test_a_run_that_was_not_made_current_decides_nothing():
    nights = Nights()
    nights.publish(company())
    assert nights.publish(company("order"), is_current=False)
    assert ("net_revenue", ALL, MAY, "late_record", 150, 175) in nights.publish(company("order"))


def test_a_month_that_has_nothing_left_has_no_value_any_more():
    nights = Nights()
    nights.publish(company())
    assert ("orders", ALL, MAY, "late_record", 2, None) in nights.publish(Company(AS_OF))
    assert ("orders", ALL, MAY, "late_record", None, 2) in nights.publish(company())


def test_a_window_that_closes_is_no_change():
    nights = Nights()
    for as_of in (AS_OF, datetime(2027, 4, 30, 18, tzinfo=UTC), datetime(2027, 5, 31, 18, tzinfo=UTC)):
        made = company(as_of=as_of)
        assert nights.publish(made) == [], as_of
    assert ("ltv_12m", MAY, 75) in {(row[0], row[1], row[4]) for row in nights.decided["kpis"] if row[2] == ALL}
