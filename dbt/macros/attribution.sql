{# The models of attribution. Plain ones look at an order's own path; fitted ones at all paths of its month. #}
{% macro attribution_models() -%}
    select * from (
        values
        ('first', false),
        ('last', false),
        ('last_non_direct', false),
        ('linear', false),
        ('time_decay', false),
        ('position_based', false),
        ('markov', true),
        ('shapley', true)
    ) as listed (model, is_fitted)
{%- endmacro %}
