"""The stitching engine: normalise, link, cluster, evaluate. Pure functions on Arrow tables.

Here: the public names. Everything else in this package is private to it. It knows no warehouse and no orchestrator, and
imports numpy, SciPy, Arrow and Splink only when one of these names is used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from identity.anchors import published_ids
    from identity.cluster import cluster_table
    from identity.evaluate import evaluate_clusters
    from identity.explain import explain_records, graph_table
    from identity.model import Model, fit_model, score_pairs
    from identity.normalise import normalise_values
    from identity.published import with_record_keys
    from identity.resolution import Resolution, resolve
    from identity.rules import RuleError, check_rules, read_rule_file
    from identity.support import supported_pairs

__all__ = [
    "NORMALISER_VERSION",
    "Model",
    "Resolution",
    "RuleError",
    "check_rules",
    "cluster_table",
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
    "with_record_keys",
]

# Raised by hand with every change of what a normaliser makes of a value or which names agree: such a change may move
# ids, which a night does only when a person accepts it.
NORMALISER_VERSION = "1"

_MODULE_OF = {
    "Model": "model",
    "Resolution": "resolution",
    "RuleError": "rules",
    "check_rules": "rules",
    "cluster_table": "cluster",
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
    "with_record_keys": "published",
}


def __getattr__(name: str) -> Any:
    if name not in _MODULE_OF:
        raise AttributeError(f"module 'identity' has no attribute {name!r}")
    return getattr(import_module(f"identity.{_MODULE_OF[name]}"), name)
