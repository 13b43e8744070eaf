-- Grain: one row per receipt, in its newest good version.
{{ config(materialized='incremental', unique_key='receipt_id', meta={'loads': ['pos.receipts', 'pos.receipt_lines']}) }}
{%- set columns = [
    'receipt_id', 'receipt_no', 'store_id', 'register_no', 'kind', 'sold_at', 'currency', 'member_no',
    'customer_name', 'customer_phone', 'customer_street', 'customer_birth_date', 'total_amount',
    'discount_amount', 'tax_amount', 'rounding_amount', 'payment_method', 'original_receipt_id',
    'original_order_name', 'status', 'updated_at',
] %}

with rows_to_judge as (
    {{ rows_to_judge(ref('base_pos__receipts'), columns, rechecked_rule='total_mismatch') }}
),

receipt_currencies as (
    select
        rows_to_judge.receipt_id,
        min(currencies.minor_unit) as minor_unit
    from rows_to_judge
    inner join {{ ref('currencies') }} as currencies on rows_to_judge.currency = currencies.currency
    group by rows_to_judge.receipt_id
),

line_versions as (
    select
        receipt_id,
        line_number,
        quantity,
        unit_price,
        discount_amount,
        _broken_rule,
        row_number() over (
            partition by receipt_id, line_number
            order by version_at desc, _load_id desc, _row_number desc
        ) as recency
    from {{ ref('base_pos__receipt_lines') }}
    where _row_key is not null and receipt_id in (select judged_rows.receipt_id from rows_to_judge as judged_rows)
),

-- A till rounds each line, not the sum: goods sold by weight end in a fraction of the minor unit.
line_totals as (
    select
        line_versions.receipt_id,
        sum({{ round_money('line_versions.quantity * line_versions.unit_price', 'receipt_currencies.minor_unit') }})
            as gross_amount,
        sum(line_versions.discount_amount) as discount_amount,
        sum(case when line_versions._broken_rule is null then 0 else 1 end) as broken_lines
    from line_versions
    inner join receipt_currencies on line_versions.receipt_id = receipt_currencies.receipt_id
    where line_versions.recency = 1
    group by line_versions.receipt_id
),

-- Lines may come with an earlier or a later load than their receipt, so this rule cannot be judged on one row.
judged as (
    select
        {% for column in columns %}rows_to_judge.{{ column }},
        {% endfor -%}
        rows_to_judge.version_at,
        coalesce(
            rows_to_judge._broken_rule,
            case
                when
                    line_totals.receipt_id is null
                    or line_totals.broken_lines > 0
                    or line_totals.discount_amount <> rows_to_judge.discount_amount
                    or line_totals.gross_amount - line_totals.discount_amount + rows_to_judge.rounding_amount
                    <> rows_to_judge.total_amount
                    then 'total_mismatch'
            end
        ) as _broken_rule,
        rows_to_judge._row_key,
        rows_to_judge._row_number,
        rows_to_judge._load_id,
        rows_to_judge._loaded_at
    from rows_to_judge
    left join line_totals on rows_to_judge.receipt_id = line_totals.receipt_id
),

newest_versions as (
    {{ newest_versions('judged', ref('base_pos__receipts'), ['receipt_id'], columns) }}
)

select * from newest_versions
