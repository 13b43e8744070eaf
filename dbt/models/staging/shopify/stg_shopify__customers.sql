-- Grain: one row per web shop customer, in its newest good version.
{{ config(materialized='incremental', unique_key='customer_id_shopify', meta={'loads': ['shopify.customers']}) }}
{%- set columns = [
    'customer_id_shopify', 'email', 'phone', 'given_name', 'family_name', 'full_name', 'street', 'city', 'province',
    'country', 'postcode', 'currency', 'consent_email', 'consent_sms', 'state', 'tags', 'created_at', 'updated_at',
] %}

with rows_to_judge as (
    {{ rows_to_judge(ref('base_shopify__customers'), columns) }}
),

newest_versions as (
    {{ newest_versions('rows_to_judge', ref('base_shopify__customers'), ['customer_id_shopify'], columns) }}
)

select * from newest_versions
