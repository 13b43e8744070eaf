{# Whole units handed out by weight, by largest remainder: the rows of `rows` with `share_units`, their part of `units` within
   `parts_of`. What truncation leaves over goes to the largest remainders, ties to the earlier `place`. Both `units` and
   `weight` are expressions that give whole numbers of 0 or more; without any weight nobody gets a part. #}
{% macro with_shares(rows, units, weight, parts_of, place) -%}
    with weighted as (
        select
            *,
            cast({{ units }} as hugeint) as _units,
            cast({{ weight }} as hugeint) as _weight,
            sum(cast({{ weight }} as hugeint)) over (partition by {{ parts_of }}) as _total_weight
        from {{ rows }}
    ),

    truncated as (
        select
            *,
            case when _total_weight = 0 then 0 else _units * _weight // _total_weight end as _whole_units,
            case when _total_weight = 0 then 0 else _units * _weight % _total_weight end as _remainder
        from weighted
    ),

    ranked as (
        select
            *,
            _units - sum(_whole_units) over (partition by {{ parts_of }}) as _missing_units,
            row_number() over (partition by {{ parts_of }} order by _remainder desc, {{ place }} asc) as _remainder_rank
        from truncated
    )

    select
        * exclude (_units, _weight, _total_weight, _whole_units, _remainder, _missing_units, _remainder_rank),
        _whole_units + case when _remainder_rank <= _missing_units then 1 else 0 end as share_units
    from ranked
{%- endmacro %}

{# What truncating one of a few parts leaves over, of `units` by `weight` in `whole`; counted from below where a weight is
   negative. NULL where the weights cancel out. #}
{% macro part_remainder(units, weight, whole) -%}
case when {{ whole }} > 0 then ({{ units }} * {{ weight }} % {{ whole }} + {{ whole }}) % {{ whole }} end
{%- endmacro %}

{# The part itself: the units below the remainder, and one of the missing ones if it `gets_one`. #}
{% macro part_units(units, weight, whole, remainder, gets_one) -%}
case
    when {{ whole }} > 0
        then ({{ units }} * {{ weight }} - {{ remainder }}) // {{ whole }} + cast({{ gets_one }} as int)
end
{%- endmacro %}
