{# dbt writes the SQL it runs for a seed to <target>/run/<project>/<path of the seed>; an absolute path wins that join, and the
   seed file is overwritten. #}
{% macro refuse_absolute_seed_path() %}
    {% set path = env_var('OMNIHOUSE_SEEDS', '../seeds') %}
    {% if path.startswith('/') %}
        {% do exceptions.raise_compiler_error(
            "OMNIHOUSE_SEEDS is the absolute path " ~ path ~ ": dbt would write its SQL over the seed files there."
            ~ " Give a path inside the dbt project, relative to it."
        ) %}
    {% endif %}
{% endmacro %}
