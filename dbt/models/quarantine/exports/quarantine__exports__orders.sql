-- Grain: one row per delivered row of exports orders that staging could not take.
{{ config(incremental_strategy='rewrite', meta={'loads': ['*.orders']}) }}

with not_staged as (
    {{ rows_not_staged(ref('base_exports__orders'), ref('stg_exports__orders'), ['system', 'order_id']) }}
),

explained as (
    select
        key,
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
    from not_staged
)

select * from explained
