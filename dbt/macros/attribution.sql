{# The models of attribution. Plain ones look at an order's own path; fitted ones at all paths of its month. #}
{% macro attribution_models() -%}
    select * from (
        values
        (1, 'first', false),
        (2, 'last', false),
        (3, 'last_non_direct', false),
        (4, 'linear', false),
        (5, 'time_decay', false),
        (6, 'position_based', false),
        (7, 'markov', true),
        (8, 'shapley', true)
    ) as listed (model_number, model, is_fitted)
{%- endmacro %}
