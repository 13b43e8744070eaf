"""The commands: run, retrain, rebuild, verify, quarantine, backup, restore, rollback, reject,
metrics, rfm, ui, web, daemon, service, dbt-docs.

Exit codes: those of the contract. Only reads the request and prints the outcome; what a run does is in the asset graph,
which the schedule and the UI start in the same way.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import shutil
import signal
import sys
from datetime import date, datetime
from pathlib import Path
from typing import Any

from dagster_project import garbage, service, upkeep
from dagster_project.config import ConfigurationError, House, silence_telemetry
from dagster_project.lock import AlreadyRunning, HomeLock
from dagster_project.replay import ReplayFailed

_WRONG_USAGE = 2


class RunDied(Exception):
    """A run that could not come to its end; the text says what became of it and what to do."""


# What does not ask whether the settings of today fit the home.
_OF_ANY_HOME = ("backup", "restore")


def main(arguments: list[str] | None = None) -> int:
    """Run one command; returns the exit code."""
    silence_telemetry()
    parser = argparse.ArgumentParser(prog="python -m dagster_project", description=__doc__)
    parser.add_argument("-v", "--verbose", action="store_true", help="show the traceback of an error")
    commands = parser.add_subparsers(dest="command", required=True)
    run = commands.add_parser("run", help="tonight's job; NIGHTS and UNTIL as in the README")
    run.add_argument("--nights", default=os.environ.get("NIGHTS", ""), help="how many nights; 0: nothing new")
    run.add_argument("--until", default=os.environ.get("UNTIL", ""), help="until this night of the demo company")
    rebuild = commands.add_parser("rebuild", help="the warehouse anew from the lake and the decisions")
    retrain = commands.add_parser("retrain", help="learn a new model of probable links, with nothing new pulled in")
    for command in (run, rebuild, retrain):
        command.add_argument(
            "--accept-restatement",
            action="store_true",
            default=os.environ.get("ACCEPT_RESTATEMENT", "").strip().lower() in ("1", "y", "yes", "true"),
            help="publish although ids move for new rules, a new model, or many at once",
        )
    commands.add_parser("rollback", help="make the publication before current again")
    commands.add_parser("verify", help="check lake, decisions and publication against their records")
    quarantine = commands.add_parser("quarantine", help="what was set aside and why: by source, table and rule")
    quarantine.add_argument("--source", default="", help="only this source, with the keys of its rows")
    quarantine.add_argument("--rule", default="", help="only this rule, with the keys of its rows")
    backup = commands.add_parser("backup", help="copy what the home cannot make again into a folder elsewhere")
    backup.add_argument("--to", required=True, metavar="FOLDER")
    restore = commands.add_parser("restore", help="put a backup back, into a new home or the one it was made of")
    restore.add_argument("--from", required=True, metavar="FOLDER", dest="source")
    commands.add_parser("ui", help="the Dagster UI on 127.0.0.1:3000, schedule included")
    commands.add_parser("web", help="the web server of the UI alone, as its unit starts it")
    commands.add_parser("daemon", help="schedule, sensor and runs alone, as their unit starts them")
    units = commands.add_parser("service", help="install systemd units for both")
    units.add_argument("--prefix", default="/usr/local", metavar="FOLDER", help="units go to its lib/systemd/system")
    units.add_argument("--user", default="", help="who they run as; whoever installs them unless told")
    commands.add_parser("dbt-docs", help="dbt's documentation of the models as one page that needs no network")
    metrics = commands.add_parser("metrics", help="ask MetricFlow on the published file; its list without a question")
    metrics.add_argument("question", nargs=argparse.REMAINDER, help="as for mf, such as query --metrics aov")
    reject = commands.add_parser("reject", help="withdraw an admitted load; its rows leave at the next run")
    reject.add_argument("load_id")
    rfm = commands.add_parser("rfm", help="recency, frequency and money as of a past day: from the next run on, or now")
    rfm.add_argument("--as-of", required=True, metavar="DAY", help="the last day that counts, such as 2026-03-31")
    rfm.add_argument(
        "--known-at",
        default="",
        metavar="NIGHT",
        help="compute it at once, as this publication knew it (a run's id, its day or number, or now), and compare",
    )
    rfm.add_argument("--out", default="", metavar="FILE", help="with --known-at: a .csv or .parquet file for the rows")
    options = parser.parse_args(arguments)
    try:
        house = House.from_environment()
        if options.command not in _OF_ANY_HOME:
            house.is_demo()
        return _COMMANDS[options.command](house, options)
    except (ConfigurationError, AlreadyRunning) as problem:
        return upkeep.say(options.verbose, problem, _WRONG_USAGE)
    except (ReplayFailed, RunDied) as problem:
        return upkeep.say(options.verbose, problem, 1)
    except OSError as problem:
        told = f"{problem}. See that the home can be read and written; what is left half done the next run finishes."
        return upkeep.say(options.verbose, OSError(told), 1)
    except KeyboardInterrupt:
        print("\nStopped; the next run repeats this night.", file=sys.stderr)
        return 1


def _run(house: House, options: argparse.Namespace) -> int:
    nights, until = _number("NIGHTS", options.nights), _number("UNTIL", options.until)
    if until is not None:
        if not house.is_demo():
            raise ConfigurationError("UNTIL counts the demo company's nights; this home is a real company's.")
        done = _demo_nights(house)
        nights = max(0, until - done)
        if not nights:
            print(f"Night {done} of the demo company is published already; nothing to do.")
            return 0
    if nights == 0:
        return _one_run(house, "again", options)["exit_code"]
    outcome = 0
    for _ in range(1 if nights is None else nights):
        record = _one_run(house, "next", options)
        outcome = max(outcome, record["exit_code"])
        if not record["published"]:
            break
    return outcome


def _rebuild(house: House, options: argparse.Namespace) -> int:
    return _one_run(house, "rebuild", options)["exit_code"]


def _retrain(house: House, options: argparse.Namespace) -> int:
    return _one_run(house, "again", options, retrain=True)["exit_code"]


def _rollback(house: House, options: argparse.Namespace) -> int:
    from dagster_project import release
    from dagster_project.decisions import Decisions

    lock = HomeLock(house.home)
    lock.acquire()
    try:
        decisions = Decisions(house.lake)
        release.recover(house, decisions)
        target = release.previous(house, decisions)
        if target is None:
            raise ConfigurationError(
                f"{house.published} keeps no publication before the current one, so there is nothing to return to."
            )
        release.make_current(house, target)
        print(f"Readers now see the publication of run {target}. The next run publishes anew.")
        return 0
    finally:
        lock.release()


def _reject(house: House, options: argparse.Namespace) -> int:
    from ingestion import Ledger

    lock = HomeLock(house.home)
    lock.acquire()
    try:
        tables = Ledger(house.lake).reject(options.load_id, run_id="command")
        if not tables:
            raise ConfigurationError(
                f"No admitted load is called {options.load_id!r}. Its id stands in ops.loads of {house.published}/"
                "omnihouse.duckdb."
            )
        print(f"Load {options.load_id} is withdrawn ({', '.join(tables)}). Its rows leave at the next run.")
        return 0
    finally:
        lock.release()


def _metrics(house: House, options: argparse.Namespace) -> int:
    from dagster_project import metrics

    return metrics.ask(house, options.question or ["list", "metrics"])


def _dbt_docs(house: House, options: argparse.Namespace) -> int:
    from dagster_project import dbt_docs

    print(f"{dbt_docs.write(house)} is written; the front page leads to it from the next run on.")
    return 0


def _rfm(house: House, options: argparse.Namespace) -> int:
    """Keep the day among those asked for, or answer at once as a publication knew it."""
    from dagster_project.decisions import Decisions
    from dagster_project.rule_files import rfm_dates

    try:
        day = date.fromisoformat(options.as_of)
    except ValueError:
        raise ConfigurationError(f"--as-of is {options.as_of!r}; write a day such as 2026-03-31.") from None
    if options.known_at:
        from dagster_project import rfm_known_at

        # So that a scratch warehouse is removed when somebody ends the process.
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
        return rfm_known_at.answer(house, day, options.known_at, Path(options.out) if options.out else None)
    if options.out:
        raise ConfigurationError("--out is for the rows of an answer; write --known-at as well, such as now.")
    published = Decisions(house.lake).publications()
    if published and day > (last := house.last_day(datetime.fromisoformat(published[-1].as_of))):
        raise ConfigurationError(f"{day} was not over in the last publication, which is as of {last}. Ask once it is.")
    file = house.rules / "rfm_dates.csv"
    days = rfm_dates(file)
    if day in days:
        print(f"{day} stands in {file} already; marts.customer_rfm shows it from the run after that on.")
        return 0
    house.rules.mkdir(parents=True, exist_ok=True)
    fresh = file.with_suffix(".new")
    fresh.write_text("as_of_date\n" + "".join(f"{asked}\n" for asked in sorted({*days, day})))
    fresh.replace(file)
    print(f"{day} is noted in {file}; marts.customer_rfm shows it from the next run on.")
    return 0


def _ui(house: House, options: argparse.Namespace) -> int:
    """Hand this process over to Dagster's own; it ends with Ctrl-C."""
    service.start(house, "dagster", "dev", *service.address())
    return 0


def _web(house: House, options: argparse.Namespace) -> int:
    service.start(house, "dagster-webserver", *service.address())
    return 0


def _daemon(house: House, options: argparse.Namespace) -> int:
    service.start(house, "dagster-daemon", "run")
    return 0


def _service(house: House, options: argparse.Namespace) -> int:
    written = service.install(Path(options.prefix), house, options.user or None)
    print("\n".join(map(str, written)))
    print("Start them with: systemctl daemon-reload && systemctl enable --now omnihouse-web omnihouse-daemon")
    return 0


_COMMANDS = {
    "backup": upkeep.backup,
    "restore": upkeep.restore,
    "run": _run,
    "retrain": _retrain,
    "rebuild": _rebuild,
    "rollback": _rollback,
    "reject": _reject,
    "rfm": _rfm,
    "verify": upkeep.verify,
    "metrics": _metrics,
    "quarantine": upkeep.quarantine,
    "ui": _ui,
    "web": _web,
    "daemon": _daemon,
    "service": _service,
    "dbt-docs": _dbt_docs,
}


def _number(name: str, text: str) -> int | None:
    if not text.strip():
        return None
    if not text.strip().isdigit():
        raise ConfigurationError(f"{name} is {text!r}; it has to be a whole number.")
    return int(text)


def _demo_nights(house: House) -> int:
    """The last night of the demo company that is published, also where a crash kept it from being listed."""
    from dagster_project import release
    from dagster_project.decisions import Decisions

    decisions = Decisions(house.lake)
    lock = HomeLock(house.home)
    lock.acquire()
    try:
        release.recover(house, decisions)
    finally:
        lock.release()
    return max((publication.demo_night for publication in decisions.publications()), default=0)


def _one_run(house: House, mode: str, options: argparse.Namespace, retrain: bool = False) -> dict[str, Any]:
    """Execute the job in this process and return the run's record; raises `RunDied` where there is none."""
    HomeLock(house.home).probe()
    print("Setting the stage …", flush=True)
    garbage.collect_seldom()
    if not options.verbose:
        # Where dbt's log cannot be written, dagster-dbt's generators cannot be closed either; the run says it itself.
        sys.unraisablehook = lambda _: None
    from dagster_project import alerting, release
    from dagster_project.night import new_run_id

    run_id = new_run_id()
    night = {"run_id": run_id, "verbose": options.verbose, "accept_restatement": options.accept_restatement}
    job = "rebuild" if mode == "rebuild" else "nightly"
    if job == "nightly":
        night |= {"mode": mode, "retrain": retrain}
    file = house.runs / f"{run_id}.json"
    died: Exception | None = None
    try:
        _execute(house, job, night)
        if not file.exists():
            # What kept the record from being written took the run's own words with it, and says why once more.
            file.with_suffix(".tmp").write_text("")
        record: dict[str, Any] = json.loads(file.read_text())
        return record
    except (ConfigurationError, AlreadyRunning):
        raise
    except Exception as problem:
        # A step notes what goes wrong in it. What ends a run without a record is no step's: a full disk, as a rule.
        died = problem
    alerting.died(house, run_id)
    published = release.current(house) == run_id
    raise RunDied(
        f"The run {run_id} died: {' '.join(str(died).split())[:400]}. "
        + ("What it published is whole and current. " if published else "Readers keep the publication before. ")
        + f"See that {house.home} can be written and has room ({shutil.disk_usage(house.home).free >> 20:,} MB are "
        "free); the next run goes on from there. Run with -v to see more."
    ) from died


def _execute(house: House, job: str, night: dict[str, Any]) -> None:
    """Check what has to be in order, and run the job to its end; its record says how that was."""
    from dagster_project import preflight

    preflight.check_or_tell(house)
    import dagster as dg

    from dagster_project import dagster_storage
    from dagster_project.definitions import defs

    # What is loaded by now stays to the end.
    gc.freeze()
    dagster_storage.set_aside_damaged(house)
    with dg.DagsterInstance.from_config(str(house.dagster)) as instance:
        defs.resolve_job_def(job).execute_in_process(
            instance=instance,
            raise_on_error=False,
            run_config=night,
            tags={"omnihouse/run_id": night["run_id"], "omnihouse/mode": night.get("mode", job)},
        )
