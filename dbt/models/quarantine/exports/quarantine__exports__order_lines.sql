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
    select
        key,
        group_key,
        rule,
        {{ order_reason('rule', json_text('raw_row', '$.status')) }} as reason,
        raw_row,
        version_at,
        load_id,
        file_name,
        row_number,
        first_seen_at,
        last_seen_at,
        _loaded_at
    from not_settled
)

select * from explained
