-- Grain: one row per loyalty member, in its newest good version.
{{ config(materialized='incremental', unique_key='member_no', meta={'loads': ['pos.members']}) }}
{%- set columns = [
    'member_no', 'full_name', 'phone', 'email', 'birth_date', 'gender', 'street', 'city', 'postcode', 'country',
    'member_level', 'store_id', 'consent_sms', 'consent_email', 'joined_at', 'updated_at',
] %}

with rows_to_judge as (
    {{ rows_to_judge(ref('base_pos__members'), columns) }}
),

newest_versions as (
    {{ newest_versions('rows_to_judge', ref('base_pos__members'), ['member_no'], columns) }}
)

select * from newest_versions
