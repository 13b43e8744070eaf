"""Column lineage as people read it: what a column is made from, and the raw columns behind that."""

from dagster_project.column_origins import Origins

TABLES = {
    ("staging", "stg_orders"): {"paid": [("raw_shop", "orders", "total")], "rate": [("seeds", "fx_rates", "rate")]},
    ("intermediate", "int_states"): {
        "net": [("staging", "stg_orders", "paid"), ("intermediate", "int_states", "net")],
        "many": [("raw_shop", "orders", f"c{number}") for number in range(9)],
    },
    ("marts", "orders"): {
        "net_amount": [("intermediate", "int_states", "net"), ("staging", "stg_orders", "rate")],
        "many": [("intermediate", "int_states", "many")],
        "constant": [],
    },
}


def test_a_column_is_followed_to_raw_columns_also_where_a_model_reads_itself():
    assert Origins(TABLES).raw(("marts", "orders", "net_amount")) == {
        ("raw_shop", "orders", "total"),
        ("seeds", "fx_rates", "rate"),
    }


def test_each_column_has_a_line_and_many_columns_of_a_table_are_counted():
    lines = Origins(TABLES).markdown("marts", "orders").splitlines()
    assert len(lines) == 5
    assert lines[2] == (
        "| net_amount | intermediate.int_states.net, staging.stg_orders.rate"
        " | raw_shop.orders.total, seeds.fx_rates.rate |"
    )
    assert lines[3] == "| many | intermediate.int_states.many | raw_shop.orders (9) |"
    assert lines[4] == "| constant | – | – |"
