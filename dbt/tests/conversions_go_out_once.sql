-- A conversion is told to a platform once for ever, and nothing is adjusted that was not told, or was taken back.
with counted as (
    select
        platform,
        action,
        order_id,
        count(*) filter (where kind = 'conversion') as conversions,
        min(night) filter (where kind = 'conversion') as converted_night,
        min(night) as first_night,
        min(night) filter (where kind = 'retraction') as retracted_night,
        max(night) as last_night
    from {{ ref('exported_conversions') }}
    group by platform, action, order_id
)

select *
from counted
where
    conversions <> 1
    or first_night < converted_night
    or last_night > retracted_night
