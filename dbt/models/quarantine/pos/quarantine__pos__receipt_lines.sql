-- Grain: one row per delivered row of pos receipt lines that staging could not take.
{{ config(incremental_strategy='rewrite', meta={'loads': ['pos.receipts', 'pos.receipt_lines']}) }}

with not_staged as (
    {{ rows_not_staged(
        ref('base_pos__receipt_lines'),
        ref('stg_pos__receipt_lines'),
        ['receipt_id', 'line_number'],
        unmet_rule='receipt_not_staged'
    ) }}
)

select * from not_staged
