-- Grain: one row per delivered row of pos receipts that staging could not take.
{{ config(incremental_strategy='rewrite', meta={'loads': ['pos.receipts', 'pos.receipt_lines']}) }}

with not_staged as (
    {{ rows_not_staged(
        ref('base_pos__receipts'),
        ref('stg_pos__receipts'),
        ['receipt_id'],
        unmet_rule='total_mismatch'
    ) }}
)

select * from not_staged
