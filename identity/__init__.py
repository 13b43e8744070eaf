"""The stitching engine: normalise, link, cluster, evaluate. Pure functions on Arrow tables.

Here: the public names. Everything else in this package is private to it. It knows no warehouse and no orchestrator, and
imports numpy, SciPy, Arrow and Splink only when one of these names is used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from identity.anchors import published_ids
    from identity.attributes import comparable_values
    from identity.cluster import cluster_table
    from identity.evaluate import evaluate_clusters
    from identity.explain import explain_records, graph_table
    from identity.kept import Tonight, asking
    from identity.model import Model, fit_model, score_pairs
    from identity.nights import delta, whole
    from identity.normalise import NORMALISER_VERSION, normalise_values
    from identity.published import with_record_keys
    from identity.resolution import Resolution, resolve
    from identity.rules import RuleError, check_rules, read_rule_file
    from identity.support import supported_pairs

__all__ = [
    "NORMALISER_VERSION",
    "Model",
    "Resolution",
    "RuleError",
    "Tonight",
    "asking",
    "check_rules",
    "cluster_table",
    "comparable_values",
    "delta",
    "evaluate_clusters",
    "explain_records",
    "fit_model",
    "graph_table",
    "normalise_values",
    "published_ids",
    "read_rule_file",
    "resolve",
    "score_pairs",
    "supported_pairs",
    "whole",
    "with_record_keys",
]

_MODULE_OF = {
    "NORMALISER_VERSION": "normalise",
    "Model": "model",
    "Resolution": "resolution",
    "RuleError": "rules",
    "Tonight": "kept",
    "asking": "kept",
    "check_rules": "rules",
    "cluster_table": "cluster",
    "comparable_values": "attributes",
    "delta": "nights",
    "evaluate_clusters": "evaluate",
    "explain_records": "explain",
    "fit_model": "model",
    "graph_table": "explain",
    "normalise_values": "normalise",
    "published_ids": "anchors",
    "read_rule_file": "rules",
    "resolve": "resolution",
    "score_pairs": "model",
    "supported_pairs": "support",
    "whole": "nights",
    "with_record_keys": "published",
}


def __getattr__(name: str) -> Any:
    if name not in _MODULE_OF:
        raise AttributeError(f"module 'identity' has no attribute {name!r}")
    return getattr(import_module(f"identity.{_MODULE_OF[name]}"), name)
