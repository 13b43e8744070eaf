-- Grain: one row per organisation of the service desk, in its newest good version.
{{ config(materialized='incremental', unique_key='organization_id', meta={'loads': ['zendesk.organizations']}) }}
{%- set columns = [
    'organization_id', 'organization_name', 'external_id', 'created_at', 'updated_at', 'deleted_at',
] %}

with rows_to_judge as (
    {{ rows_to_judge(ref('base_zendesk__organizations'), columns) }}
),

newest_versions as (
    {{ newest_versions('rows_to_judge', ref('base_zendesk__organizations'), ['organization_id'], columns) }}
)

select * from newest_versions
