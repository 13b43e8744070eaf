"""The settings of key figures: one line of kpi_config.csv."""

from __future__ import annotations

import re
from pathlib import Path

from dagster_project.config import ConfigurationError
from dagster_project.rule_files.rows import only_row

_SHARE = r"0?\.\d{1,4}|0|1|1\.0{1,4}"


def check_kpi_config(file: Path) -> None:
    """Raise `ConfigurationError` unless the file is one line with a share above 0."""
    line, row = only_row(file, ["margin_share"])
    share = row["margin_share"] or ""
    if None in row or not re.fullmatch(_SHARE, share) or float(share) == 0:
        raise ConfigurationError(
            f"{file}, line {line}: margin_share is {share!r}; write a number above 0 and at most 1, with at most four "
            "decimals."
        )
