"""Tags: every boundary of the shipped rules, since when a tag is had, and that a night builds only whom it moves."""

from __future__ import annotations

import random
import re
from datetime import date, timedelta
from decimal import Decimal

import duckdb
import pytest

from dagster_project import summary, tag_rules
from dagster_project.bookkeeping import write_refused_rules
from dagster_project.config import ConfigurationError, House
from dagster_project.customer_features import AS_OF, COLUMNS, VIRTUAL
from dagster_project.night import Night
from dagster_project.rule_files import check_tag_rules
from dagster_project.warehouse import fingerprint
from tests.unit.tagged_people import DAY, SHIPPED, People, noon

TODAY = date(2026, 6, 10)  # a Wednesday
HEADER = ",".join(tag_rules.HEADER)


def days(count: int) -> date:
    return TODAY - timedelta(days=count)


def person(**about) -> People:
    """Somebody known for a year."""
    people = People()
    people.known("ann", days(365), **about)
    return people


def tags(people: People) -> set[str]:
    return people.night(TODAY).tags("ann")


def test_the_shipped_rules_are_used_whole():
    rules, refused = tag_rules.read(SHIPPED, {})
    assert refused == []
    assert len(rules) >= 40
    assert {rule.category for rule in rules} == set(tag_rules.CATEGORIES)
    assert [rule.place for rule in rules] == list(range(len(rules)))
    assert all(rule.description.endswith(".") for rule in rules)


@pytest.mark.parametrize(("known", "has"), [(2, False), (3, True), (4, True)])
def test_a_first_order_is_pending_from_the_third_day_on(known, has):
    people = People()
    people.known("ann", days(known))
    assert ("first_order_pending_3_days" in tags(people)) is has
    people.order("ann", TODAY)
    assert "first_order_pending_3_days" not in people.night(TODAY).tags("ann")


@pytest.mark.parametrize(("ago", "has"), [(0, True), (29, True), (30, False)])
def test_who_consulted_in_thirty_days_and_did_not_buy(ago, has):
    people = person()
    people.order("ann", days(30))
    people.ticket("ann", days(ago))
    assert ("consulted_not_bought" in tags(people)) is has
    people.order("ann", days(29))
    assert "consulted_not_bought" not in people.night(TODAY).tags("ann")


@pytest.mark.parametrize(("same", "ago", "has"), [(2, 0, False), (3, 0, True), (3, 29, True), (3, 30, False)])
def test_the_same_question_thrice_is_high_attention(same, ago, has):
    people = person()
    people.ticket("ann", days(ago), same=same)
    assert ("high_attention" in tags(people)) is has


@pytest.mark.parametrize(("ago", "has"), [(29, True), (30, False)])
@pytest.mark.parametrize("how", [{"csat_score": 0}, {"category": "Complaint"}, {"category": "投诉"}])
def test_a_complaint_is_recent_for_thirty_days(how, ago, has):
    people = person()
    people.ticket("ann", days(ago), **how)
    assert ("recent_complaint" in tags(people)) is has


def test_a_deleted_ticket_and_a_good_rating_are_no_complaint():
    people = person()
    people.ticket("ann", TODAY, category="complaint", status="deleted")
    people.ticket("ann", days(1), csat_score=1)
    assert not {"recent_complaint", "unhappy_last_time"} & tags(people)
    assert people.feature("ann", "tickets_count") == 1


@pytest.mark.parametrize(("ago", "has"), [(29, False), (30, True)])
def test_thirty_days_without_activity_are_a_churn_warning(ago, has):
    people = person()
    people.order("ann", days(ago))
    assert ("churn_warning" in tags(people)) is has


def test_a_visit_or_a_question_is_activity_and_a_message_that_was_sent_is_none():
    people = person()
    people.order("ann", days(60))
    people.touch("ann", "message_sent", days(3))
    assert "churn_warning" in tags(people)
    people.touch("ann", "page_view", days(29))
    assert "churn_warning" not in tags(people)
    people = person()
    people.order("ann", days(60))
    people.ticket("ann", days(30))
    assert "churn_warning" in tags(people)
    people.ticket("ann", days(29))
    assert "churn_warning" not in tags(people)


def test_who_never_bought_gets_no_churn_warning():
    assert "churn_warning" not in tags(person())


@pytest.mark.parametrize(("weekend", "week", "has"), [(3, 2, True), (2, 1, True), (2, 0, False), (5, 4, False)])
def test_a_weekend_shopper_orders_three_times_in_five_on_weekends(weekend, week, has):
    people = person()
    for number in range(weekend):
        people.order("ann", days(3 + 7 * number + number % 2))  # Sunday or Saturday
    for number in range(week):
        people.order("ann", days(2 + 7 * number))
    assert ("weekend_shopper" in tags(people)) is has
    assert people.feature("ann", "weekend_share") == round(Decimal(weekend) / (weekend + week), 6)


def test_a_weekend_is_one_in_the_reporting_zone():
    people = person()
    people.order(
        "ann", noon(days(4)) + timedelta(hours=12)
    )  # Saturday midnight in Shanghai, the first second of Sunday
    people.order("ann", noon(days(5)) + timedelta(hours=11, minutes=59, seconds=59))  # Friday's last second
    tags(people)
    assert people.feature("ann", "weekend_share") == Decimal("0.5")


@pytest.mark.parametrize(("ago", "has"), [(13, False), (14, True)])
def test_milk_powder_without_complementary_food_for_fourteen_days(ago, has):
    people = person()
    people.order("ann", days(200), categories=["complementary food"])
    people.order("ann", days(ago), categories=["milk powder", "toys"])
    assert ("milk_powder_no_complementary_food" in tags(people)) is has
    people.order("ann", TODAY, categories=["complementary food"])
    assert "milk_powder_no_complementary_food" not in people.night(TODAY).tags("ann")


def test_who_bought_both_on_one_day_needs_no_offer():
    people = person()
    people.order("ann", days(20), categories=["milk powder", "complementary food"])
    assert "milk_powder_no_complementary_food" not in tags(people)


def test_a_price_is_minded_at_seven_discounts_of_ten_or_a_fifth_of_the_price():
    people = person()
    for number in range(10):
        people.order("ann", days(number), 99 if number < 7 else 100, discount=1 if number < 7 else 0)
    assert "price_sensitive" in tags(people)
    people = person()
    people.order("ann", days(1), 60, discount=40)
    people.order("ann", days(2), 100)
    assert "price_sensitive" in tags(people)
    assert people.feature("ann", "discount_share") == Decimal("0.2")
    people = person()
    people.order("ann", days(1), 61, discount=39)
    people.order("ann", days(2), 100)
    assert "price_sensitive" not in tags(people)


def test_values_say_which():
    people = person(city=None, country="DE", gender="female", age_band="25-34", preferred_channel="store")
    people.order("ann", days(40), 30, categories=["milk"])
    people.order("ann", days(20), 70, categories=["toys"], channel="web")
    people.order("ann", days(5), 80, categories=["toys"], channel="web")
    found = tags(people)
    assert {"region", "gender", "age_band", "purchase_cycle", "category_affinity", "omnichannel_shopper"} <= found
    values = {tag: people.value("ann", tag) for tag in ("region", "gender", "age_band", "channel_preference")}
    assert values == {"region": "DE", "gender": "female", "age_band": "25-34", "channel_preference": "store"}
    assert people.value("ann", "category_affinity") == "toys"
    assert people.feature("ann", "purchase_cycle_days") == Decimal("17.5")
    assert people.value("ann", "repeat_customer") is None


def test_a_cart_is_open_until_an_order_comes_after_it():
    people = person()
    people.touch("ann", "add_to_cart", days(2))
    assert "open_cart" in tags(people)
    people.order("ann", noon(days(2)) + timedelta(seconds=1))
    assert "open_cart" not in people.night(TODAY).tags("ann")
    people.touch("ann", "checkout_started", noon(days(2)) + timedelta(seconds=2))
    assert "open_cart" in people.night(TODAY).tags("ann")


@pytest.mark.parametrize(("ago", "has"), [(29, True), (30, False)])
def test_views_count_for_thirty_days(ago, has):
    people = person()
    for _ in range(3):
        people.touch("ann", "product_view", days(ago))
    assert ("viewed_not_bought" in tags(people)) is has


def test_money_given_back_and_cancelled_orders_are_a_risk():
    people = person()
    for refund in (0, 0, 90):
        people.order("ann", days(3), 100 - refund, refund=refund)
    for _ in range(3):
        people.order("ann", days(1), is_valid=False)
    people.given["refunds"].append({"customer_id": "ann", "kind": "chargeback", "is_counted": True})
    assert {"frequent_returner", "serial_canceller", "chargeback"} <= tags(people)
    assert people.feature("ann", "refund_share") == Decimal("0.3")


def test_scores_stages_and_predictions_are_asked():
    people = person(
        lifecycle_stage="at_risk", rfm_segment="champions", r_score=5, f_score=5, m_score=5, predicted_purchases_12m=3
    )
    found = tags(people)
    assert {"top_scores", "high_value", "high_value_at_risk", "churn_warning_rhythm", "high_potential"} <= found
    people = person(lifecycle_stage="active", next_stage_at=noon(TODAY + 7 * DAY))
    assert "at_risk_soon" in tags(people)
    people = person(lifecycle_stage="active", next_stage_at=noon(TODAY + 8 * DAY))
    assert "at_risk_soon" not in tags(people)


def test_a_tag_is_had_since_the_first_night_of_an_unbroken_run():
    people = person()
    people.order("ann", days(31))
    assert people.night(TODAY).since("ann")["churn_warning"] == TODAY
    assert people.night(TODAY + DAY).since("ann")["churn_warning"] == TODAY
    people.order("ann", TODAY + 2 * DAY)
    assert "churn_warning" not in people.night(TODAY + 2 * DAY).tags("ann")
    late = TODAY + 32 * DAY
    assert people.night(late).since("ann")["churn_warning"] == late
    assert people.since("ann")["repeat_customer"] == TODAY + 2 * DAY
    assert people.tables() == people.anew(late).tables()


def test_a_night_that_was_not_published_leaves_no_trace():
    people = person()
    people.order("ann", days(31))
    people.night(TODAY)
    orders = list(people.given["orders"])
    people.order("ann", TODAY + DAY)
    assert "churn_warning" not in people.night(TODAY + DAY, publish=False).tags("ann")
    people.given["orders"] = orders
    assert people.night(TODAY + 2 * DAY).since("ann")["churn_warning"] == TODAY


def test_an_earlier_as_of_shows_no_day_to_come():
    people = person()
    people.order("ann", days(40))
    people.night(TODAY)
    assert people.night(days(3)).since("ann")["churn_warning"] == days(3)
    assert people.night(TODAY + DAY).since("ann")["churn_warning"] == TODAY
    assert people.tables() == people.anew(TODAY + DAY).tables()


def test_an_id_that_is_gone_has_no_tags_and_begins_anew_when_it_returns():
    people = person()
    people.known("eve", days(100))
    people.order("eve", days(31))
    people.night(TODAY)
    people.person_of["eve"] = "ann"
    people.night(TODAY + DAY)
    assert people.tags("eve") == set()
    assert people.since("ann")["churn_warning"] == TODAY + DAY
    del people.person_of["eve"]
    assert people.night(TODAY + 2 * DAY).since("eve")["churn_warning"] == TODAY + 2 * DAY
    assert people.tables() == people.anew(TODAY + 2 * DAY).tables()


def test_only_whom_a_record_or_the_as_of_moves_is_written():
    people = person()
    for name, ago in (("bob", 29), ("carl", 200), ("dora", 5)):
        people.known(name, days(400))
        people.order(name, days(ago))
    people.night(TODAY)
    before = {table: people.written(table) for table in ("customer_features", "customer_tags")}
    people.ticket("dora", TODAY)
    people.night(TODAY + DAY)
    after = {table: people.written(table) for table in before}
    moved = {table: {name for name in after[table] if after[table][name] != before[table][name]} for table in before}
    # An order of bob's leaves the thirty days; ann and carl are a day older, and no row says so. A ticket is no tag.
    assert moved == {"customer_features": {"bob", "dora"}, "customer_tags": {"bob"}}
    people.night(TODAY + DAY)
    assert {table: people.written(table) for table in before} == after


@pytest.mark.parametrize("seed", range(4))
def test_many_nights_are_one_build(seed):
    draw = random.Random(seed)
    people = People()
    names = "abcdefgh"
    for name in names:
        people.known(name, days(draw.randrange(2, 500)), country=draw.choice([None, "CN"]))
    day = days(0)
    for _ in range(6):
        for _ in range(draw.randrange(5)):
            name, at = draw.choice(names), noon(day) - timedelta(hours=draw.randrange(24 * 400))
            kind = draw.randrange(4)
            if kind == 0:
                people.touch(name, draw.choice(["product_view", "add_to_cart", "message_opened"]), at, True)
            elif kind == 1:
                people.ticket(name, at, draw.choice(["delivery", "complaint"]), draw.randrange(1, 4))
            else:
                people.order(
                    name, at, draw.randrange(300), discount=draw.randrange(60), refund=draw.choice([0, 0, 50]),
                    channel=draw.choice(["store", "web"]), categories=draw.sample(["Shoes", "milk powder", "x"], 2),
                    is_valid=draw.random() < 0.9,
                )  # fmt: skip
        if draw.random() < 0.3:
            people.person_of = {draw.choice(names): draw.choice(names)} if not people.person_of else {}
        people.night(day, publish=draw.random() < 0.8)
        assert people.tables() == people.anew(day).tables()
        day += timedelta(days=draw.choice([1, 1, 1, 30]))


def _rules(folder, *lines: str):
    file = folder / tag_rules.FILE
    file.write_text("\n".join([HEADER, *lines]) + "\n")
    return file


def test_a_rule_with_a_mistake_is_told_with_its_line_and_the_others_run(tmp_path):
    people = People(
        _rules(
            tmp_path,
            "buyer,basic,orders_count > 0,,,,Bought.",
            "bad_name!,basic,orders_count > 0,,,,",
            "no_such,basic,order_count > 0,,,,",
            "of_none,nothing,orders_count > 0,,,,",
            "torn,basic,orders_count > 0",
            "commas,basic,country in ('CN', 'DE'),,,,",
            "backwards,basic,orders_count > 0,,2026-02-01,2026-01-31,",
            "noday,basic,orders_count > 0,,2026-02-30,,",
            "buyer,risk,orders_count > 1,,,,",
            "listed,basic,orders_count > 0,channels_bought,,,",
            "two,basic,orders_count > 0; drop table customers,,,,",
            "loyal,value_and_lifecycle,orders_count >= 2,orders_count,,,Bought twice.",
        )
    )
    people.known("ann", days(9))
    people.order("ann", days(5))
    people.order("ann", days(4))
    assert tags(people) == {"buyer", "loyal"}
    assert people.value("ann", "loyal") == "2"
    told = {rule.line: (rule.rule, rule.reason) for rule in people.refused}
    assert list(told) == [3, 4, 5, 6, 7, 8, 9, 10, 11, 12]
    for line, part in {
        3: "a name of at most 60", 4: "condition: there is no column order_count. Is it", 5: "one of basic",
        6: "3 cells and not 7", 7: "8 cells", 8: "ends before it begins", 9: "valid_from is '2026-02-30'",
        10: "line 2 gives this tag already", 11: "value: it is a list of texts", 12: "condition: it is not one expr",
    }.items():  # fmt: skip
        assert part in told[line][1], told[line]
    assert told[7][0] == "commas"


@pytest.mark.parametrize("text", ["tag,condition\nx,true\n", "", "\ufffe"])
def test_a_file_of_another_form_stops_the_run(tmp_path, text):
    file = tmp_path / tag_rules.FILE
    file.write_text(text, encoding="utf-16" if text == "\ufffe" else "utf-8")
    with pytest.raises(ConfigurationError, match=r"tag_rules\.csv"):
        check_tag_rules(file)
    check_tag_rules(SHIPPED)


def test_a_rule_counts_in_its_time_both_ends_included(tmp_path):
    people = People(_rules(tmp_path, f"summer,basic,orders_count = 0,,{TODAY + DAY},{TODAY + 2 * DAY},Summer."))
    people.known("ann", days(9))
    found = [people.night(TODAY + number * DAY).since("ann") for number in range(4)]
    assert found == [{}, {"summer": TODAY + DAY}, {"summer": TODAY + DAY}, {}]


def test_a_changed_file_moves_who_it_concerns_and_keeps_since(tmp_path):
    file = _rules(tmp_path, "one,basic,true,,,,", "two,basic,true,,,,")
    people = People(file)
    people.known("ann", days(9))
    people.night(TODAY)
    # In another order, with one rule gone and one more: a tag keeps its place and its day.
    _rules(tmp_path, "three,basic,true,,,,", "two,risk,true,,,,")
    people.night(TODAY + DAY)
    assert people.since("ann") == {"three": TODAY + DAY, "two": TODAY}
    assert people.db.execute("select category from customer_tags where tag = 'two'").fetchone() == ("risk",)
    assert people.places == {"one": 0, "two": 1, "three": 2}
    _rules(tmp_path, "one,basic,true,,,,", "two,risk,true,,,,")
    assert people.night(TODAY + 2 * DAY).since("ann") == {"one": TODAY + 2 * DAY, "two": TODAY}
    assert people.tables() == people.anew(TODAY + 2 * DAY).tables()


def test_places_are_as_many_as_two_numbers_hold(tmp_path):
    people = People(_rules(tmp_path, *(f"t{number},basic,orders_count = 0,,,," for number in range(127))))
    people.known("ann", days(9))
    assert len(tags(people)) == tag_rules.PLACES == 126
    assert [(rule.line, rule.rule) for rule in people.refused] == [(128, "t126")]
    people.order("ann", TODAY + DAY)
    assert people.night(TODAY + DAY).tags("ann") == set()
    people.given["orders"].clear()
    assert set(people.night(TODAY + 2 * DAY).since("ann").values()) == {TODAY + 2 * DAY}
    assert set(people.night(TODAY + 3 * DAY).since("ann").values()) == {TODAY + 2 * DAY}


def test_the_words_of_conditions_are_the_columns_of_the_table():
    people = person().night(TODAY)
    found = {name: kind.lower() for name, kind, *_ in people.db.execute("describe customer_features").fetchall()}
    found = {name: kind for name, kind in found.items() if not name.startswith("_")}
    named = {name: kind for name, kind in COLUMNS.items() if name != AS_OF}
    assert found == named | {"customer_id": "varchar", "category_dates": "date[]"}
    assert not set(VIRTUAL) & set(found)


def test_the_page_explains_every_word_and_every_shipped_tag(tmp_path):
    page = (SHIPPED.parents[1] / "docs" / "tags.md").read_text("utf-8")
    explained = set(re.findall(r"^\| `(\w+)` \|", page, flags=re.M))
    shipped = {rule.tag: rule for rule in tag_rules.read(SHIPPED, {})[0]}
    assert set(COLUMNS) - {AS_OF} | set(VIRTUAL) | set(shipped) <= explained
    for name, expression in VIRTUAL.items():
        assert f"| `{name}` | `{expression}` |" in page
    for tag, rule in shipped.items():
        assert f"| `{tag}` | {rule.description.rstrip('.')} |" in page
    example = re.search(r"```\n(tag,.*?)```", page, flags=re.S)[1].splitlines()
    rules, refused = tag_rules.read(_rules(tmp_path, *example[1:]), {})
    assert (example[0], len(rules), refused) == (HEADER, len(example) - 1, [])


def test_a_refused_rule_is_told_at_the_end_of_a_run_and_in_ops(tmp_path):
    night = Night(House(tmp_path), "r", "next", 1, 1, noon(TODAY), is_demo=False)
    assert "is not used" not in summary.closing(night)
    refused = tag_rules.read(_rules(tmp_path, "loyal,basic,order_count > 2,,,,"), {})[1]
    night.refused_rules = [{"file": tag_rules.FILE, **vars(rule)} for rule in refused]
    told = " ".join(summary.closing(night).split())
    assert "! tag_rules.csv, line 2, loyal is not used: condition: there is no column order_count." in told
    with duckdb.connect() as warehouse:
        warehouse.execute("create schema ops")
        assert write_refused_rules(warehouse, night.refused_rules) == 1
        assert warehouse.execute("select file, line, rule from ops.refused_rules").fetchall() == [
            (tag_rules.FILE, 2, "loyal")
        ]


def test_a_changed_rule_of_tags_is_no_reason_to_build_the_warehouse_anew(tmp_path):
    house = House(tmp_path / "home")
    file = _rules(tmp_path, "one,basic,true,,,,")
    (tmp_path / "other.csv").write_text("a\n1\n")
    before = fingerprint(house, tmp_path)
    file.write_text(HEADER + "\n")
    assert fingerprint(house, tmp_path) == before
    (tmp_path / "other.csv").write_text("a\n2\n")
    assert fingerprint(house, tmp_path) != before
