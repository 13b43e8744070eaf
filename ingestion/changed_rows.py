"""Of a table that is pulled whole every night: the rows which are new, or not as they landed last.

For systems that do not tell when a row changed. A row that did not change is no new version of it. What to pull belongs
to each source, what landed to `ingestion/lake.py`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import duckdb
import pyarrow as pa

from ingestion.arrow_text import TEXT
from ingestion.source import RawTable


def changed_rows(
    table: RawTable, landed: Sequence[Path], batches: Iterable[pa.Table], changed_at: str
) -> Iterator[pa.Table]:
    """The rows of `batches` that differ from the newest landed version of their key, stamped with `changed_at`.

    `landed` are the admitted lake files of the table.
    """
    columns = [name for name in (*table.columns, "_extra") if name != table.cursor]
    key, listed = ", ".join(map(_quoted, table.key)), ", ".join(map(_quoted, columns))
    # Lengths keep texts apart that only differ in where one ends, and NULL apart from an empty one.
    content = "md5(concat_ws('', " + ", ".join(_with_length(name) for name in columns) + "))"
    with duckdb.connect() as database:
        database.execute(
            f"create table known ({', '.join(f'{_quoted(name)} varchar' for name in table.key)}, content text)"
        )
        if landed:
            stub = ", ".join(f"cast(null as varchar) as {_quoted(name)}" for name in columns)
            database.execute(
                f"""insert into known
                select {key}, arg_max({content}, (_dlt_load_id, _row_number))
                from (
                    select {listed}, _dlt_load_id, _row_number from (
                        select * from read_parquet($files, union_by_name = true)
                        union all by name select {stub} where false
                    )
                )
                group by {key}""",
                {"files": [str(path) for path in landed]},
            )
        same_key = " and ".join(
            f"known.{_quoted(name)} is not distinct from batch.{_quoted(name)}" for name in table.key
        )
        for batch in batches:
            data = pa.table(
                {name: batch[name] if name in batch.column_names else pa.nulls(len(batch), TEXT) for name in columns}
            )
            database.register("delivered", data)
            changed = database.execute(
                f"""select {listed} from (select *, {content} as _content from delivered) as batch
                anti join known on {same_key} and known.content = batch._content"""
            ).to_arrow_table()
            database.unregister("delivered")
            if changed.num_rows:
                yield changed.append_column(str(table.cursor), pa.repeat(pa.scalar(changed_at, TEXT), changed.num_rows))


def _with_length(name: str) -> str:
    column = _quoted(name)
    return f"coalesce(length({column}) || ':' || {column}, '-')"


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
