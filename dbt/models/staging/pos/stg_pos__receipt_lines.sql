-- Grain: one row per receipt line, in its newest good version.
{{ config(
    materialized='incremental',
    unique_key=['receipt_id', 'line_number'],
    meta={'loads': ['pos.receipts', 'pos.receipt_lines']},
) }}
{%- set columns = [
    'receipt_id', 'line_number', 'sku', 'product_name', 'category', 'quantity', 'unit_price', 'discount_amount',
    'tax_amount', 'updated_at',
] %}

with rows_to_judge as (
    {{ rows_to_judge(ref('base_pos__receipt_lines'), columns, 'receipt_not_staged') }}
),

receipts as (
    select * from {{ ref('stg_pos__receipts') }}
),

-- A line waits until its receipt is staged, and as long as a newer version of the receipt is in quarantine, so that
-- staged lines always belong to a staged receipt.
judged as (
    select
        {% for column in columns %}rows_to_judge.{{ column }},
        {% endfor -%}
        rows_to_judge.version_at,
        coalesce(
            rows_to_judge._broken_rule,
            case when receipts.receipt_id is null or receipts.is_stale_version then 'receipt_not_staged' end
        ) as _broken_rule,
        rows_to_judge._row_key,
        rows_to_judge._row_number,
        rows_to_judge._load_id,
        rows_to_judge._loaded_at
    from rows_to_judge
    left join receipts on rows_to_judge.receipt_id = receipts.receipt_id
),

newest_versions as (
    {{ newest_versions('judged', ref('base_pos__receipt_lines'), ['receipt_id', 'line_number'], columns) }}
)

select * from newest_versions
