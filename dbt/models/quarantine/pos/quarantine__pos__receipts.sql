-- Grain: one row per delivered row of pos receipts that staging could not take.
{{ config(incremental_strategy='rewrite', meta={'loads': ['pos.receipts', 'pos.receipt_lines']}) }}

with not_staged as (
    {{ rows_not_staged(
        ref('base_pos__receipts'),
        ref('stg_pos__receipts'),
        ['receipt_id'],
        unmet_rule='total_mismatch'
    ) }}
),

-- The rule holds for a receipt without a line as for one whose lines do not add up.
explained as (
    select
        * replace (
            case
                when rule = 'total_mismatch'
                    then 'no lines, or lines that with discounts and rounding do not make its total'
                else reason
            end as reason
        )
    from not_staged
)

select * from explained
