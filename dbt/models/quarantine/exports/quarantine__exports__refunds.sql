-- Grain: one row per delivered row of exports refunds that staging could not take.
{{ config(incremental_strategy='rewrite', meta={'loads': ['*.refunds'], 'in_load_order': true}) }}

with not_settled as (
    {{ rows_not_settled(
        ref('base_exports__refunds'),
        ref('stg_exports__refunds'),
        unmet_rule='another_refund_of_its_order_and_time_is_broken'
    ) }}
)

select * from not_settled
