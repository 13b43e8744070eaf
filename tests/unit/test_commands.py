"""What the commands ask of a run: acceptance and a new model only when a person says so; of metrics, a publication."""

import pytest

from dagster_project import cli
from dagster_project.config import House


@pytest.fixture
def asked(monkeypatch, tmp_path):
    """The runs that a command would start: mode, accept, retrain."""
    runs = []

    def note(house, mode, options, retrain=False):
        runs.append((mode, options.accept_restatement, retrain))
        return {"exit_code": 0, "published": True}

    monkeypatch.setattr(cli, "_one_run", note)
    monkeypatch.setattr(House, "from_environment", classmethod(lambda cls: House(home=tmp_path)))
    for name in ("NIGHTS", "UNTIL", "ACCEPT_RESTATEMENT"):
        monkeypatch.delenv(name, raising=False)
    return runs


@pytest.mark.parametrize(
    ("arguments", "run"),
    [
        (["run"], ("next", False, False)),
        (["run", "--nights", "0"], ("again", False, False)),
        (["run", "--accept-restatement"], ("next", True, False)),
        (["rebuild"], ("rebuild", False, False)),
        (["rebuild", "--accept-restatement"], ("rebuild", True, False)),
        (["retrain"], ("again", False, True)),
        (["retrain", "--accept-restatement"], ("again", True, True)),
    ],
)
def test_what_a_command_asks_for(asked, arguments, run):
    assert cli.main(arguments) == 0
    assert asked == [run]


@pytest.mark.parametrize(("text", "accepts"), [("1", True), ("yes", True), ("0", False), ("", False)])
def test_acceptance_from_the_environment(asked, monkeypatch, text, accepts):
    monkeypatch.setenv("ACCEPT_RESTATEMENT", text)
    cli.main(["run"])
    assert asked == [("next", accepts, False)]


def test_metrics_before_anything_is_published(asked, capsys):
    assert cli.main(["metrics", "query", "--metrics", "aov"]) == 2
    said = capsys.readouterr().err
    assert "nothing to ask" in said.replace("\n", " ")
    assert "make run" in said.replace("\n", " ")
    assert asked == []
