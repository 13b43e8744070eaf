"""A backup holds what a home cannot make again; one that breaks off harms nothing; what comes back is whole."""

from __future__ import annotations

import errno
import json
import os
import re
import shutil
import subprocess
import sys

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import ingestion
from dagster_project import backup, cli, preflight, restore, verify
from dagster_project.config import House
from dagster_project.decisions import Decisions, Publication
from dagster_project.errors import ConfigurationError
from dagster_project.lock import HomeLock


def load(house, number):
    """Land a load of the tills as a run does: a file, the mark of its completion, a sealed line."""
    name = f"raw_pos/receipts/{number}.a.parquet"
    for folder in ("receipts", "_dlt_loads"):
        (house.lake / "raw_pos" / folder).mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table({"receipt_id": [f"{number}-{row}" for row in range(50)]}), house.lake / name)
    (house.lake / "raw_pos" / "_dlt_loads" / f"pos__{number}.jsonl").write_text("{}")
    line = {
        "load_id": str(number), "source_system": "pos", "source_table": "receipts", "file_name": None,
        "cursor_to": None, "content_sha256": None, "rows_landed": 50, "rows_rejected": 0, "admitted": True,
        "status": "admitted", "files": [name], "seals": {name: vars(ingestion.seal(house.lake / name))},
    }  # fmt: skip
    ingestion.Ledger(house.lake).append(f"run{number}", [line])


def publish(house, number):
    """Publish a night: a release with a manifest and a private part, its decision, the links."""
    run = f"run{number}"
    folder = house.published / "releases" / run
    (folder / "restricted").mkdir(parents=True, mode=0o700)
    (folder / "restricted" / "contacts.duckdb").write_text(f"contacts of night {number}")
    (folder / "omnihouse.duckdb").write_text("the same tables each night")
    files = {
        path.relative_to(folder).as_posix(): vars(ingestion.seal(path)) for path in folder.rglob("*") if path.is_file()
    }
    (folder / "manifest.json").write_text(json.dumps({"files": files}))
    (folder / "restricted" / "contacts.duckdb").chmod(0o400)
    decisions = Decisions(house.lake)
    decisions.home_key()
    decisions.write_text("rules", run, json.dumps({"night": number}))
    decisions.add_publication(Publication(run, number, 0, "2026-07-01", "2026-07-01", decisions.checksums(run)))
    for link, target in (("omnihouse.duckdb", "current/omnihouse.duckdb"), ("current", f"releases/{run}")):
        (house.published / link).unlink(missing_ok=True)
        (house.published / link).symlink_to(target)
    (house.runs / f"{run}.json").write_text(json.dumps({"run_id": run}))


@pytest.fixture
def house(tmp_path):
    found = House(
        home=tmp_path / "home",
        settings={
            "pos": {"database_url": "postgresql://till:geheim@db.test/shop"},
            "shopify": {"shop_url": "https://x"},
        },
    )
    found.settle(demo=False)
    (found.rules / "order_statuses.csv").write_text("status,meaning\npaid,paid\n")
    (found.landing / "events").mkdir()
    (found.landing / "events" / "day.jsonl").write_text("{}\n")
    (found.landing / "messages").mkdir()
    found.warehouse.write_text("rebuildable")
    (found.dbt_work / "manifest.json").write_text("rebuildable")
    load(found, 1)
    publish(found, 1)
    return found


@pytest.fixture
def to(tmp_path):
    return tmp_path / "elsewhere" / "shop"


def content(home):
    """What a backup is about: every covered file with its bytes and mode, every link, every folder's mode."""
    found = {}
    for name, path in backup.walk(home):
        kind = os.readlink(path) if path.is_symlink() else None if path.is_dir() else path.read_bytes()
        found[name] = kind if path.is_symlink() else (kind, path.stat().st_mode & 0o777)
    return found


def other(house, tmp_path, name="new"):
    return House(home=tmp_path / name, settings=house.settings)


def test_a_home_comes_back_byte_by_byte(house, to, tmp_path):
    made = backup.make(house, to)
    files = [path for _, path in backup.walk(house.home) if path.is_file() and not path.is_symlink()]
    assert made.copied <= len(made.sums) == len(files)
    new = other(house, tmp_path)
    done = restore.put_back(new, to)
    assert content(new.home) == content(house.home)
    assert done.set_aside is None
    assert list(verify.problems(new)) == []
    assert not new.warehouse.exists()
    assert not new.dbt_work.exists()
    assert (new.published / "omnihouse.duckdb").read_text() == "the same tables each night"
    assert (new.published / "current" / "restricted").stat().st_mode & 0o777 == 0o700
    assert (new.landing / "messages").is_dir()


def test_only_what_is_new_is_copied_and_what_nobody_needs_goes(house, to):
    backup.make(house, to)
    assert backup.make(house, to).copied == 0
    load(house, 2)
    publish(house, 2)
    shutil.rmtree(house.published / "releases" / "run1")
    made = backup.make(house, to)
    # Lake file, ledger, decision, list of publications, contacts, manifest, record; what is the same is there.
    assert made.copied == 7
    assert made.removed == 3
    objects = [path for path in (to / "objects").rglob("*") if path.is_file()]
    assert {path.name for path in objects} == {entry["sha256"] for entry in backup.read(to).files.values()}


def test_a_sealed_file_that_is_there_is_not_read_again(house, to, monkeypatch):
    backup.make(house, to)
    read = []
    monkeypatch.setattr(backup, "copy", lambda path, target, mode=0: read.append(path.name) or ingestion.seal(path))
    with pytest.raises(backup.BackupFailed):
        backup.make(house, to)
    assert "1.a.parquet" not in read


def test_a_backup_is_for_its_owner_alone_and_holds_no_secret(house, to):
    backup.make(house, to)
    assert to.stat().st_mode & 0o777 == 0o700
    for path in to.rglob("*"):
        if path.is_file():
            assert path.stat().st_mode & 0o077 == 0
            assert b"geheim" not in path.read_bytes()
    settings = backup.read(to).settings
    assert settings["SOURCES__POS__DATABASE_URL"] is None
    assert settings["SOURCES__SHOPIFY__SHOP_URL"] == "https://x"
    assert settings["OMNIHOUSE_TIMEZONE"] == "Asia/Shanghai"


class Dead(BaseException):
    """Stands for the end of the process."""


@pytest.mark.parametrize("way", ["full disk", "death"])
def test_a_backup_that_breaks_off_anywhere_leaves_the_one_before(house, to, tmp_path, monkeypatch, way):
    backup.make(house, to)
    before = content(house.home)
    load(house, 2)
    publish(house, 2)
    (house.rules / "order_statuses.csv").write_text("status,meaning\n已付款,paid\n")
    steps = 0
    while True:
        left = [steps]

        def fsync(handle, left=left):
            left[0] -= 1
            if left[0] < 0:
                raise OSError(errno.ENOSPC, "No space left on device") if way == "full disk" else Dead

        with monkeypatch.context() as broken:
            broken.setattr(os, "fsync", fsync)
            expected = pytest.raises(backup.BackupFailed) if way == "full disk" else pytest.raises(Dead)
            try:
                with expected as told:
                    backup.make(house, to)
            except pytest.fail.Exception:
                break
        assert way == "death" or re.search("No space left.*can be restored", str(told.value))
        # The rename of the manifest is the end; only the wait for the disk comes after it.
        if backup.read(to).last_run == "run1":
            new = other(house, tmp_path, f"new{steps}")
            restore.put_back(new, to)
            assert content(new.home) == before
        steps += 1
    assert steps > 8
    assert backup.read(to).last_run == "run2"
    last = other(house, tmp_path)
    restore.put_back(last, to)
    assert content(last.home) == content(house.home)


def test_a_restore_that_breaks_off_is_finished_before_any_run(house, to, tmp_path, monkeypatch):
    backup.make(house, to)
    new = other(house, tmp_path)
    for step in range(5):
        left = [step]

        def copied(source, target, mode=0o600, left=left, whole=backup.copy):
            left[0] -= 1
            if left[0] < 0:
                raise Dead
            return whole(source, target, mode)

        with monkeypatch.context() as broken:
            broken.setattr(backup, "copy", copied)
            with pytest.raises(Dead):
                restore.put_back(new, to)
        with pytest.raises(ConfigurationError, match="restored by half"):
            preflight.check(new)
    assert restore.put_back(new, to).set_aside is None
    restore.check_finished(new)
    assert content(new.home) == content(house.home)


def test_over_the_same_home_what_is_damaged_comes_back_and_what_is_newer_is_set_aside(house, to):
    backup.make(house, to)
    before = content(house.home)
    load(house, 2)
    publish(house, 2)
    (house.lake / "raw_pos" / "receipts" / "1.a.parquet").write_bytes(b"damaged")
    (house.rules / "order_statuses.csv").unlink()
    (house.landing / "events" / "day.jsonl").write_text("newer\n")
    (house.landing / "events" / "tomorrow.jsonl").write_text("{}\n")
    done = restore.put_back(house, to)
    assert list(verify.problems(house)) == []
    assert not house.warehouse.exists()
    assert (done.set_aside / "lake" / "raw_pos" / "receipts" / "2.a.parquet").is_file()
    assert (done.set_aside / "lake" / "raw_pos" / "receipts" / "1.a.parquet").read_bytes() == b"damaged"
    after = content(house.home)
    assert after.pop("landing/events/tomorrow.jsonl")
    assert after.pop("landing/events/day.jsonl")[0] == b"newer\n"
    assert {name: kind for name, kind in before.items() if name != "landing/events/day.jsonl"} == {
        name: kind for name, kind in after.items() if not name.startswith("published/releases/run2")
    }


def test_a_home_of_somebody_else_is_left_alone(house, to, tmp_path):
    backup.make(house, to)
    strange = other(house, tmp_path)
    strange.settle(demo=False)
    with pytest.raises(ConfigurationError, match="not empty"):
        restore.put_back(strange, to)
    load(strange, 1)
    publish(strange, 1)
    with pytest.raises(ConfigurationError, match="another home"):
        backup.make(strange, to)
    with pytest.raises(ConfigurationError, match="not empty"):
        restore.put_back(strange, to)


def test_a_home_that_was_put_back_does_not_overwrite_what_came_after(house, to, tmp_path):
    backup.make(house, to)
    copy = other(house, tmp_path)
    restore.put_back(copy, to)
    publish(house, 2)
    backup.make(house, to)
    with pytest.raises(ConfigurationError, match="run2, which"):
        backup.make(copy, to)


@pytest.mark.parametrize("harm", ["missing", "changed", "shorter"])
def test_a_damaged_backup_is_told_before_anything_is_touched(house, to, tmp_path, harm):
    backup.make(house, to)
    entry = backup.read(to).files["lake/raw_pos/receipts/1.a.parquet"]
    content = backup.object_of(to, entry["sha256"])
    whole = content.read_bytes()
    if harm == "missing":
        content.unlink()
    else:
        content.write_bytes(whole[:-1] if harm == "shorter" else b"x" + whole[1:])
    new = other(house, tmp_path)
    with pytest.raises(backup.BackupFailed, match=r"1\.a\.parquet (is missing|was changed)"):
        restore.put_back(new, to)
    assert not new.home.exists()
    if harm != "changed":
        # The home still has it: the next backup brings it again.
        backup.make(house, to)
        restore.put_back(new, to)


@pytest.mark.parametrize("harm", ["missing", "changed"])
def test_a_damaged_lake_is_no_backup(house, to, harm):
    backup.make(house, to)
    kept = backup.read(to)
    load(house, 2)
    file = house.lake / "raw_pos" / "receipts" / "2.a.parquet"
    if harm == "missing":
        file.unlink()
    else:
        file.write_bytes(b"x" + file.read_bytes()[1:])
    with pytest.raises(backup.BackupFailed, match=rf"2\.a\.parquet (is {harm}|was {harm})"):
        backup.make(house, to)
    assert backup.read(to) == kept
    # Where no backup has the file, its load is given up.
    ingestion.Ledger(house.lake).reject("2", "command")
    assert list(verify.problems(house)) == []
    backup.make(house, to)


def test_during_a_run_there_is_neither(house, to, monkeypatch, capsys):
    monkeypatch.setattr(House, "from_environment", classmethod(lambda cls: house))
    backup.make(house, to)
    lock = HomeLock(house.home)
    lock.acquire()
    for command in (["backup", "--to", str(to)], ["restore", "--from", str(to)]):
        assert cli.main(command) == 2
        assert "already going on" in capsys.readouterr().err.replace("\n", " ")
    lock.release()


def test_wrong_places_are_named(house, to, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(House, "from_environment", classmethod(lambda cls: house))
    strange = tmp_path / "photos"
    strange.mkdir()
    (strange / "cat.jpg").write_text("cat")
    file = tmp_path / "file"
    file.write_text("")
    for command, told in (
        (["backup", "--to", ""], "TO is not given"),
        (["backup", "--to", str(house.home / "backup")], "lie in one another"),
        (["backup", "--to", str(tmp_path)], "lie in one another"),
        (["backup", "--to", str(strange)], "cat.jpg"),
        (["backup", "--to", str(file)], "is a file"),
        (["restore", "--from", str(strange)], "holds no backup"),
        (["restore", "--from", ""], "FROM is not given"),
    ):
        assert cli.main(command) == 2, command
        assert told in capsys.readouterr().err.replace("\n", " ")


def test_a_backup_that_names_files_elsewhere_is_refused(house, to, tmp_path):
    backup.make(house, to)
    manifest = json.loads((to / backup.MANIFEST).read_text())
    manifest["files"]["lake/../../outside"] = next(iter(manifest["files"].values()))
    (to / backup.MANIFEST).write_text(json.dumps(manifest))
    with pytest.raises(ConfigurationError, match="outside of a home"):
        restore.put_back(other(house, tmp_path), to)


def test_a_lake_on_another_disk_is_in_the_backup(house, to, tmp_path):
    disk = tmp_path / "disk"
    house.lake.rename(disk)
    house.lake.symlink_to(disk)
    backup.make(house, to)
    new = other(house, tmp_path)
    restore.put_back(new, to)
    assert (new.lake / "raw_pos" / "receipts" / "1.a.parquet").is_file()
    assert list(verify.problems(new)) == []


def test_the_commands_of_the_page(house, tmp_path):
    """The page's own blocks, with its two places and its home replaced."""
    page = (preflight.PROJECT / "docs" / "backup.md").read_text()
    blocks = [line for block in page.split("```")[1::2] for line in block.strip().splitlines()]
    assert [line.split()[-2:][0] for line in blocks if "make" in line and "backup" in line]
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("OMNIHOUSE_", "SOURCES__"))}
    for line in blocks:
        words = line.replace("/mnt/backup/shop", str(tmp_path / "b")).split()
        settings = dict(word.split("=", 1) for word in words if "=" in word)
        if "make" not in words or not {"backup", "restore", "verify"} & set(words):
            continue
        new = settings.pop("OMNIHOUSE_HOME", None)
        arguments = {"TO": "--to", "FROM": "--from"}
        outcome = subprocess.run(
            [sys.executable, "-m", "dagster_project", words[words.index("make") + 1],
             *(part for name, value in settings.items() for part in (arguments[name], value))],
            env={**kept, "OMNIHOUSE_HOME": str(tmp_path / "new" if new else house.home)},
            cwd=preflight.PROJECT, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert outcome.returncode == 0, outcome.stdout + outcome.stderr
    assert content(tmp_path / "new") == content(house.home)
