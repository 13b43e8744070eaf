-- Each source's money of each day is in the marts, to the minor unit.
select *
from {{ ref('reconciliation') }}
where difference <> 0
