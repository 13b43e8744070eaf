"""The probable pairs of a night: all of them, or anew where they may be others than last night.

Here: the pairs, the model and what is compared of the records, between the kept table and the pairs' own modules. Not
here: how pairs are found, scored and supported (`likely`), what follows from them for groups (`resolution`).

Pairs are scored where one of their records is resolved again, or where a block of records was or is no longer too large
to be looked at. A member's row keeps for that what is compared of its record, `stated`.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

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
        self._features: pa.Table | None = None
        self.groups: pa.Table | None = None  # `record_key`, `exact_group`
        self.stated = pa.table({name: pa.nulls(0, pa.string()) for name in ("record_key", "stated")})
        self.pairs = pa.table({name: pa.nulls(0, COLUMNS.field(name).type) for name in _PAIR_COLUMNS})

    def of_all(self, groups: pa.Table) -> Likely | None:
        """All pairs, from the groups of all records; the model is learned where there is none and may be one."""
        from identity.likely import LikelyModel, fit_likely, likely_features, likely_pairs
        from identity.profiles import features_as_text

        query, given = self._tonight.query, self._tonight.model
        self.groups = self._exact_groups(groups)
        if given is None and not self._tonight.may_learn:
            return None
        features = likely_features(query("from records"), query("from assertions"))
        named = self.groups.rename_columns(["record_key", "customer_id"])
        self._model = LikelyModel.from_json(given) if given is not None else fit_likely(features, named)
        if self._model is None:
            return None
        self.stated = features_as_text(features)
        return self._likely(likely_pairs(features, self._model, named))

    def of_some(self, groups: pa.Table, changed: pa.Table, reached: pa.Table) -> None:
        """The pairs of all records, scored where they may be others than last night; `is_supported` is not known yet.

        `groups`: of the records that are reached. Of the others groups, features and pairs are as they were.
        """
        from identity.likely import LikelyModel, likely_features, score_likely, shifted
        from identity.profiles import features_as_text, features_of_text

        query = self._tonight.query
        self.groups = self._exact_groups(
            query(
                'select record_key, "group"::varchar as "group" from groups union all'
                " select record_key, '/' || exact_group from last anti join groups using (record_key)"
                " semi join records using (record_key) where part = 'member'",
                groups=groups,
            )
        )
        self._model = LikelyModel.from_json(self._tonight.model or "")
        stated = query("select record_key, stated from last where part = 'member' and stated is not null")
        new = likely_features(rows_of(query, "records", changed), rows_of(query, "assertions", changed))
        self.stated = query(
            "from stated semi join records using (record_key) anti join changed using (record_key) union all from new",
            stated=stated,
            changed=changed,
            new=features_as_text(new),
        )
        self._features = features_of_text(self.stated)
        news = shifted(features_of_text(stated), self._features, self._model)
        looked_at = query("from reached union from news", reached=reached, news=pa.table({"record_key": news}))
        named = self.groups.rename_columns(["record_key", "customer_id"])
        fresh = score_likely(self._features, self._model, named, looked_at["record_key"].combine_chunks())
        self.pairs = query(
            "select left_record, right_record, probability as score, null::boolean as links from fresh union all"
            " select left_record, right_record, score, null from last"
            " anti join looked_at on left_record = looked_at.record_key where part = 'pair'"
            " and right_record not in (select looked_at.record_key from looked_at)",
            fresh=fresh,
            looked_at=looked_at,
        )

    def of_these(self, groups: pa.Table) -> Likely | None:
        """The pairs among the records of these groups."""
        if self._model is None or self._features is None:
            self.groups = self._exact_groups(groups)
            return None
        from identity.likely import supported

        query = self._tonight.query
        pairs = query(
            "select left_record, right_record, score as probability from scored"
            " semi join groups on left_record = record_key order by all",
            scored=self.pairs,
            groups=groups,
        )
        features = self._features.filter(pc.is_in(self._features["record_key"], value_set=groups["record_key"]))
        named = self._exact_groups(groups).rename_columns(["record_key", "customer_id"])
        return self._likely(supported(pairs, features, self._model, named))

    def parts(self) -> dict[str, pa.Table]:
        """The rows of the kept table that speak of pairs and model."""
        if self._model is None:
            return {}
        text = self._tonight.model or self._model.to_json()
        stored = pa.table({"value": [text], "value_hash": [version_of(text)]})
        return {"pair": self.pairs.append_column("record_key", self.pairs["left_record"]), "model": stored}

    def _exact_groups(self, groups: pa.Table) -> pa.Table:
        return self._tonight.query(
            'select record_key, min(record_key) over (partition by "group") as exact_group from groups', groups=groups
        )

    def _likely(self, pairs: pa.Table) -> Likely:
        assert self._model is not None
        self.pairs = pairs.rename_columns(list(_PAIR_COLUMNS)).cast(
            pa.schema([COLUMNS.field(name) for name in _PAIR_COLUMNS])
        )
        return Likely(pairs, self._model.sure, self._model.doubtful)
