"""A demo company as far as identity needs it, and how well its records are stitched.

Here: one night's pull and the models up to the input of the stitching engine, in a home of its own; the figures against
the truth, in all and by kind of noise. `python -m tests.integration.identity_company --persons 2000 --seeds 1 2 3 4 5`
prints the tables of docs/identity.md, `--noise 1.5` with every rate of noise half as large again. Not here: what the
figures have to be (`test_identity_quality`).
"""

from __future__ import annotations

import argparse
import dataclasses
import io
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

import identity
import ingestion
from dagster_project.config import House
from dagster_project.defs.ingest import _prepare_warehouse, _pull_all
from dagster_project.night import Night
from identity.cluster import components
from identity.evaluate import measure
from identity.likely import fit_likely, home_of, likely_features, likely_pairs
from ingestion.demo import Company
from ingestion.demo.nights import LANDING_FOLDERS
from ingestion.demo.noise import NoiseRates
from tests.integration import known_project
from tests.integration.empty_warehouse import dbt

INPUTS = ("int_identity__records", "int_identity__assertions", "identity_rules", "identity_blocked_values")
# Folders of exports that name nobody.
_NOBODY = {"google_ads", "meta_ads", "oceanengine", "tiktok_ads", "fx_rates"}
_NO_BIRTHS = pa.table({"record_key": pa.nulls(0, pa.string()), "birth_night": pa.nulls(0, pa.int64())})


@dataclasses.dataclass(frozen=True)
class Figures:
    """How well records were stitched: `measures` by stage, and one row per kind of noise.

    Stages: `plain` (union-find on exact values, after blocking and the hub guard), `exact`, `all`. Of each the pairwise
    precision and recall over all known records (`raw`) and over decidable ones. `by_noise`: kind, decidable records,
    precision and recall of the pairs with such a record at one end at least.
    """

    records: int
    undecidable: float
    measures: dict[str, dict[str, tuple[float, float]]]
    by_noise: list[tuple[str, int, float, float]]


def scaled(times: float) -> NoiseRates:
    """The default noise with every share so many times as large."""
    rates = {f.name: getattr(NoiseRates(), f.name) for f in dataclasses.fields(NoiseRates)}
    return NoiseRates(**{name: value if isinstance(value, int) else value * times for name, value in rates.items()})


def stitching_inputs(
    home: Path, persons: int, seed: int, noise: NoiseRates | None = None, known: Path | None = None
) -> dict[str, pa.Table]:
    """Records, assertions, rules and blocked values after the first night, and the `truth`.

    `known`: what other homes found out about the project, as `known_project` keeps it.
    """
    if known:
        known_project.give(home, known)
    house = House(home, demo="0")
    house.settle_folders()
    company = Company(house.demo_home, persons, seed, noise=noise, folders=sorted({*LANDING_FOLDERS} - _NOBODY))
    company.advance(1)
    night = Night(house, "quality", "next", 1, 1, company.as_of(1), is_demo=False)
    sources = ingestion.sources()
    with company.serve() as settings, redirect_stdout(io.StringIO()):
        _pull_all(night, sources, settings, company.landing)
    assert not night.problems, night.problems
    with redirect_stdout(io.StringIO()):
        _prepare_warehouse(night, sources)
    outcome = dbt(house, "build", "--exclude-resource-type", "test", "unit_test", "--select",
                  *(f"+{name}" for name in INPUTS))  # fmt: skip
    assert outcome.returncode == 0, outcome.stdout[-3000:]
    with duckdb.connect(str(house.warehouse), read_only=True) as reader:
        reader.execute("set TimeZone = 'UTC'")
        schema = dict(reader.execute("select table_name, schema_name from duckdb_tables()").fetchall())
        inputs = {name: reader.execute(f"from {schema[name]}.{name}").to_arrow_table() for name in INPUTS}
    return inputs | {"truth": pq.read_table(company.truth / "records.parquet")}


def figures(inputs: Mapping[str, pa.Table], seed: int = 0) -> Figures:
    """Stitch and measure."""
    records, assertions, rules, blocked = (inputs[name] for name in INPUTS)

    def resolved(**more: Any) -> identity.Resolution:
        return identity.resolve(records, assertions, rules, blocked, _NO_BIRTHS, 1, b"quality", **more)

    exact = resolved()
    features = likely_features(records, assertions)
    home = home_of(features, exact.members)
    model = fit_likely(home, seed)
    assert model is not None
    pairs = likely_pairs(home, model)
    found = resolved(pairs=pairs, sure=model.sure, doubtful=model.doubtful)
    known = _known(records, inputs["truth"])
    keys = known["record_key"].to_pylist()
    entity = _codes(known["person_id"].to_pylist())
    undecidable = np.array(known["undecidable"].to_pylist(), dtype=bool)
    kinds = [set(text.split(",")) if text else {"none"} for text in known["noise"].to_pylist()]
    groups = {
        "plain": _union_find(assertions, records, exact.values, keys),
        "exact": _groups(exact.members, keys),
        "all": _groups(found.members, keys),
    }
    return Figures(
        len(keys),
        float(undecidable.mean()),
        {
            stage: {
                "raw": _pairwise(group, entity),
                "decidable": _pairwise(group[~undecidable], entity[~undecidable]),
            }
            for stage, group in groups.items()
        },
        _by_noise(groups["all"], entity, undecidable, kinds),
    )


def _known(records: pa.Table, truth: pa.Table) -> pa.Table:
    """The records that are not anonymous, with their truth."""
    with duckdb.connect() as reader:
        reader.register("records", records)
        reader.register("truth", truth)
        found = reader.execute(
            "select record_key, person_id, undecidable, coalesce(noise, '') as noise from records"
            " left join truth using (source_system, record_type, source_record_id)"
            " where not is_anonymous order by record_key"
        ).to_arrow_table()
    assert found["person_id"].null_count == 0, "a record without a truth"
    return found


def _groups(members: pa.Table, keys: Sequence[str]) -> np.ndarray:
    of = dict(zip(members["record_key"].to_pylist(), members["customer_id"].to_pylist(), strict=True))
    return _codes([of[key] for key in keys])


def _union_find(assertions: pa.Table, records: pa.Table, values: pa.Table, keys: Sequence[str]) -> np.ndarray:
    """Everybody who shares a value, however contradictory; blocked values and hubs link nothing."""
    with duckdb.connect() as reader:
        reader.register("assertions", assertions)
        reader.register("records", records)
        # Each text is normalised as in the engine, by asking it for a resolution of one record a text.
        texts = reader.execute(
            "select distinct type, value, default_region, type || '/' || value || '/' || coalesce(default_region, '')"
            " as record_key from assertions join records using (record_key) where value is not null"
        ).to_arrow_table()
        normal = pa.concat_tables(_normalised(texts))
        reader.register("normal", normal)
        reader.register("found", values)
        rows = reader.execute(
            "select record_key, type || '/' || normal.normal as value from assertions join records using (record_key)"
            " join normal using (type, value) join found on found.type = normal.type and found.value = normal.normal"
            " where found.status in ('plain', 'shared') and not is_anonymous"
            " and coalesce(normal.default_region, '') = coalesce(records.default_region, '')"
        ).fetchall()
    place = {key: at for at, key in enumerate(keys)}
    value = _codes([row[1] for row in rows]) + len(keys)
    record = np.array([place[row[0]] for row in rows], dtype=np.int64)
    return components(int(value.max(initial=len(keys))) + 1, record, value)[: len(keys)].astype(np.int64)


def _normalised(texts: pa.Table) -> list[pa.Table]:
    parts = []
    for kind in set(texts["type"].to_pylist()):
        rows = texts.filter(pa.compute.equal(texts["type"], kind)).combine_chunks()
        arrays = [rows[name].combine_chunks() for name in ("value", "default_region")]
        value = identity.normalise_values(kind, *arrays).value.cast(pa.string())
        parts.append(rows.select(["type", "value", "default_region"]).append_column("normal", value))
    return parts


def _pairwise(group: np.ndarray, entity: np.ndarray) -> tuple[float, float]:
    found = measure(group, entity)["pairwise"]
    return found["precision"], found["recall"]


def _by_noise(
    group: np.ndarray, entity: np.ndarray, undecidable: np.ndarray, kinds: Sequence[set[str]]
) -> list[tuple[str, int, float, float]]:
    """Precision and recall of the pairs of decidable records that have a kind of noise at one end at least."""
    decidable = np.flatnonzero(~undecidable)
    rows = []
    for kind in sorted(set().union(*kinds)):
        has = np.array([kind in kinds[at] for at in decidable.tolist()], dtype=bool)
        if not has.any():
            continue
        both = [group[decidable] * (int(entity.max()) + 1) + entity[decidable], group[decidable], entity[decidable]]
        agreed, predicted, true = (_pairs(code) - _pairs(code[~has]) for code in both)
        rows.append((kind, int(has.sum()), agreed / predicted if predicted else 1.0, agreed / true if true else 1.0))
    return rows


def _pairs(code: np.ndarray) -> int:
    counts = np.unique(code, return_counts=True)[1].astype(np.int64)
    return int((counts * (counts - 1) // 2).sum())


def _codes(texts: Sequence[str]) -> np.ndarray:
    return np.unique(np.array(texts, dtype=object).astype(str), return_inverse=True)[1].astype(np.int64)


def main() -> None:
    """Print the figures of some companies as tables in Markdown."""
    parser = argparse.ArgumentParser(description="How well the demo company is stitched.")
    parser.add_argument("--persons", type=int, default=2000)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3, 4, 5])
    parser.add_argument("--noise", type=float, default=1.0, help="times the default rates")
    options = parser.parse_args()
    noise: dict[str, list[tuple[int, float, float]]] = {}
    print("| seed | records | undecidable | links | raw precision / recall | decidable precision / recall |")
    print("|---|---|---|---|---|---|")
    for seed in options.seeds:
        with tempfile.TemporaryDirectory() as folder:
            found = figures(stitching_inputs(Path(folder) / "home", options.persons, seed, scaled(options.noise)))
        for stage, measured in found.measures.items():
            raw, decidable = (" / ".join(f"{number:.4f}" for number in measured[k]) for k in ("raw", "decidable"))
            print(
                f"| {seed} | {found.records:,} | {found.undecidable:.3f} | {stage} | {raw} | {decidable} |", flush=True
            )
        for kind, *rest in found.by_noise:
            noise.setdefault(kind, []).append(tuple(rest))  # type: ignore[arg-type]
    print("\n| kind of noise | records | precision | recall |\n|---|---|---|---|")
    for kind, rows in sorted(noise.items()):
        worst = min(row[1] for row in rows), min(row[2] for row in rows)
        print(f"| {kind.replace('_', ' ')} | {sum(row[0] for row in rows):,} | {worst[0]:.4f} | {worst[1]:.4f} |")


if __name__ == "__main__":
    main()
