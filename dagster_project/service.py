"""The night that nobody watches: systemd units for the web server and the daemon, and what they start.

The daemon owns the schedule and the sensor and starts runs; the web server shows them and may be stopped at any time.
"""

from __future__ import annotations

import getpass
import os
import re
import sys
from pathlib import Path

from dagster_project import dagster_storage
from dagster_project.config import PROJECT, ConfigurationError, House

MODULE = ["--module-name", "dagster_project.definitions"]
UNITS = {"web": "the Dagster UI, on this machine only", "daemon": "schedule, sensor and runs"}
# What a unit is started with; credentials belong in the file by hand, or into .dlt/secrets.toml.
_KEPT = re.compile(r"OMNIHOUSE_[A-Z_]+|DEMO_(PERSONS|SEED)")
_UNIT = """\
[Unit]
Description=Omnihouse: {what}
After=network-online.target
Wants=network-online.target

[Service]
User={user}
WorkingDirectory={project}
EnvironmentFile={settings}
ExecStart={python} -m dagster_project {command}
Restart=on-failure
RestartSec=30
# A run that is going on may end its step; the night that is cut short is repeated by the next one.
KillMode=mixed
TimeoutStopSec=120
NoNewPrivileges=yes
ProtectSystem=full

[Install]
WantedBy=multi-user.target
"""


def install(prefix: Path, house: House, user: str | None = None) -> list[Path]:
    """Write both units below a prefix and, where there is none yet, the settings that they start with."""
    prefix = prefix.expanduser().resolve()
    units, settings = prefix / "lib" / "systemd" / "system", prefix / "etc" / "omnihouse.env"
    try:
        for folder in (units, settings.parent):
            folder.mkdir(parents=True, exist_ok=True)
        if not settings.exists():
            kept = {name: text for name, text in sorted(os.environ.items()) if _KEPT.fullmatch(name)}
            kept["OMNIHOUSE_HOME"] = str(house.home)
            settings.touch(mode=0o600)
            settings.write_text("".join(f'{name}="{text}"\n' for name, text in kept.items()))
        written = [settings]
        for command, what in UNITS.items():
            unit = units / f"omnihouse-{command}.service"
            unit.write_text(
                _UNIT.format(
                    what=what,
                    user=user or getpass.getuser(),
                    project=_escaped(PROJECT),
                    settings=_escaped(settings),
                    python=_escaped(Path(sys.prefix) / "bin" / "python"),
                    command=command,
                )
            )
            written.append(unit)
    except OSError as problem:
        raise ConfigurationError(
            f"{problem.filename} cannot be written ({problem.strerror}). Choose another PREFIX, or be a user who may."
        ) from problem
    return written


def start(house: House, program: str, *arguments: str) -> None:
    """Hand this process over to one of Dagster's own programs, on this home's runs and events."""
    house.settle_folders()
    dagster_storage.set_aside_damaged(house)
    os.environ["DAGSTER_HOME"] = str(house.dagster)
    executable = str(Path(sys.executable).parent / program)
    os.chdir(PROJECT)
    os.execv(executable, [executable, *arguments, *MODULE])


def address() -> list[str]:
    """Where the web server listens: on this machine only, for Dagster asks nobody who they are."""
    return ["--host", "127.0.0.1", "--port", os.environ.get("OMNIHOUSE_UI_PORT", "3000")]


def _escaped(path: Path) -> str:
    """A path as a unit file has it: `%` begins a specifier there, and a space ends a word."""
    return str(path).replace("%", "%%").replace(" ", "\\x20")
