"""Stitching from records to people, beside Splink on the same records: seconds, and how well each finds the persons.

    python -m bench.stitching RECORDS

prints one JSON object. The records are `company`'s, without anonymous devices, for which Splink has no use; whose each
is, is known. Omnihouse learns its model and resolves everything; Splink estimates, predicts and clusters, at the one of
its thresholds that serves it best. Every measurement is a process of its own. Nights and growth: `identity`.
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path
from statistics import median
from typing import Any

from bench.measuring import clock, peak_mb, rounds, said_by, since

MOST_RECORDS = 100_000
_THRESHOLDS = (0.5, 0.9, 0.99)
# Telephones and addresses as anyone would tidy them before linking.
_FLAT = """
    create or replace table flat as
    with told as (
        select
            record_key,
            max(lower(value)) filter (where type = 'email') as email,
            max(right(regexp_replace(value, '\\D', '', 'g'), 9)) filter (where type = 'phone') as phone,
            max(value) filter (where type = 'login') as login,
            max(value) filter (where type = 'member_no') as member_no
        from people_assertions group by record_key
    )
    select
        record_key as unique_id, coalesce(given_name, split_part(full_name, ' ', 1)) as given_name,
        coalesce(family_name, nullif(split_part(full_name, ' ', 2), '')) as family_name,
        birth_date::varchar as birth_date, street, city, postcode, email, phone, coalesce(login, member_no) as account
    from people_records left join told using (record_key)
"""
_F1 = """
    with found as (
        select record_key, customer_id, person from clusters inner join truth using (record_key)
    ),
    pairs as (
        select
            (
                select sum(n * (n - 1) / 2) from (select count(*) as n from found group by customer_id, person)
            ) as shared_pairs,
            (select sum(n * (n - 1) / 2) from (select count(*) as n from found group by customer_id)) as found_pairs,
            (select sum(n * (n - 1) / 2) from (select count(*) as n from found group by person)) as true_pairs
    )
    select
        shared_pairs / found_pairs, shared_pairs / true_pairs, 2 * shared_pairs / (found_pairs + true_pairs)
    from pairs
"""


def company(file: Path, records: int) -> None:
    """Records and assertions of people, and the truth."""
    import duckdb

    from bench.company import make_company, make_persons

    make_company(file, records)
    with duckdb.connect(str(file)) as database:
        make_persons(database, 1)
        database.execute(f"""
            create table people_records as from records_1 where record_type <> 'device';
            create table people_assertions as
            select assertions_1.* from assertions_1 semi join people_records using (record_key);
            create table truth as
            select record_key, draw(source_record_id::bigint - 1000000, 11, {max(records * 2 // 5, 10)}) as person
            from people_records;
        """)
        database.execute(_FLAT)


def with_omnihouse(file: Path) -> dict[str, Any]:
    """All records from nothing, with a model of its own."""
    import duckdb
    import pandas  # noqa: F401  (not part of what is measured)
    import scipy.sparse.csgraph  # noqa: F401

    import identity
    from bench.identity import PROJECT

    session = duckdb.connect(str(file), config={"threads": 2})
    session.execute("create temp view records as from people_records")
    session.execute("create temp view assertions as from people_assertions")
    session.execute("create temp view decisions as select '' as record_key, 1 as night where false")
    rules = [
        identity.read_rule_file(PROJECT / "seeds" / f"identity_{name}.csv")
        for name in ("rules", "blocked_values", "overrides")
    ]
    before = clock()
    query = identity.asking(session)
    for rows in identity.whole(identity.Tonight(query, *rules, 1, b"bench", None, True)):
        query.add("kept", rows)
    found = since(before)
    session.execute("create temp table clusters as select record_key, customer_id from kept where part = 'member'")
    return {**found, "rows": session.execute("select count(*) from kept").fetchall()[0][0], **_quality(session)}


def with_splink(file: Path) -> dict[str, Any]:
    """Estimate, predict and cluster, in the way of Splink's own tutorials."""
    import duckdb
    import pandas  # noqa: F401  (not part of what is measured)
    import splink.comparison_library as cl
    from splink import DuckDBAPI, Linker, SettingsCreator, block_on

    session = duckdb.connect(str(file), config={"threads": 2})
    before = clock()
    blocking = [block_on(name) for name in ("email", "phone", "account")]
    blocking += [block_on("family_name", "birth_date"), block_on("family_name", "given_name", "postcode")]
    settings = SettingsCreator(
        link_type="dedupe_only",
        comparisons=[
            cl.JaroWinklerAtThresholds("given_name", [0.9]),
            cl.JaroWinklerAtThresholds("family_name", [0.9]),
            *(cl.ExactMatch(name) for name in ("birth_date", "street", "postcode", "email", "phone", "account")),
        ],
        blocking_rules_to_generate_predictions=blocking,
        retain_intermediate_calculation_columns=False,
    )
    api = DuckDBAPI(connection=session)
    linker = Linker(api.register("flat"), settings, log_level=40)
    linker.training.estimate_probability_two_random_records_match(blocking[:2], recall=0.7)
    linker.training.estimate_u_using_random_sampling(max_pairs=1e6, seed=1)
    for rule in (block_on("email"), block_on("family_name", "given_name", "postcode")):
        linker.training.estimate_parameters_using_expectation_maximisation(rule)
    pairs = linker.inference.predict(threshold_match_probability=min(_THRESHOLDS))
    trained = since(before)
    best: dict[str, Any] = {"f1": -1.0}
    for threshold in _THRESHOLDS:
        begun = clock()
        clusters = linker.clustering.cluster_pairwise_predictions_at_threshold(pairs, threshold)
        took = since(begun)
        session.execute(
            "create or replace temp table clusters as select unique_id as record_key, cluster_id as customer_id"
            f" from {clusters.physical_name}"
        )
        found = {"threshold": threshold, **_quality(session)}
        if found["f1"] > best["f1"]:
            best = {**found, **{name: round(trained[name] + took[name], 2) for name in took}}
    return best


def _quality(session: Any) -> dict[str, float]:
    precision, recall, f1 = session.execute(_F1).fetchall()[0]
    return {"precision": round(precision, 4), "recall": round(recall, 4), "f1": round(f1, 4)}


def measure(records: int, folder: Path) -> dict[str, Any]:
    """Both sides in turns."""
    file = folder / "stitching.duckdb"
    said_by("bench.stitching", "company", file, records)
    runs: dict[str, list[dict[str, Any]]] = {"with_omnihouse": [], "with_splink": []}
    for _ in range(rounds()):
        for side, found in runs.items():
            found.append(json.loads(said_by("bench.stitching", side, file).splitlines()[-1]))
    pairs = list(zip(runs["with_omnihouse"], runs["with_splink"], strict=True))
    ours, theirs = (sorted(found, key=lambda run: run["seconds"])[len(found) // 2] for found in runs.values())
    return {
        "records": records,
        "ratio": round(median(one["seconds"] / max(other["seconds"], 0.01) for one, other in pairs), 2),
        "cpu_ratio": round(median(one["cpu_seconds"] / max(other["cpu_seconds"], 0.01) for one, other in pairs), 2),
        "ratios": sorted(round(one["seconds"] / max(other["seconds"], 0.01), 2) for one, other in pairs),
        "f1_over_splink": round(ours["f1"] / max(theirs["f1"], 0.0001), 4),
        "omnihouse": ours,
        "splink": theirs,
    }


def main(arguments: list[str]) -> None:
    """Print the figures as one JSON line, or be one of the measured processes."""
    match arguments:
        case ["company", file, records]:
            company(Path(file), int(records))
        case ["with_omnihouse" | "with_splink" as side, file]:
            found = with_omnihouse(Path(file)) if side == "with_omnihouse" else with_splink(Path(file))
            print(json.dumps({**found, "peak_mb": peak_mb()}))
        case _:
            size = min(max(int(arguments[0]), 1000) if arguments else MOST_RECORDS, MOST_RECORDS)
            with tempfile.TemporaryDirectory(prefix="omnihouse-bench-") as name:
                print(json.dumps(measure(size, Path(name))))


if __name__ == "__main__":
    main(sys.argv[1:])
