"""The command line of the stitching engine: link, evaluate, cluster, explain.

Here: arguments, files, exit codes (2 for wrong usage or wrong files, told in one paragraph; 1 where explain finds two
customers). Not here: any work.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; the exit code."""
    parser = argparse.ArgumentParser(prog="python -m identity", description="Stitch records into people.")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    link = commands.add_parser("link", help="cluster the records of one file")
    link.add_argument("records", metavar="RECORDS.csv|.parquet")
    link.add_argument("--config", required=True, metavar="CONFIG.toml")
    link.add_argument("--out", required=True, metavar="CLUSTERS.csv")
    link.add_argument("--graph", metavar="GRAPH.parquet", help="also write the graph that explain reads")
    link.add_argument("--model", metavar="MODEL.json", help="also write what was learned about the fuzzy columns")
    link.add_argument("--seed", type=int, default=0, help="of the pairs drawn at random in learning (default 0)")
    evaluate = commands.add_parser("evaluate", help="measure clusters against the truth")
    evaluate.add_argument("clusters", metavar="CLUSTERS.csv")
    evaluate.add_argument("--truth", required=True, metavar="TRUTH.csv")
    cluster = commands.add_parser("cluster", help="connected components of edges")
    cluster.add_argument("edges", metavar="EDGES.parquet")
    cluster.add_argument("--out", required=True, metavar="CLUSTERS.parquet")
    explain = commands.add_parser(
        "explain",
        help="the chain of identifiers between two records",
        description="Why two records are one customer (exit code 0), or what stands between two customers (1).",
    )
    named = "a record's key, its source/type/id as published, or a customer id"
    explain.add_argument("left", metavar="LEFT", help=named)
    explain.add_argument("right", metavar="RIGHT", help=named)
    explain.add_argument("--graph", required=True, metavar="GRAPH.parquet")
    options = parser.parse_args(arguments)
    try:
        return _COMMANDS[options.command](options)
    except FileNotFoundError as error:
        return _wrong(f"{error.filename}: there is no such file. Give a path that exists.")
    except OSError as error:
        return _wrong(f"{error}. Check the path and its permissions.")
    except (ValueError, LookupError) as error:  # what the engine refuses, and what Arrow cannot read
        return _wrong(str(error.args[0] if error.args else error))


def _wrong(message: str) -> int:
    print(f"identity: {message}", file=sys.stderr)
    return 2


def _link(options: argparse.Namespace) -> int:
    from identity.link import column_names, link, read_config, read_table, write_table

    config = read_config(options.config)
    table = read_table(options.records, config.columns)
    ignored = [name for name in column_names(options.records) if name not in config.columns]
    if ignored:
        print(
            f"identity: columns in neither [identifiers] nor [fuzzy] are ignored: {', '.join(ignored)}", file=sys.stderr
        )
    linked = link(table, config, options.seed)
    for remark in linked.remarks:
        print(f"identity: {remark}", file=sys.stderr)
    write_table(linked.clusters, options.out)
    if options.graph:
        from identity.explain import graph_table

        write_table(graph_table(linked.resolution, named_by_anchor=True), options.graph)
    if options.model and linked.model is not None:
        Path(options.model).write_text(linked.model.to_json(), encoding="utf-8")
    return 0


def _evaluate(options: argparse.Namespace) -> int:
    from identity.evaluate import evaluate_clusters
    from identity.link import read_table

    clusters = read_table(options.clusters, ["record_id", "cluster_id"])
    truth = read_table(options.truth, ["record_id", "entity_id"])
    print(json.dumps(evaluate_clusters(clusters, truth), indent=2))
    return 0


def _cluster(options: argparse.Namespace) -> int:
    import pyarrow.parquet as pq

    from identity.cluster import cluster_table

    names = pq.read_schema(options.edges).names
    edges = pq.read_table(options.edges, columns=[name for name in ("src", "dst") if name in names])
    # Ids ascend, and most clusters begin near their ids: as differences they take a third of the room and the time.
    encoding = {"use_dictionary": False, "column_encoding": "DELTA_BINARY_PACKED"}
    pq.write_table(cluster_table(edges), options.out, **encoding)
    return 0


def _explain(options: argparse.Namespace) -> int:
    import pyarrow.parquet as pq

    from identity.explain import EXPLAINING_KINDS, GRAPH_SCHEMA, explain_records

    missing = [name for name in GRAPH_SCHEMA.names if name not in pq.read_schema(options.graph).names]
    if missing:
        return _wrong(
            f"{options.graph} is no graph: it lacks {', '.join(missing)}. Give the file that a run or link wrote."
        )
    graph = pq.read_table(options.graph, filters=[("kind", "in", EXPLAINING_KINDS)])
    chain = explain_records(graph, options.left, options.right)
    print(chain)
    return 0 if chain.is_one_customer else 1


_COMMANDS = {"link": _link, "evaluate": _evaluate, "cluster": _cluster, "explain": _explain}

if __name__ == "__main__":
    sys.exit(main())
