-- Grain: one row per delivered row of exports order lines that staging could not take.
{{ config(incremental_strategy='rewrite', meta={'loads': ['*.order_lines'], 'in_load_order': true}) }}

with not_settled as (
    {{ rows_not_settled(
        ref('base_exports__order_lines'),
        ref('stg_exports__order_lines'),
        unmet_rule='order_has_broken_line'
    ) }}
),

explained as (
    select * replace (
        {{ order_reason('rule', "json_extract_string(raw_row, '$.status')") }} as reason
    )
    from not_settled
)

select * from explained
