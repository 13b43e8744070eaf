"""Memory between DuckDB and the stitching engine, which works beside it in one process."""

from __future__ import annotations

import contextlib
import importlib.util
from pathlib import Path
from types import ModuleType

import duckdb
import pytest

MODEL = Path(__file__).parents[2] / "dbt/models/intermediate/identity/int_identity__clusters.py"


@pytest.fixture(scope="module")
def model() -> ModuleType:
    spec = importlib.util.spec_from_file_location("clusters", MODEL)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(("records", "meanwhile"), [(10, "1.8 GiB"), (11, "953.6 MiB")])
def test_a_large_home_leaves_half_of_the_memory_to_the_engine(
    model: ModuleType, monkeypatch: pytest.MonkeyPatch, records: int, meanwhile: str
) -> None:
    monkeypatch.setattr(model, "LARGE", 10)
    monkeypatch.setenv("OMNIHOUSE_MEMORY", "2GB")
    with duckdb.connect(config={"memory_limit": "2GB"}) as session:
        limit = "select current_setting('memory_limit')"
        session.execute(f"create view records as from range({records})")
        with contextlib.suppress(KeyError), model.lent_memory(session):
            assert session.execute(limit).fetchall() == [(meanwhile,)]
            raise KeyError
        assert session.execute(limit).fetchall() == [("1.8 GiB",)]
