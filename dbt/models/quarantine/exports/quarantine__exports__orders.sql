-- Grain: one row per delivered row of exports orders that staging could not take.
{{ config(incremental_strategy='rewrite', meta={'loads': ['*.orders']}) }}

with not_staged as (
    {{ rows_not_staged(ref('base_exports__orders'), ref('stg_exports__orders'), ['system', 'order_id']) }}
),

explained as (
    select * replace (
        {{ order_reason('rule', "json_extract_string(raw_row, '$.status')") }} as reason
    )
    from not_staged
)

select * from explained
