"""Recency, frequency and money as of a day, as a publication knew them: computed again, shown, and compared.

Here: the question, its answer's form, and what the answer is compared with. Not here: building a publication's models
again (`replay`), naming why something is other (`rfm_causes`).
"""

from __future__ import annotations

import csv
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import TextIO

import duckdb

from dagster_project import replay, rfm_causes, run_inputs
from dagster_project.config import ConfigurationError, House
from dagster_project.decisions import Decisions, Publication
from dagster_project.warehouse import code_version, connect, literal

COLUMNS = (
    *("customer_id", "recency_days", "frequency", "monetary", "r_score", "f_score", "m_score", "segment", "basis"),
)
_MODELS = "+customer_rfm"
_SCALE = "is_scored, bins, closed, recency_cuts, frequency_cuts, monetary_cuts"
# The snapshot of a day as one publication fixed it: each person's last row of its chain up to its place.
_PUBLISHED = """
    create or replace temp table published as
    with scale as (
        select * from ops.rfm_scales_before where as_of_date = $day and night = $night
    ),
    people as (
        select told.customer_id, max_by({d: last_order_date, f: frequency, m: monetary}, told.place) as known
        from ops.rfm_values_before as told
        inner join scale on told.chain = scale.chain and told.place <= scale.place
        group by told.customer_id
    ),
    measured as (
        select people.customer_id, cast($day as date) - known.d as recency_days, known.f as frequency,
            known.m as monetary, scale.*
        from people cross join scale where known.f is not null
    ),
    scored as (
        select *,
            case when is_scored then bins + 1 - (1 + {recency}) end as r_score,
            case when is_scored then 1 + {frequency} end as f_score,
            case when is_scored then 1 + {monetary} end as m_score
        from measured
    )
    select scored.customer_id, scored.recency_days, scored.frequency, scored.monetary, scored.r_score, scored.f_score,
        scored.m_score, case when is_scored then segments.segment else 'insufficient data' end as segment, scored.basis
    from scored
    left join (select * from ops.rfm_segments_before where as_of_date = $day and night = $night) as segments
        on scored.r_score = segments.r_score and scored.f_score = segments.f_score
            and scored.m_score = segments.m_score
"""
_CUTS_BELOW = """len(list_filter({measure}_cuts, lambda cut:
                {value} * bins > cut or (closed = 'left' and {value} * bins = cut)))"""


def answer(house: House, day: date, known_at: str, out: Path | None) -> int:
    """Compute the day as known at a publication, write it, and say how it differs from what was published of it.

    Returns the exit code: 1 where it is not what its own publication showed, or where a difference has no cause.
    Raises `ConfigurationError` for a question that has no answer, before anything is built.
    """
    asked = replay.known(house, replay.find(house, known_at))
    if day > asked.last_day:
        raise ConfigurationError(f"{day} was not over when {asked.name} was made. Ask for a later one, or for now.")
    if out is not None and (out.suffix not in (".csv", ".parquet") or not out.parent.is_dir()):
        raise ConfigurationError(f"{out} is no place for rows; name a .csv or .parquet file in a folder that exists.")
    publisher = _publisher(house, day, asked.publication)
    compared = None
    if publisher and publisher.run_id != asked.publication.run_id:
        compared = replay.known(house, publisher)
    with _scratch(house) as (folder, db):
        _take_in(db, replay.build(house, asked, day, _MODELS, folder), day, "now")
        _write(db, out)
        say = sys.stdout if out else sys.stderr
        if publisher is None:
            print(f"No publication has shown {day}; there is nothing to compare with.", file=say)
            return 0
        run_inputs.write_decided(db, Decisions(house.lake), *run_inputs.RFM_BEFORE, "identity_events_before")
        show_published(db, day, publisher.night)
        if compared is None:
            return _compare_with_its_own(db, asked, day, say)
        _take_in(db, replay.build(house, compared, day, _MODELS, folder), day, "then")
        return _compare_with_another(db, asked, compared, day, say)


def _publisher(house: House, day: date, asked: Publication) -> Publication | None:
    """The publication whose snapshot of the day is compared: the one asked for, or else the one that counts."""
    published = {run.night: run for run in Decisions(house.lake).publications()}
    with duckdb.connect() as db:
        db.execute("create schema ops")
        run_inputs.write_decided(db, Decisions(house.lake), "rfm_scales_before")
        nights = db.execute(
            "select night from ops.rfm_scales_before where as_of_date = $1"
            " order by night = $2 desc, basis = 'published' desc, night desc",
            [day, asked.night],
        ).fetchall()
    return next((published[night] for (night,) in nights if night in published), None)


@contextmanager
def _scratch(house: House) -> Iterator[tuple[Path, duckdb.DuckDBPyConnection]]:
    """A folder for this user's eyes alone, and a database in it; both are gone afterwards, however it ends."""
    with tempfile.TemporaryDirectory(prefix="omnihouse-replay-") as name:
        folder = Path(name)
        with connect(house, folder / "compared.duckdb") as db:
            db.execute(f"set temp_directory = {literal(str(folder / 'spill'))}; create schema ops")
            yield folder, db


def _take_in(db: duckdb.DuckDBPyConnection, built: Path, day: date, when: str) -> None:
    """Keep what is compared of a publication that was built again, under names that end with `when`."""
    db.execute(f"attach {literal(str(built))} as built (read_only)")
    for name, query in rfm_causes.STATES.items():
        db.execute(f"create table {name}_{when} as {query.format(state='built')}")
    db.execute(
        f"create table rows_{when} as select {', '.join(COLUMNS)} from built.marts.customer_rfm where as_of_date = $1",
        [day],
    )
    db.execute(
        f"create table scales_{when} as select {_SCALE} from built.intermediate.int_customers__rfm_scales"
        " where as_of_date = $1",
        [day],
    )
    db.execute("detach built")
    built.unlink()


def show_published(db: duckdb.DuckDBPyConnection, day: date, night: int) -> None:
    """Write the table `published`: a day as the publication of this number fixed it, from the decisions in `ops`."""
    query = _PUBLISHED
    for measure, value in (("recency", "recency_days"), ("frequency", "frequency"), ("monetary", "monetary")):
        below = _CUTS_BELOW.format(measure=measure, value=f"cast({value} as decimal(18, 3))")
        query = query.replace(f"{{{measure}}}", below)
    db.execute(query, {"day": day, "night": night})


def _write(db: duckdb.DuckDBPyConnection, out: Path | None) -> None:
    """The rows, one a person, to a file or as CSV to the standard output."""
    if out is None:
        writer = csv.writer(sys.stdout, lineterminator="\n")
        writer.writerow(COLUMNS)
        cursor = db.execute(f"select {', '.join(COLUMNS)} from rows_now order by customer_id")
        while rows := cursor.fetchmany(10_000):
            writer.writerows(rows)
        return
    form = "csv, header" if out.suffix == ".csv" else "parquet, compression zstd"
    fresh = out.with_name(f"{out.name}.new")
    query = f"select {', '.join(COLUMNS)} from rows_now order by customer_id"
    db.execute(f"copy ({query}) to {literal(str(fresh))} (format {form})")
    fresh.replace(out)


def _compare_with_its_own(db: duckdb.DuckDBPyConnection, asked: replay.Known, day: date, say: TextIO) -> int:
    """What the publication itself showed of the day has to be the same to the row."""
    differing = _not_the_same(db, "rows_now")
    if not differing:
        print(f"{day} as {asked.name} knew it equals what that run published, row for row.", file=say)
        return 0
    erased = db.execute(
        "select count(distinct customer_id) from ops.identity_events_before where event = 'erased' and night > $1",
        [asked.publication.night],
    ).fetchone()
    values = "customer_id, recency_days, frequency, monetary"
    same_values = db.execute(
        f"select count(*) from (from (select {values} from published except select {values} from rows_now) union all"
        f" from (select {values} from rows_now except select {values} from published))"
    ).fetchone() == (0,)
    if same_values and erased and erased[0]:
        print(
            f"{day} as {asked.name} knew it has the values that run published; {len(differing)} scores or segments "
            f"are others, for the {erased[0]} people erased since no longer count: erasure.",
            file=say,
        )
        return 0
    return _not_explained(differing, asked, day)


def _compare_with_another(
    db: duckdb.DuckDBPyConnection, asked: replay.Known, compared: replay.Known, day: date, say: TextIO
) -> int:
    """Every difference from what another publication showed of the day is named with its causes."""
    found = rfm_causes.differences(db, day, asked.differs_from(compared))
    for difference in found:
        print(difference.line(), file=say)
    causes = Counter(cause for difference in found for cause in difference.causes)
    counted = ", ".join(f"{cause} {causes[cause]:,}" for cause in rfm_causes.CAUSES if causes[cause])
    total = db.execute("select count(*) from rows_now").fetchone()
    print(
        f"{day} as {asked.name} knew it: {total[0] if total else 0:,} people, {len(found):,} not as {compared.name} "
        f"published them{f': {counted}' if counted else ''}.",
        file=say,
    )
    if differing := _not_the_same(db, "rows_then"):
        return _not_explained(differing, compared, day)
    unnamed = [difference.customer_id for difference in found if not difference.causes]
    if unnamed:
        print(
            f"{len(unnamed)} differences have no cause, of {', '.join(unnamed[:5])}{' …' if len(unnamed) > 5 else ''}. "
            f"That is a mistake of this program; please report it.{_other_program(asked, compared)}",
            file=sys.stderr,
        )
    return 1 if unnamed else 0


def _not_the_same(db: duckdb.DuckDBPyConnection, rows: str) -> list[str]:
    """The ids whose rows are not those that were published."""
    columns = ", ".join(COLUMNS)
    found = db.execute(
        f"select distinct customer_id from (from (select {columns} from published except select {columns} from {rows})"
        f" union all from (select {columns} from {rows} except select {columns} from published)) order by customer_id"
    ).fetchall()
    return [customer for (customer,) in found]


def _not_explained(differing: list[str], run: replay.Known, day: date) -> int:
    print(
        f"{day} as {run.name} knew it is not what that run published, for {len(differing)} people: "
        f"{', '.join(differing[:5])}{' …' if len(differing) > 5 else ''}. Check the lake and the decisions with make "
        f"verify; if they are whole it is a mistake of this program, please report it.{_other_program(run)}",
        file=sys.stderr,
    )
    return 1


def _other_program(*runs: replay.Known) -> str:
    now = code_version()
    return " The models of this version are others than that run's." if any(run.code != now for run in runs) else ""
