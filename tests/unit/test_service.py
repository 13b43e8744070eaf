"""The units that `make service` installs are what systemd takes, and start what this checkout has."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from dagster_project import cli, service
from dagster_project.config import PROJECT, House


@pytest.fixture
def installed(tmp_path, monkeypatch):
    monkeypatch.setenv("OMNIHOUSE_HOME", str(tmp_path / "home of the company"))
    monkeypatch.setenv("OMNIHOUSE_NIGHTLY_AT", "01:30")
    monkeypatch.setenv("SOURCES__SHOPIFY__ACCESS_TOKEN", "a secret")
    assert cli.main(["service", "--prefix", str(tmp_path / "a prefix"), "--user", "root"]) == 0
    return tmp_path / "a prefix"


def test_systemd_takes_the_units(installed):
    units = sorted((installed / "lib" / "systemd" / "system").iterdir())
    assert [unit.name for unit in units] == ["omnihouse-daemon.service", "omnihouse-web.service"]
    for unit in units:
        assert f"ExecStart={Path(sys.prefix) / 'bin' / 'python'} -m dagster_project" in unit.read_text()
        assert f"WorkingDirectory={PROJECT}" in unit.read_text()
    if not shutil.which("systemd-analyze"):
        pytest.skip("systemd-analyze is not installed")
    found = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", *map(str, units)], capture_output=True, text=True, check=False
    )
    assert found.returncode == 0, found.stderr
    assert not [line for line in found.stderr.splitlines() if "omnihouse" in line], found.stderr


def test_settings_are_kept_without_secrets_and_never_written_over(installed, tmp_path):
    settings = installed / "etc" / "omnihouse.env"
    assert settings.stat().st_mode & 0o777 == 0o600
    text = settings.read_text()
    assert f'OMNIHOUSE_HOME="{tmp_path}/home of the company"' in text
    assert 'OMNIHOUSE_NIGHTLY_AT="01:30"' in text
    assert "secret" not in text
    settings.write_text("OMNIHOUSE_HOME=/srv/omnihouse\n")
    service.install(installed, House(home=tmp_path), "root")
    assert settings.read_text() == "OMNIHOUSE_HOME=/srv/omnihouse\n"


def test_a_prefix_that_cannot_be_written_is_a_sentence(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("OMNIHOUSE_HOME", str(tmp_path / "home"))
    (tmp_path / "file").write_text("")
    assert cli.main(["service", "--prefix", str(tmp_path / "file")]) == 2
    assert "Choose another PREFIX" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("command", "program"), [("web", "dagster-webserver"), ("daemon", "dagster-daemon"), ("ui", "dagster")]
)
def test_what_a_unit_starts_listens_on_this_machine_only(command, program, tmp_path, monkeypatch):
    started = []
    monkeypatch.setenv("OMNIHOUSE_HOME", str(tmp_path))
    monkeypatch.setattr(service.os, "execv", lambda path, arguments: started.append((Path(path), arguments)))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DAGSTER_HOME", "anywhere")
    assert cli.main([command]) == 0
    (path, arguments), *_ = started
    assert path.name == program
    assert path.exists()
    assert arguments[-2:] == ["--module-name", "dagster_project.definitions"]
    assert (command == "daemon") or "127.0.0.1" in arguments
