"""Puts the dashboards into a home's Superset, as often as one likes: `python load.py`, in Superset's environment.

`assets/` is what Superset exports, but for what this home and its publication say: where the file is, and which columns
the datasets have, with the comments that the file carries.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

import duckdb
import yaml

ASSETS = Path(__file__).parent / "assets"
_TIMES = ("DATE", "TIMESTAMP", "TIMESTAMP WITH TIME ZONE")


def columns(reader: duckdb.DuckDBPyConnection, schema: str, table: str) -> list[dict[str, Any]]:
    """A dataset's columns as Superset writes them: what the published table has, and what it says of each."""
    return [
        {
            "column_name": name,
            "verbose_name": None,
            "is_dttm": kind in _TIMES,
            "is_active": True,
            "type": kind,
            "advanced_data_type": None,
            "groupby": True,
            "filterable": True,
            "expression": None,
            "description": comment,
            "python_date_format": None,
            "extra": None,
        }
        for name, kind, comment in reader.execute(
            "select column_name, data_type, comment from duckdb_columns()"
            " where schema_name = $1 and table_name = $2 order by column_index",
            [schema, table],
        ).fetchall()
    ]


def fill(folder: Path, published: Path) -> None:
    """Complete a copy of the assets for one published file; raises `LookupError` for a table that it does not have."""
    with duckdb.connect(str(published), read_only=True) as reader:
        for file in sorted((folder / "datasets").glob("*.yaml")):
            dataset = yaml.safe_load(file.read_text("utf-8"))
            schema, table = dataset["schema"], dataset["table_name"]
            dataset["columns"] = columns(reader, schema, table)
            if not dataset["columns"]:
                raise LookupError(f"{published} has no table {schema}.{table}")
            told = reader.execute(
                "select comment from duckdb_tables() where schema_name = $1 and table_name = $2", [schema, table]
            ).fetchone()
            dataset["description"] = told[0] if told else None
            file.write_text(yaml.safe_dump(dataset, sort_keys=False, allow_unicode=True), "utf-8")
    file = folder / "databases" / "omnihouse.yaml"
    database = yaml.safe_load(file.read_text("utf-8"))
    # Superset has no place of its own for it; the engine needs an absolute path, through the link that a swap moves.
    database["sqlalchemy_uri"] = f"duckdb:///{published.absolute()}"
    file.write_text(yaml.safe_dump(database, sort_keys=False), "utf-8")


def main() -> int:
    """Bring Superset's own database to this version and import everything.

    What is there already is written over; what people made beside it stays.
    """
    place = Path(__file__).parent
    home = Path(os.environ.setdefault("OMNIHOUSE_HOME", str(place.parent / ".omnihouse"))).expanduser().resolve()
    published = home / "published" / "omnihouse.duckdb"
    if not published.exists():
        print(f"Nothing is published yet: {published} is not there. `make run` comes first.", file=sys.stderr)
        return 2
    os.environ.update(SUPERSET_CONFIG_PATH=str(place / "superset_config.py"), FLASK_APP="superset")
    from flask.cli import ScriptInfo
    from superset.app import create_app
    from superset.cli.main import superset as main_command

    app = create_app()
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / "assets"
        shutil.copytree(ASSETS, folder)
        fill(folder, published)
        user = ["--username", "admin", "--firstname", "Omni", "--lastname", "House", "--email", "admin@localhost"]

        def superset(*command: str) -> None:
            main_command.main(args=[*command], obj=ScriptInfo(create_app=lambda: app), standalone_mode=False)

        superset("db", "upgrade")
        with app.app_context():
            is_known = app.appbuilder.sm.find_user("admin") is not None
        if not is_known:
            superset("fab", "create-admin", *user, "--password", app.config["ADMIN_PASSWORD"])
        superset("init")
        superset("import-directory", "--overwrite", str(folder))
    print(f"Superset has the dashboards of {published}. User admin, password in {home / 'bi' / 'admin_password'}.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
