{#- Whose rows are not as they should be: their fingerprint is another, or the as-of moved on or back to another stage. Of a
    person's rows the last one tells: the only one that nothing has followed. -#}
{% macro delete_moved_people() -%}
{%- if is_incremental() -%}
delete from {{ this }}
where customer_id in (
    select shown.customer_id
    from {{ this }} as shown
    cross join {{ source('ops', 'run_parameters') }} as run_parameters
    left join {{ ref('int_customers__lifecycle_people') }} as people
        on shown.customer_id = people.customer_id and shown._fingerprint = people._fingerprint
    where
        shown.left_at is null
        and (
            people.customer_id is null
            or shown.entered_at > run_parameters.as_of
            or shown.next_stage_at <= run_parameters.as_of
        )
)
{%- else -%}
select 1
{%- endif -%}
{%- endmacro %}

{#- Every purchase of these people, with the gap that was usual for the person then, and when a silence after it counts. -#}
{% macro usual_gaps(people) -%}
with followed as (

    select
        valid_orders.customer_id,
        valid_orders.order_id,
        valid_orders.category,
        valid_orders.ordered_at,
        row_number() over customer_orders as qualifying_number,
        lead(valid_orders.ordered_at) over customer_orders as next_ordered_at,
        -- All gaps up to here together are the time since the first order.
        cast(
            round(epoch(valid_orders.ordered_at) - epoch(first_value(valid_orders.ordered_at) over customer_orders))
            as bigint
        ) as own_seconds,
        cast(date_trunc('quarter', valid_orders.reporting_date) - interval 3 months as date) as last_closed_quarter
    from {{ ref('int_customers__valid_orders') }} as valid_orders
    where
        valid_orders.is_qualifying
        and valid_orders.customer_id in (select wanted.customer_id from {{ people }} as wanted)
    window customer_orders as (
        partition by valid_orders.customer_id
        order by valid_orders.ordered_at, valid_orders.customer_order_number
    )

),

-- The market's habit comes from the quarter closed before the order, so that it stays the same afterwards.
with_prior as (

    select
        followed.*,
        coalesce(
            case
                when of_category.gaps >= lifecycle_config.min_category_gaps then of_category.median_seconds
            end,
            of_all.median_seconds,
            lifecycle_config.default_gap_days * 86400
        ) as prior_seconds,
        followed.qualifying_number - 1 as own_gaps,
        lifecycle_config.*
    from followed
    cross join {{ ref('lifecycle_config') }} as lifecycle_config
    left join {{ ref('int_customers__gap_medians') }} as of_category
        on followed.last_closed_quarter = of_category.quarter and followed.category = of_category.category
    left join {{ ref('int_customers__gap_medians') }} as of_all
        on followed.last_closed_quarter = of_all.quarter and of_all.category is null

),

weighed as (

    select
        *,
        own_seconds + prior_gaps * prior_seconds as all_seconds,
        own_gaps + prior_gaps as all_gaps
    from with_prior

),

-- Divided last of all, so that half a second is half a second on every machine.
usual as (

    select
        *,
        least(greatest(all_seconds, min_gap_days * 86400 * all_gaps), max_gap_days * 86400 * all_gaps) as usual_seconds
    from weighed

),

silences as (

    select
        *,
        case mode
            when 'fixed' then at_risk_days * 86400 else at_risk_factor * usual_seconds / all_gaps
        end as at_risk_seconds,
        case mode
            when 'fixed' then dormant_days * 86400 else dormant_factor * usual_seconds / all_gaps
        end as dormant_seconds,
        case mode
            when 'fixed' then lost_days * 86400 else lost_factor * usual_seconds / all_gaps
        end as lost_seconds
    from usual

)

select
    customer_id,
    order_id,
    qualifying_number,
    cast(round(usual_seconds / all_gaps) as bigint) as usual_gap_seconds,
    ordered_at,
    next_ordered_at,
    ordered_at + to_seconds(cast(round(at_risk_seconds) as bigint)) as at_risk_at,
    ordered_at + to_seconds(cast(round(dormant_seconds) as bigint)) as dormant_at,
    ordered_at + to_seconds(cast(round(lost_seconds) as bigint)) as lost_at
from silences
{%- endmacro %}

{#- The category with the most money in each order's lines; of two alike the first by name. Most orders are of one category, and
    need no sums. -#}
{% macro main_categories(lines) -%}
with listed as (

    select
        order_id,
        min(category) as category,
        min(category) <> max(category) as is_mixed
    from {{ lines }}
    where category is not null
    group by order_id

),

mixed as (

    select
        lines.order_id,
        lines.category,
        sum(lines.net_amount) as net_amount
    from {{ lines }} as lines
    inner join listed on lines.order_id = listed.order_id
    where lines.category is not null and listed.is_mixed
    group by lines.order_id, lines.category

)

select
    order_id,
    category
from listed
where not is_mixed
union all
select
    order_id,
    category
from mixed
qualify row_number() over (partition by order_id order by net_amount desc, category asc) = 1
{%- endmacro %}
