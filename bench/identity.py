"""How fast the stitching engine is: connected components beside SciPy and Splink, and nights of a whole company.

    python -m bench.identity [RECORDS]

prints one JSON object. `cluster`: `python -m identity cluster` over 3.5 edges a record, in Parquet, start of Python
and all, beside reading the same edges, SciPy's `connected_components` and writing, and beside Splink's clustering.
`stitch`: the company's records from scratch, then a night on which one in a hundred is new or says something else,
merged by the warehouse's own macro; `exact` without probable pairs, `probable` with a model, of fewer records.
`growth`: four times the records over a quarter of them. Every measurement is a process of its own.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

from bench.measuring import clock, peak_mb, rounds, said_by, since

if TYPE_CHECKING:
    import pyarrow as pa

# Numeric and Arrow packages are imported where they are used: a process counts the memory of the one that started it.

EDGES_PER_RECORD = 3.5
MOST_LIKELY_RECORDS = 100_000  # of which probable pairs are measured
MOST_COMPARED = 20_000  # records at which the two ways are compared row by row
PROJECT = Path(__file__).parents[1]


def make_edges(file: Path, count: int) -> None:
    """Edges `src`, `dst` in no order, nine nodes to seven edges: small components, some chains, some stars."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.parquet as pq

    random = np.random.default_rng(1)
    nodes = count * 9 // 7
    sizes = np.minimum(2 + random.geometric(0.42, size=nodes // 3), 40)
    sizes[: len(sizes) // 20_000 + 1] = 400
    sizes = random.permutation(sizes[: int(np.searchsorted(np.cumsum(sizes), nodes)) + 1])
    begin = np.repeat(np.cumsum(sizes) - sizes, sizes)
    place = np.arange(len(begin)) - begin
    # One component in ten is a chain, two are stars, the others grow at random.
    shape = np.repeat(random.integers(0, 10, size=len(sizes)), sizes)
    towards = np.where(shape == 0, place - 1, np.where(shape < 3, 0, random.integers(0, np.maximum(place, 1))))
    child = np.flatnonzero(place > 0)
    more = random.choice(child, size=max(count - len(child), 0))
    ends = np.concatenate([child, more]), np.concatenate([(begin + towards)[child], begin[more]])
    order = random.permutation(len(ends[0]))[:count]
    name = random.permutation(len(begin)).astype(np.int64)
    pq.write_table(pa.table({"src": name[ends[0][order]], "dst": name[ends[1][order]]}), file)


def cluster_with_scipy(file: Path, out: Path) -> None:
    """The least that clustering takes where nodes are numbered from 0 already."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.parquet as pq
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    edges = pq.read_table(file)
    src, dst = edges["src"].to_numpy(), edges["dst"].to_numpy()
    n = int(max(src.max(), dst.max())) + 1
    _, labels = connected_components(coo_array((np.ones(len(src)), (src, dst)), shape=(n, n)), directed=False)
    pq.write_table(pa.table({"id": np.arange(n), "cluster_id": labels}), out)


def cluster_with_splink(file: Path, out: Path) -> None:
    """Splink's clustering of the same edges, every one of them a match."""
    import duckdb
    from splink import DuckDBAPI
    from splink.clustering import cluster_pairwise_predictions_at_threshold

    database = duckdb.connect(str(out.with_suffix(".duckdb")), config={"threads": 2})
    database.execute(f"create table edges as select *, 1.0 as match_probability from '{file}'")
    database.execute("create table nodes as select src as id from edges union select dst from edges")
    clusters = cluster_pairwise_predictions_at_threshold(
        database.table("nodes"),
        database.table("edges"),
        DuckDBAPI(connection=database),
        node_id_column_name="id",
        edge_id_column_name_left="src",
        edge_id_column_name_right="dst",
        threshold_match_probability=0.5,
    )
    database.execute(f"copy (select id, cluster_id from {clusters.physical_name}) to '{out}'")


def check_clusters(*files: Path) -> None:
    """Stop unless all files make the same clusters of the same ids."""
    import duckdb

    for other in files[1:]:
        mine, theirs, both = duckdb.sql(
            "select count(distinct ours.cluster_id), count(distinct theirs.cluster_id),"
            f" count(distinct (ours.cluster_id, theirs.cluster_id)) from '{files[0]}' as ours"
            f" full join '{other}' as theirs using (id)"
        ).fetchall()[0]
        if not mine == theirs == both:
            raise SystemExit(f"{other} has {theirs} clusters and {files[0]} has {mine}, {both} in common")


def measure_cluster(edges: int, folder: Path) -> dict[str, Any]:
    """Seconds and memory of the three, and our time over theirs."""
    file = folder / "edges.parquet"
    _run("make_edges", file, edges)
    commands: dict[str, Callable[[Path], list[str]]] = {
        "omnihouse": lambda out: [sys.executable, "-m", "identity", "cluster", str(file), "--out", str(out)],
        "scipy": lambda out: _command("cluster_with_scipy", file, out),
        "splink": lambda out: _command("cluster_with_splink", file, out),
    }
    runs: dict[str, list[dict[str, float]]] = {side: [] for side in commands}
    for number in range(rounds()):
        for side, command in commands.items():
            if side != "splink" or number == 0:
                runs[side].append(_timed(command(folder / f"{side}.parquet")))
    _run("check_clusters", *(folder / f"{side}.parquet" for side in commands))
    pairs = list(zip(runs["omnihouse"], runs["scipy"], strict=True))
    middle = {side: sorted(found, key=lambda run: run["seconds"])[len(found) // 2] for side, found in runs.items()}
    return {
        "edges": edges,
        "ratio_to_scipy": round(median(ours["seconds"] / theirs["seconds"] for ours, theirs in pairs), 2),
        "cpu_ratio_to_scipy": round(median(ours["cpu_seconds"] / theirs["cpu_seconds"] for ours, theirs in pairs), 2),
        "times_faster_than_splink": round(runs["splink"][0]["seconds"] / middle["omnihouse"]["seconds"], 2),
        "cpu_times_less_than_splink": round(
            runs["splink"][0]["cpu_seconds"] / max(middle["omnihouse"]["cpu_seconds"], 0.01), 2
        ),
        **middle,
    }


def company(database: Path, records: int) -> None:
    """The company's two nights, in a database."""
    from bench.company import make_company

    print(json.dumps(make_company(database, records)))


def night(database: Path, number: int, models: str) -> None:
    """Resolve a night as the warehouse does, and print what it took; `models`: none, learn or stored."""
    import duckdb
    from jinja2 import Environment

    import identity

    for module in ("pandas", "scipy.sparse.csgraph", "identity.nights", "identity.likely"):
        import_module(module)  # not part of what is measured
    session = duckdb.connect(str(database), config={"threads": 2, "memory_limit": "2GB"})
    before = clock()
    tonight = _tonight(session, number, models)
    if number == 1:
        rows = _added(tonight.query, identity.whole(tonight))
        session.execute("create or replace table kept as from fresh")
        session.execute(
            "create or replace table published as select record_key, 1 as night from kept where part = 'member'"
        )
    else:
        rows = _added(tonight.query, identity.delta(tonight))
        strategies: Any = Environment().from_string((PROJECT / "dbt/macros/incremental_strategies.sql").read_text())
        columns = [{"quoted": name} for name in session.table("kept").columns]
        relations = {"target_relation": "kept", "temp_relation": "fresh", "dest_columns": columns}
        session.execute(strategies.module.get_incremental_replace_gone_sql(relations))
    found = {**since(before), "rows": rows, "peak_mb": peak_mb()}
    counts = dict(session.execute("select part, count(*) from kept group by part").fetchall())
    print(json.dumps({**found, "customers": _customers(session), "probable_pairs": counts.get("pair", 0)}))


def compare(database: Path, models: str) -> None:
    """Stop unless what the nights kept is, row by row, what one makes of everything at once."""
    import duckdb

    import identity

    session = duckdb.connect(str(database), config={"threads": 2})
    tonight = _tonight(session, 2, models)
    rows = _added(tonight.query, identity.whole(tonight))
    session.execute("create temp view anew as from fresh")
    for one, other in (("kept", "anew"), ("anew", "kept")):
        extra = session.sql(f"from {one} except all from {other}").fetchall()
        if extra:
            raise SystemExit(f"{len(extra)} rows are in {one} and not in {other}; the first: {extra[0]}")
    print(rows)


def _added(query: Any, parts: Iterator[pa.Table]) -> int:
    """Put all that a night gives out into the table `fresh`; how many rows that are."""
    rows = 0
    for part in parts:
        query.add("fresh", part)
        rows += part.num_rows
    return rows


def _tonight(session: Any, number: int, models: str) -> Any:

    import identity

    for table in ("records", "assertions"):
        session.execute(f"create or replace temp view {table} as from {table}_{number}")
    if number == 1:
        session.execute("create or replace temp view decisions as select '' as record_key, 1 as night where false")
    else:
        session.execute("create or replace temp view decisions as from published")
        session.execute("create or replace temp view last as from kept")

    query = identity.asking(session)
    rules, blocked, overrides = (
        identity.read_rule_file(PROJECT / "seeds" / f"identity_{name}.csv")
        for name in ("rules", "blocked_values", "overrides")
    )
    model = None
    if models == "stored":
        model = query("select value from kept where part = 'model'")["value"][0].as_py()
    return identity.Tonight(query, rules, blocked, overrides, number, b"bench", model, models == "learn")


def _customers(session: Any) -> int:
    (count,) = session.execute("select count(distinct customer_id) from kept where part = 'member'").fetchone()
    return int(count)


def measure_stitch(records: int, folder: Path) -> dict[str, Any]:
    """Both kinds of nights, each at a quarter of its size too."""
    found: dict[str, Any] = {}
    for kind, size in {"exact": records, "probable": min(records, MOST_LIKELY_RECORDS)}.items():
        quarter, full = (_two_nights(max(count, 400), folder, kind) for count in (size // 4, size))
        growth = {
            name: {key: round(full[name][key] / quarter[name][key], 2) for key in ("seconds", "cpu_seconds", "peak_mb")}
            for name in ("from_scratch", "following_night")
        }
        found[kind] = {**full, "growth": growth, "quarter": quarter}
        if size > MOST_COMPARED:
            _two_nights(MOST_COMPARED, folder, kind)
    return found


def _two_nights(records: int, folder: Path, kind: str) -> dict[str, Any]:
    """Each night's figures, and the second's time over the first's, both with the same model where there is one.

    A small company's second night is also held against everything at once.
    """
    file = folder / f"{kind}-{records}.duckdb"
    sizes = json.loads(_run("company", file, records))
    models = "none" if kind == "exact" else "stored"
    learning = {} if kind == "exact" else {"learning": json.loads(_run("night", file, 1, "learn"))}
    first, second = (json.loads(_run("night", file, number, models)) for number in (1, 2))
    if records <= MOST_COMPARED:
        _run("compare", file, models)
    file.unlink()
    return {
        "records": sizes["records_1"],
        "identifiers": sizes["assertions_1"],
        **learning,
        "from_scratch": first,
        "following_night": second,
        "ratio": round(second["seconds"] / first["seconds"], 3),
        "cpu_ratio": round(second["cpu_seconds"] / first["cpu_seconds"], 3),
    }


def _command(step: str, *arguments: object) -> list[str]:
    return [sys.executable, "-m", "bench.identity", step, *map(str, arguments)]


def _run(step: str, *arguments: object) -> str:
    """What a step prints, in a process of its own."""
    return said_by("bench.identity", step, *arguments)


def _timed(command: list[str]) -> dict[str, float]:
    """A whole process, from its start to its end."""
    begun = time.perf_counter()
    _, status, used = os.wait4(subprocess.Popen(command, stdout=subprocess.DEVNULL).pid, 0)
    if status:
        raise SystemExit(f"{' '.join(command)} ended with {os.waitstatus_to_exitcode(status)}")
    return {
        "seconds": round(time.perf_counter() - begun, 2),
        "cpu_seconds": round(used.ru_utime + used.ru_stime, 2),
        "peak_mb": used.ru_maxrss // 1024,
    }


def main(arguments: list[str]) -> None:
    """Print the figures as one JSON line, or be one of the measured processes."""
    match arguments:
        case ["make_edges", file, count]:
            make_edges(Path(file), int(count))
        case ["cluster_with_scipy", file, out]:
            cluster_with_scipy(Path(file), Path(out))
        case ["cluster_with_splink", file, out]:
            cluster_with_splink(Path(file), Path(out))
        case ["check_clusters", *files]:
            check_clusters(*map(Path, files))
        case ["company", file, records]:
            company(Path(file), int(records))
        case ["night", file, number, models]:
            night(Path(file), int(number), models)
        case ["compare", file, models]:
            compare(Path(file), models)
        case _:
            size = int(arguments[0]) if arguments else 2_000_000
            with tempfile.TemporaryDirectory(prefix="omnihouse-bench-") as name:
                clustered = measure_cluster(int(size * EDGES_PER_RECORD), Path(name))
                stitched = measure_stitch(size, Path(name))
            print(json.dumps({"records": size, "cluster": clustered, "stitch": stitched}))


if __name__ == "__main__":
    main(sys.argv[1:])
