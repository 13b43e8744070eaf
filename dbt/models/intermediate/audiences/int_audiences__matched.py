# Grain: one row per audience of tonight and known person who fits its condition.
"""Asks the conditions of audiences, which were read and checked before the run, of everybody's features.

Here: what stands beside the features, and the hand-over of a condition's SQL to the database. Not here: the language of
conditions, who may be reached.
"""

from typing import Any

_ASKED = """
    with tags as (
        select customer_id, list(tag) as tags from (:customer_tags:) as customer_tags group by customer_id
    ),
    births as (
        select customer_id, try_cast(value as date) as birth_date
        from (:attributes:) as attributes where attribute = 'birth_date'
    ),
    people as (
        select
            customer_features.*,
            run_parameters.as_of_date,
            tags.tags,
            month(births.birth_date) = month(run_parameters.as_of_date + 1) as is_birthday_month
        from (:customer_features:) as customer_features
        cross join (:run_parameters:) as run_parameters
        left join tags on customer_features.customer_id = tags.customer_id
        left join births on customer_features.customer_id = births.customer_id
    )
    select unnest(list_filter([:names:], name -> name is not null)) as audience, customer_id
    from people
"""


def model(dbt: Any, session: Any) -> Any:
    """Audience and person, each once."""
    dbt.config(materialized="table")
    rules = dbt.source("ops", "audience_rules")
    run_parameters = dbt.source("ops", "run_parameters")
    customer_features = dbt.ref("customer_features")
    customer_tags = dbt.ref("customer_tags")
    attributes = dbt.ref("int_customers__attributes")

    due = rules.filter("is_due and error is null").order("line").project("audience, condition_sql").fetchall()
    if not any("list_contains(tags, " in condition for _, condition in due):
        # Everybody's tags are many rows; what nobody asks for is not gathered.
        customer_tags = customer_tags.filter("false")
    # An audience's name is a word; the check of the rules sees to it.
    names = [f"case when {condition} then '{audience}' end" for audience, condition in due]
    given = {
        "customer_features": customer_features,
        "customer_tags": customer_tags,
        "attributes": attributes,
        "run_parameters": run_parameters,
    }
    query = _ASKED
    for name, table in given.items():
        query = query.replace(f":{name}:", table.sql_query())
    # The conditions come last: what stands in one is nobody's placeholder.
    return session.sql(query.replace(":names:", ", ".join(["cast(null as varchar)", *names])))
