-- Grain: one row per user of the service desk, in its newest good version.
{{ config(materialized='incremental', unique_key='user_id', meta={'loads': ['zendesk.users']}) }}
{%- set columns = [
    'user_id', 'full_name', 'email', 'phone', 'role', 'external_id', 'organization_id', 'is_active', 'created_at', 'updated_at',
] %}

with rows_to_judge as (
    {{ rows_to_judge(ref('base_zendesk__users'), columns) }}
),

newest_versions as (
    {{ newest_versions('rows_to_judge', ref('base_zendesk__users'), ['user_id'], columns) }}
)

select * from newest_versions
