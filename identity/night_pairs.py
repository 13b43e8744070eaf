"""The probable pairs of a night: all of them, or anew where they may be others than last night.

Here: the pairs, the model and what is compared of the records, between the kept table and the pairs' own modules. Not
here: how pairs are found, scored and supported (`likely`), what follows from them for groups (`resolution`).

Pairs are scored where one of their records states something else than last night, where a block of records was or is no
longer too large to be looked at, and where exact values no longer hold together what they held last night. Of the
others those stand whose groups are still two. A member's row keeps for that what is compared of its record, `stated`.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from identity.kept import COLUMNS, Tonight, rows_of
from identity.resolution import Likely

if TYPE_CHECKING:
    from identity.likely import LikelyModel

_PAIR_COLUMNS = ("left_record", "right_record", "score", "links")


def version_of(model: str) -> str:
    """The version of a model's JSON: 32 hexadecimal digits of its SHA-256."""
    return hashlib.sha256(model.encode()).hexdigest()[:32]


class NightPairs:
    """The probable pairs of a night, found when the exact groups are known."""

    def __init__(self, tonight: Tonight) -> None:
        self._tonight = tonight
        self._model: LikelyModel | None = None
        self.stated = pa.table({name: pa.nulls(0, pa.string()) for name in ("record_key", "stated")})
        self.pairs = pa.table({name: pa.nulls(0, COLUMNS.field(name).type) for name in _PAIR_COLUMNS})

    def stated_by(self, records: pa.Table, assertions: pa.Table) -> pa.Table:
        """What is compared of some records; nothing on a night without a model."""
        if self._tonight.model is None and not self._tonight.may_learn:
            return self.stated
        from identity.profiles import features_as_text, likely_features

        return features_as_text(likely_features(records, assertions))

    def of_all(self, stated: str, groups: str) -> Likely | None:
        """All pairs; the model is learned where there is none and may be one.

        `stated`, `groups`: names of tables with what is compared of all records, and with their exact groups.
        """
        query, given = self._tonight.query, self._tonight.model
        if given is None and not self._tonight.may_learn:
            return None
        from identity.likely import Home, LikelyModel, fit_likely, likely_pairs

        named = f"select record_key, exact_group as customer_id from {groups} semi join {stated} using (record_key)"
        home = Home(query(f"from {stated} order by record_key"), query(named))
        self._model = LikelyModel.from_json(given) if given is not None else fit_likely(home)
        return None if self._model is None else self._likely(likely_pairs(home, self._model))

    def of_some(self, groups: pa.Table, changed: pa.Table) -> None:
        """The pairs of all records, scored where they may be others than last night; `is_supported` is not known yet.

        `groups`: of the records that are reached. Of the others groups, features and pairs are as they were.
        """
        from identity.likely import Home, LikelyModel, likely_features, score_likely, shifted
        from identity.profiles import features_as_text

        query = self._tonight.query
        named = query(
            "select record_key, exact_group as customer_id from groups union all"
            " select record_key, '/' || exact_group from last anti join groups using (record_key)"
            " semi join records using (record_key) where part = 'member'",
            groups=groups,
        )
        self._model = LikelyModel.from_json(self._tonight.model or "")
        new = features_as_text(
            likely_features(rows_of(query, "records", changed), rows_of(query, "assertions", changed))
        )
        before = "select record_key, stated from last where part = 'member' and stated is not null"
        self.stated = query(
            f"from ({before}) semi join records using (record_key) anti join changed using (record_key)"
            " union all from new order by record_key",
            changed=changed,
            new=new,
        )
        gone = query(f"from ({before}) anti join stated using (record_key, stated)", stated=self.stated)
        came = query(f"from new anti join ({before}) using (record_key, stated)", new=new)["record_key"]
        home = Home(self.stated, named, gone["stated"])
        wanted = shifted(home, home.named(came), self._model)
        parted = query(
            "with kept as (select record_key, last.exact_group as before, groups.exact_group as now"
            " from last join groups using (record_key) where part = 'member'),"
            " torn as (select before from kept group by before having min(now) <> max(now))"
            " select record_key from kept semi join torn using (before)",
            groups=groups,
        )["record_key"]
        np.maximum(wanted, home.named(parted), out=wanted)
        looked_at = pa.table({"record_key": home.key, "wanted": pa.array(wanted)}).filter(pa.array(wanted > 0))
        fresh = score_likely(home, self._model, wanted)
        del home
        self.pairs = query(
            "with looked as (select record_key, max(wanted) as wanted"
            " from (from looked_at union all select record_key, 2 from gone) group by record_key)"
            " select left_record, right_record, probability as score, null::boolean as links from fresh union all"
            " select left_record, right_record, score, null from last"
            " left join looked as a on left_record = a.record_key left join looked as b on right_record = b.record_key"
            " left join groups as one on left_record = one.record_key"
            " left join groups as other on right_record = other.record_key"
            " where part = 'pair' and coalesce(a.wanted, 0) + coalesce(b.wanted, 0) < 2"
            " and not coalesce(one.exact_group = other.exact_group, false)",
            fresh=fresh,
            looked_at=looked_at,
            gone=gone,
            groups=groups,
        )

    def of_these(self, groups: pa.Table) -> Likely | None:
        """The pairs among the records of these groups."""
        if self._model is None:
            return None
        from identity.likely import Home, supported

        query = self._tonight.query
        pairs = query(
            "select left_record, right_record, score as probability from scored"
            " semi join groups on left_record = record_key order by all",
            scored=self.pairs,
            groups=groups,
        )
        stated = query(
            "from stated semi join groups using (record_key) order by record_key", stated=self.stated, groups=groups
        )
        home = Home(stated, groups.rename_columns(["record_key", "customer_id"]))
        return self._likely(supported(pairs, home, self._model))

    def parts(self) -> dict[str, pa.Table]:
        """The rows of the kept table that speak of pairs and model."""
        if self._model is None:
            return {}
        text = self._tonight.model or self._model.to_json()
        stored = pa.table({"value": [text], "value_hash": [version_of(text)]})
        return {"pair": self.pairs.append_column("record_key", self.pairs["left_record"]), "model": stored}

    def _likely(self, pairs: pa.Table) -> Likely:
        assert self._model is not None
        self.pairs = pairs.rename_columns(list(_PAIR_COLUMNS)).cast(
            pa.schema([COLUMNS.field(name) for name in _PAIR_COLUMNS])
        )
        return Likely(pairs, self._model.sure, self._model.doubtful)
