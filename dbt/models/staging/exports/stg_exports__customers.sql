-- Grain: one row per customer of a mapped export, as last delivered.
{{ config(
    materialized='incremental',
    unique_key=['system', 'customer_key'],
    meta={'loads': ['*.customers']},
) }}
{%- set key = ['system', 'customer_key'] %}
{%- set columns = [
    'source_system', 'system', 'customer_key', 'record_type', 'source_record_id', 'full_name', 'given_name',
    'family_name', 'phone', 'email', 'member_no', 'union_id', 'open_id', 'gender', 'street', 'city', 'province',
    'country', 'postcode', 'consent_sms', 'consent_email', 'birth_date', 'created_at', 'updated_at',
] %}

with rows_to_judge as (
    {{ rows_to_judge(ref('base_exports__customers'), columns) }}
),

newest_versions as (
    {{ newest_versions('rows_to_judge', ref('base_exports__customers'), key, columns) }}
)

select * from newest_versions
