"""How well `python -m identity link` finds people on labelled files; the truth is only looked at afterwards."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.csv as pacsv
import pytest

from identity.__main__ import main
from tests.integration.made_up_persons import mailing_list, past, register

DATA = Path(__file__).parents[3] / "shared" / "data"

FEBRL = """
record_id = "rec_id"
[identifiers]
soc_sec_id = "national_id"
[fuzzy]
given_name = "given_name"
surname = "family_name"
date_of_birth = "date_of_birth"
street_number = "other"
address_1 = "street"
address_2 = "street"
suburb = "city"
postcode = "postcode"
state = "other"
"""
MAILBOXES = """
record_id = "unique_id"
[identifiers]
email = "email"
[fuzzy]
first_name = "given_name"
surname = "family_name"
dob = "date_of_birth"
city = "city"
"""
REGISTER = """
record_id = "id"
[fuzzy]
given = "given_name"
family = "family_name"
number = "other"
street = "street"
house = "street"
suburb = "city"
postcode = "postcode"
born = "date_of_birth"
"""
PAST = """
record_id = "id"
[fuzzy]
full_name = "full_name"
first_name = "given_name"
surname = "family_name"
dob = "date_of_birth"
birth_place = "birth_place"
postcode = "postcode"
gender = "gender"
occupation = "occupation"
"""
MAILING_LIST = """
record_id = "id"
[fuzzy]
first = "given_name"
last = "family_name"
born = "date_of_birth"
town = "city"
mail = "email"
"""


def measured(
    records: Path, config: str, truth: dict[str, str], folder: Path, capsys: pytest.CaptureFixture[str]
) -> dict[str, float]:
    """Pairwise precision, recall and F1 by the two commands alone."""
    toml, out, entities = folder / "config.toml", folder / "clusters.csv", folder / "truth.csv"
    toml.write_text(config, encoding="utf-8")
    entities.write_text("record_id,entity_id\n" + "".join(f"{k},{v}\n" for k, v in truth.items()), encoding="utf-8")
    assert main(["link", str(records), "--config", str(toml), "--out", str(out)]) == 0
    capsys.readouterr()
    assert main(["evaluate", str(out), "--truth", str(entities)]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["records"] == len(truth)
    pairwise: dict[str, float] = found["pairwise"]
    return pairwise


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream, skipinitialspace=True))


@pytest.mark.skipif(not (DATA / "febrl").is_dir(), reason="../shared/data/febrl is absent")
@pytest.mark.parametrize(("name", "f1"), [("dataset1", 0.998), ("dataset2", 0.999)])
def test_febrl(name: str, f1: float, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = DATA / "febrl" / f"{name}.csv"
    truth = {row["rec_id"]: row["rec_id"].split("-")[1] for row in rows(path)}
    found = measured(path, FEBRL, truth, tmp_path, capsys)
    assert found["f1"] >= f1
    assert found["precision"] >= 0.99


@pytest.mark.skipif(not (DATA / "splink").is_dir(), reason="../shared/data/splink is absent")
def test_fake_1000(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = DATA / "splink" / "fake_1000.csv"
    truth = {row["unique_id"]: row["cluster"] for row in rows(path)}
    found = measured(path, MAILBOXES, truth, tmp_path, capsys)
    assert found["f1"] >= 0.96
    assert found["precision"] >= 0.99


@pytest.mark.parametrize(
    ("make", "config", "f1"),
    [
        (lambda: register(700, 11), REGISTER, 0.99),
        (lambda: past(160, 11), PAST, 0.95),
        (lambda: mailing_list(350, 11), MAILING_LIST, 0.92),
    ],
    ids=["register", "past", "mailing list"],
)
def test_persons_made_up(
    make: Callable[[], tuple[pa.Table, list[int]]],
    config: str,
    f1: float,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    table, truth = make()
    path = tmp_path / "records.csv"
    pacsv.write_csv(table, path)
    entities = dict(zip(table["id"].to_pylist(), map(str, truth), strict=True))
    found = measured(path, config, entities, tmp_path, capsys)
    assert found["f1"] >= f1
    assert found["precision"] >= 0.95


def test_where_everyone_is_alone_nobody_is_linked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    table, truth = register(900, 5, most=0)
    path = tmp_path / "records.csv"
    pacsv.write_csv(table, path)
    entities = dict(zip(table["id"].to_pylist(), map(str, truth), strict=True))
    toml, out = tmp_path / "config.toml", tmp_path / "clusters.csv"
    toml.write_text(REGISTER, encoding="utf-8")
    assert main(["link", str(path), "--config", str(toml), "--out", str(out)]) == 0
    capsys.readouterr()
    clusters = pacsv.read_csv(out)["cluster_id"].to_pylist()
    assert len(set(clusters)) >= 0.995 * len(entities)
