-- A line of a rule file that is not used is told of, and keeps nothing back.
{{ config(severity='warn') }}

select * from {{ source('ops', 'refused_rules') }}
