{# Each raw table holds what its loads landed, and each of its rows is staged, superseded or in quarantine. #}
{% test nothing_lost(model) %}
select *
from {{ model }}
where rows_lost <> 0 or rows_read <> rows_landed
{% endtest %}
