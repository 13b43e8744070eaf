{#- Of whom the table shows what the as-of has not reached, or does not show what it has: it moved on, or back. -#}
{% macro moved_by_the_as_of() -%}
built.customer_id in (
    select shown.customer_id
    from {{ this }} as shown
    cross join {{ source('ops', 'run_parameters') }} as run_parameters
    where
        shown.entered_at > run_parameters.as_of
        or shown.left_at > run_parameters.as_of
        or (shown.left_at is null and shown.next_stage_at <= run_parameters.as_of)
)
{%- endmacro %}
