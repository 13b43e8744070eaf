-- Grain: one row per line of an advertisement report as delivered.
with raw_rows as (
    select * from {{ source('raw_exports', 'ad_performance') }}
),

loads as (
    {{ load_times() }}
),

typed as (
    select
        {{ to_text('source_system') }} as source_system,
        -- Reports that lack a part of the key have the empty text in its place.
        coalesce({{ to_text('account') }}, '') as account,
        coalesce({{ to_text('campaign') }}, '') as campaign,
        coalesce({{ to_text('ad_group') }}, '') as ad_group,
        coalesce({{ to_text('ad') }}, '') as ad,
        {{ to_date('date') }} as date,
        {{ to_text('currency') }} as currency,
        {{ to_text('timezone') }} as timezone,
        coalesce({{ to_integer('impressions') }}, 0) as impressions,
        coalesce({{ to_integer('clicks') }}, 0) as clicks,
        {{ to_money('cost') }} as cost,
        {{ to_quantity('conversions') }} as conversions,
        date as date_text,
        impressions as impressions_text,
        clicks as clicks_text,
        conversions as conversions_text,
        -- Rows of one day may be its parts (devices, networks, hours); the same row twice is one.
        md5(
            {%- for column in ['currency', 'timezone', 'impressions', 'clicks', 'cost', 'conversions', '_extra'] %}
            coalesce({{ column }}, '') || '|'{{ ' ||' if not loop.last }}
            {%- endfor %}
        ) as _item_key,
        {{ json_row('raw_rows') }} as _raw_row,
        _file_name,
        _row_number,
        _load_id
    from raw_rows
),

judged as (
    select
        typed.*,
        {{ row_key(['source_system', 'account', 'campaign', 'ad_group', 'ad', 'date'], 'typed') }}
        || '|'
        || typed._item_key as _row_key,
        {{ row_key(['source_system', 'account', 'campaign', 'ad_group', 'ad', 'date'], 'typed') }}
        || '|'
        || coalesce(typed.currency, '') as _group_key,
        false as is_numbered,
        {{ load_order_only() }} as version_at,
        case
            when typed.source_system is null then 'key_missing'
            when typed.date is null then 'date_not_a_date'
            when not {{ is_known_timezone('typed.timezone') }} then 'timezone_unknown'
            when typed.cost is null then 'cost_not_a_number'
            when not {{ is_currency('typed.currency') }} then 'currency_unknown'
            when
                {{ is_unreadable('typed.impressions_text', to_integer('typed.impressions_text')) }}
                or {{ is_unreadable('typed.clicks_text', to_integer('typed.clicks_text')) }}
                or {{ is_unreadable('typed.conversions_text', 'typed.conversions') }}
                then 'count_not_a_number'
            when typed.cost < 0 or typed.impressions < 0 or typed.clicks < 0 then 'amount_negative'
        end as _broken_rule,
        loads._loaded_at
    from typed
    left join loads on typed._load_id = loads.load_id
)

select * from judged
