-- Grain: one row per platform, account, campaign, ad group, ad and day.
{{ config(
    materialized='incremental',
    incremental_strategy='append',
    on_schema_change='fail',
    pre_hook="{{ delete_restated(ref('int_ads__states'), 'ad_performance_id') }}"
) }}

with states as (

    {{ missing_keys(ref('int_ads__states'), 'ad_performance_id') }}

),

final as (

    select
        *,
        current_timestamp as _loaded_at
    from states

)

select * from final
