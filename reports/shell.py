"""`make sql`: DuckDB's own shell on the published file, read-only, after the list of its tables."""

from __future__ import annotations

import os
import sys
import textwrap
from pathlib import Path

from reports import live

TABLES = """
select schema_name || '.' || table_name as name, estimated_size as rows, coalesce(comment, '') as meaning
from duckdb_tables()
where not internal
order by schema_name, table_name"""


def listing() -> str:
    """Every table with its rows and what it means, a line each."""
    reader = live.published()
    lines = [
        f"{row['name']:<36} {row['rows']:>10,}  {textwrap.shorten(row['meaning'], 92, placeholder=' …')}".rstrip()
        for row in reader.rows(TABLES)
    ]
    reader.close()
    return "\n".join(lines)


def main() -> None:
    """Print the list and hand this process over to the shell."""
    try:
        print(listing())
    except live.NothingPublished as problem:
        sys.exit(str(problem))
    file = (live.home() / "published" / "omnihouse.duckdb").resolve()
    print(f"\n{file}, read-only. A table of marts needs no schema in front; .quit ends.\n", flush=True)
    shell = Path(sys.executable).parent / "duckdb"
    settings = [part for sql in ("set TimeZone = 'UTC'", "use marts") for part in ("-cmd", sql)]
    os.execv(shell, [str(shell), "-readonly", *settings, str(file)])


if __name__ == "__main__":
    main()
