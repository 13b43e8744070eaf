"""How near a table is to people, for the tag `pii`: to find in the graph what must not be shown around.

Careful by default: what is private to the run counts as direct personal data unless it is of no person. What may be
published, and what not, is no matter of tags: schemas decide that.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

DIRECT, PSEUDONYMOUS, NONE = "direct", "pseudonymous", "none"
_SHOWN = ("marts", "ops")
_OF_NOBODY = re.compile(
    r"products|stores|locations|inventory|fx_rates|daily_rates|ad_performance|int_ads__|organizations|dates$"
)


def tag(schema: str, table: str, columns: Iterable[str]) -> str:
    """`direct`: names, addresses, numbers; `pseudonymous`: rows of a person without them; `none`: of no person."""
    if schema in _SHOWN:
        return PSEUDONYMOUS if any(name == "customer_id" or "record_key" in name for name in columns) else NONE
    if schema == "seeds" or (schema != "restricted" and _OF_NOBODY.search(table)):
        return NONE
    return DIRECT
