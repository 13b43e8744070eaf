-- Grain: one row per variant listed in a delivered product version; a product without variants has one row.
with raw_rows as (
    select * from {{ source('raw_shopify', 'products') }}
),

loads as (
    {{ load_times() }}
),

parsed as (
    select
        case
            when {{ json_list_length(to_json_text('raw_rows.variants')) }} > 0 then raw_rows.variants
            else '[{}]'
        end as variants_json,
        raw_rows.*,
        {{ json_row('raw_rows') }} as _raw_row
    from raw_rows
),

typed as (
    select
        {{ json_text('variants.item', '$.id') }} as variant_id,
        {{ to_text('parsed.id') }} as product_id,
        {{ json_text('variants.item', '$.inventory_item_id') }} as inventory_item_id,
        {{ json_text('variants.item', '$.sku') }} as sku,
        {{ to_text('parsed.title') }} as product_name,
        {{ to_text('parsed.product_type') }} as category,
        {{ to_text('parsed.vendor') }} as vendor,
        {{ to_money(json_text('variants.item', '$.price')) }} as unit_price,
        {{ to_text('parsed.status') }} as status,
        {{ to_time('parsed.updated_at') }} as updated_at,
        {{ json_text('variants.item', '$.price') }} as price_text,
        parsed._raw_row,
        parsed._file_name,
        parsed._row_number,
        parsed._load_id
    from parsed,
        {{ json_items('parsed.variants_json', 'variants') }}
),

judged as (
    select
        typed.*,
        {{ row_key(['product_id'], 'typed') }} as _row_key,
        coalesce(typed.updated_at, loads._loaded_at) as version_at,
        case
            when typed.product_id is null then 'key_missing'
            when typed.updated_at is null then 'updated_at_not_a_time'
            when
                max(case when typed.variant_id is null then 1 else 0 end)
                    over (partition by typed._load_id, typed._row_number)
                = 1
                then 'variant_missing'
            when
                max(case when {{ is_unreadable('typed.price_text', 'typed.unit_price') }} then 1 else 0 end)
                    over (partition by typed._load_id, typed._row_number)
                = 1
                then 'price_not_a_number'
        end as _broken_rule,
        loads._loaded_at
    from typed
    left join loads on typed._load_id = loads.load_id
)

select * from judged
