"""Precision and recall, by hand and against enumerated pairs."""

from __future__ import annotations

from itertools import combinations

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from identity import evaluate_clusters
from identity.evaluate import EvaluationError


def measured(clusters: dict[str, object], truth: dict[str, object]) -> dict:
    return evaluate_clusters(
        pa.table({"record_id": list(clusters), "cluster_id": list(clusters.values())}),
        pa.table({"record_id": list(truth), "entity_id": list(truth.values())}),
    )


def test_an_example_by_hand() -> None:
    # FEBRL's way of naming: rec-N-org and its duplicates are entity N.
    truth = {"rec-0-org": 0, "rec-0-dup-0": 0, "rec-0-dup-1": 0, "rec-1-org": 1, "rec-1-dup-0": 1, "rec-2-org": 2}
    clusters = dict(zip(truth, "aabbcd", strict=True))
    found = measured(clusters, truth)
    assert (found["records"], found["clusters"], found["entities"]) == (6, 4, 3)
    # Pairs: predicted 2, one of them right; true 3 + 1.
    assert found["pairwise"] == pytest.approx({"precision": 1 / 2, "recall": 1 / 4, "f1": 1 / 3})
    # B-cubed precision: 1, 1, 1/2, 1/2, 1, 1; recall: 2/3, 2/3, 1/3, 1/2, 1/2, 1.
    precision, recall = 5 / 6, (2 / 3 + 2 / 3 + 1 / 3 + 1 / 2 + 1 / 2 + 1) / 6
    f1 = 2 * precision * recall / (precision + recall)
    assert found["b_cubed"] == pytest.approx({"precision": precision, "recall": recall, "f1": f1})
    assert (found["over_merged"], found["over_split"]) == (2, 2)


def test_the_conventions_without_pairs() -> None:
    alone = measured({"a": 1, "b": 2}, {"a": 1, "b": 2})
    assert alone["pairwise"] == {"precision": 1.0, "recall": 1.0, "f1": 1.0}
    missed = measured({"a": 1, "b": 2}, {"a": 1, "b": 1})
    assert missed["pairwise"] == {"precision": 1.0, "recall": 0.0, "f1": 0.0}
    merged = measured({"a": 1, "b": 1}, {"a": 1, "b": 2})
    assert merged["pairwise"] == {"precision": 0.0, "recall": 1.0, "f1": 0.0}
    nothing = measured({}, {})
    assert nothing["b_cubed"] == {"precision": 1.0, "recall": 1.0, "f1": 1.0}


@settings(max_examples=80, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), min_size=1, max_size=25))
def test_counts_agree_with_enumerated_pairs(answers: list[tuple[int, int]]) -> None:
    found = measured(
        {f"r{i}": c for i, (c, _) in enumerate(answers)},
        {f"r{i}": e for i, (_, e) in enumerate(answers)},
    )
    pairs = list(combinations(answers, 2))
    predicted = sum(a[0] == b[0] for a, b in pairs)
    true = sum(a[1] == b[1] for a, b in pairs)
    both = sum(a == b for a, b in pairs)
    assert found["pairwise"]["precision"] == pytest.approx(both / predicted if predicted else 1)
    assert found["pairwise"]["recall"] == pytest.approx(both / true if true else 1)
    shares = [
        (answers.count(a), sum(b[0] == a[0] for b in answers), sum(b[1] == a[1] for b in answers)) for a in answers
    ]
    assert found["b_cubed"]["precision"] == pytest.approx(sum(n / c for n, c, _ in shares) / len(answers))
    assert found["b_cubed"]["recall"] == pytest.approx(sum(n / e for n, _, e in shares) / len(answers))
    merged = {a[1] for a in answers if any(b[0] == a[0] and b[1] != a[1] for b in answers)}
    split = {a[1] for a in answers if any(b[1] == a[1] and b[0] != a[0] for b in answers)}
    assert (found["over_merged"], found["over_split"]) == (len(merged), len(split))


def test_files_that_do_not_fit_are_refused() -> None:
    assert measured({"a": 1, "b": 2}, {"a": 1})["without_truth"] == 1
    with pytest.raises(EvaluationError, match="1 of the 2 records of the truth are in no cluster, the first 'b'"):
        measured({"a": 1}, {"a": 1, "b": 1})
    with pytest.raises(EvaluationError, match="1 records have more than one cluster_id, the first 'a'"):
        evaluate_clusters(
            pa.table({"record_id": ["a", "a"], "cluster_id": [1, 2]}), pa.table({"record_id": ["a"], "entity_id": [1]})
        )
    with pytest.raises(EvaluationError, match="lack the column entity_id"):
        evaluate_clusters(pa.table({"record_id": ["a"], "cluster_id": [1]}), pa.table({"record_id": ["a"]}))
