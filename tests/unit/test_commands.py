"""What the commands ask of a run: acceptance and a new model only when a person says so; of metrics, a publication."""

from datetime import date

import pytest

from dagster_project import cli
from dagster_project.config import ConfigurationError, House
from dagster_project.decisions import Decisions, Publication
from dagster_project.rule_files import rfm_dates


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


def test_a_day_asked_for_is_kept_once_and_in_order(asked, tmp_path, capsys):
    file = tmp_path / "rules" / "rfm_dates.csv"
    for day in ("2026-03-31", "2025-02-28", "2026-03-31"):
        assert cli.main(["rfm", "--as-of", day]) == 0
    assert file.read_text() == "as_of_date\n2025-02-28\n2026-03-31\n"
    assert "stands in" in capsys.readouterr().out
    assert not asked


def test_a_day_that_is_none_or_not_over_is_refused(asked, tmp_path, capsys):
    Decisions(tmp_path / "lake").add_publication(
        Publication("run1", 1, 1, "2026-06-30T16:00:00+00:00", "2026-06-30T16:00:00+00:00")
    )
    # In Shanghai July has just begun.
    assert cli.main(["rfm", "--as-of", "2026-06-30"]) == 0
    assert cli.main(["rfm", "--as-of", "2026-07-01"]) == 2
    assert "as of 2026-06-30" in capsys.readouterr().err
    assert cli.main(["rfm", "--as-of", "2026-02-29"]) == 2
    assert "write a day such as" in capsys.readouterr().err
    assert not asked


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--known-at", "3"], "No publication is called '3'"),
        (["--known-at", "now"], "did not note its rules and loads"),
        (["--out", "rows.csv"], "write --known-at as well"),
    ],
)
def test_a_question_without_an_answer_is_refused(asked, tmp_path, capsys, arguments, said):
    stamp = "2026-06-30T16:00:00+00:00"
    Decisions(tmp_path / "lake").add_publication(Publication("run1", 1, 1, stamp, stamp))
    assert cli.main(["rfm", "--as-of", "2026-06-30", *arguments]) == 2
    assert said in capsys.readouterr().err.replace("\n", " ")
    assert not (tmp_path / "rules").exists()


def test_an_empty_night_or_file_is_none(asked, tmp_path):
    """As make passes them on."""
    assert cli.main(["rfm", "--as-of", "2026-03-31", "--known-at", "", "--out", ""]) == 0
    assert rfm_dates(tmp_path / "rules" / "rfm_dates.csv") == [date(2026, 3, 31)]


@pytest.mark.parametrize("text", ["as_of_date\nyesterday\n", "as_of_date\n2026-02-30\n", "as_of_date\n20260201\n"])
def test_a_day_written_wrongly_is_named_with_its_line(tmp_path, text):
    file = tmp_path / "rfm_dates.csv"
    file.write_text(text)
    with pytest.raises(ConfigurationError, match="line 2: the day is"):
        rfm_dates(file)


def test_metrics_before_anything_is_published(asked, capsys):
    assert cli.main(["metrics", "query", "--metrics", "aov"]) == 2
    said = capsys.readouterr().err
    assert "nothing to ask" in said.replace("\n", " ")
    assert "make run" in said.replace("\n", " ")
    assert asked == []
