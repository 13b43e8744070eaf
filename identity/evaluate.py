"""How good a clustering is, against the truth.

Here: pairwise and B-cubed precision, recall and F1, over-merged and over-split entities, all from the counts of a
contingency table, never from pairs. Not here: making clusters.

Pairwise counts pairs of records (Christen, Data Matching, 2012, ch. 7); B-cubed averages over records, so singletons
count (Bagga and Baldwin, 1998). No predicted pairs: precision 1. No true pairs: recall 1. Over-merged: entities that
share a cluster with another entity. Over-split: entities in more than one cluster.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc


class EvaluationError(ValueError):
    """The clusters and the truth do not fit each other."""


def evaluate_clusters(clusters: pa.Table, truth: pa.Table) -> dict[str, Any]:
    """Measure `record_id, cluster_id` against `record_id, entity_id`.

    Records without a truth are left out and counted as `without_truth`. Raises `EvaluationError` when a record of the
    truth is in no cluster, or a record is given twice with different answers.
    """
    records, cluster = _unique(clusters, "cluster_id", "the clusters")
    true_records, entity = _unique(truth, "entity_id", "the truth")
    at = pc.index_in(true_records, value_set=records)
    if at.null_count:
        missing = true_records.filter(pc.is_null(at))
        raise EvaluationError(
            f"{len(missing)} of the {len(true_records)} records of the truth are in no cluster, the first "
            f"{missing[0].as_py()!r}. Both files have to speak of the same records; look at their record_id columns."
        )
    return {
        "records": len(true_records),
        "without_truth": len(records) - len(true_records),
        **measure(_codes(cluster.take(at)), _codes(entity)),
    }


def measure(cluster: np.ndarray, entity: np.ndarray) -> dict[str, Any]:
    """The measures for one cluster code and one entity code per record."""
    n = len(cluster)
    per_cluster, per_entity = np.bincount(cluster), np.bincount(entity)
    width = max(len(per_entity), 1)
    cells, both = np.unique(cluster.astype(np.int64) * width + entity, return_counts=True)
    of_cluster, of_entity = cells // width, cells % width
    predicted, true, agreed = _pairs(per_cluster), _pairs(per_entity), _pairs(both)
    # Squares are summed per cell, divided by its size: at most n terms of at most n, exact enough in float64.
    share = both.astype(np.float64) ** 2
    b_precision = float((share / per_cluster[of_cluster]).sum() / n) if n else 1.0
    b_recall = float((share / per_entity[of_entity]).sum() / n) if n else 1.0
    entities_in_cluster = np.bincount(of_cluster, minlength=len(per_cluster))
    clusters_of_entity = np.bincount(of_entity, minlength=len(per_entity))
    merged = np.unique(of_entity[entities_in_cluster[of_cluster] > 1])
    return {
        "clusters": int(np.count_nonzero(per_cluster)),
        "entities": int(np.count_nonzero(per_entity)),
        "pairwise": _scores(agreed / predicted if predicted else 1.0, agreed / true if true else 1.0),
        "b_cubed": _scores(b_precision, b_recall),
        "over_merged": len(merged),
        "over_split": int(np.count_nonzero(clusters_of_entity > 1)),
    }


def _pairs(counts: np.ndarray) -> int:
    wide = counts.astype(object) if counts.max(initial=0) > 2**31 else counts.astype(np.int64)
    return int((wide * (wide - 1) // 2).sum())


def _scores(precision: float, recall: float) -> dict[str, float]:
    total = precision + recall
    return {"precision": precision, "recall": recall, "f1": 2 * precision * recall / total if total else 0.0}


def _unique(table: pa.Table, answer: str, name: str) -> tuple[pa.Array, pa.Array]:
    for column in ("record_id", answer):
        if column not in table.column_names:
            raise EvaluationError(
                f"{name} lack the column {column}; found {', '.join(table.column_names) or 'no columns'}."
            )
        if table[column].null_count:
            raise EvaluationError(f"{name}: {table[column].null_count} rows have no {column}. Fill it in.")
    text = pa.table({c: table[c].cast(pa.string()) for c in ("record_id", answer)})
    distinct = text.group_by(["record_id", answer]).aggregate([]).combine_chunks()
    records = distinct["record_id"].combine_chunks()
    counts = pc.value_counts(records)
    twice = counts.field("values").filter(pc.greater(counts.field("counts"), 1))
    if len(twice):
        raise EvaluationError(
            f"{name}: {len(twice)} records have more than one {answer}, the first {twice[0].as_py()!r}. "
            "Keep one row a record."
        )
    return records, distinct[answer].combine_chunks()


def _codes(column: pa.Array) -> np.ndarray:
    return column.dictionary_encode().indices.to_numpy()
