"""Settings that come in groups, such as `SOURCES__SHOPIFY__SHOP_URL`: where they are read and which of them are secret.

Belongs here: the two files and the environment that dlt reads as well. Not here: what a group's values mean.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from dagster_project.errors import ConfigurationError

Groups = Mapping[str, Mapping[str, str]]
_TELLING = 16


def read(environ: Mapping[str, str], project: Path, section: str) -> dict[str, dict[str, str]]:
    """A section's groups, lower-cased: the environment over `.dlt/secrets.toml` over `.dlt/config.toml`."""
    groups: dict[str, dict[str, str]] = {}
    for name in ("config.toml", "secrets.toml"):
        file = project / ".dlt" / name
        if file.exists():
            try:
                content: dict[str, Any] = tomllib.loads(file.read_text())
            except tomllib.TOMLDecodeError as problem:
                raise ConfigurationError(f".dlt/{name} is not valid TOML: {problem}. Mend that line.") from None
            for group, values in content.get(section, {}).items():
                if isinstance(values, dict):
                    groups.setdefault(group, {}).update({key.lower(): str(value) for key, value in values.items()})
    for key, value in environ.items():
        parts = key.split("__")
        if len(parts) == 3 and parts[0] == section.upper() and value.strip():
            groups.setdefault(parts[1].lower(), {})[parts[2].lower()] = value.strip()
    return groups


def secrets(sources: Groups, alerts: Groups) -> list[str]:
    """Every value that must never be shown, longest first; of a webhook its whole address, which is its password."""
    found: set[str] = set()
    for group in (*sources.values(), *alerts.values()):
        for name, value in group.items():
            if re.search(r"token|password|secret|key", name):
                found.add(value)
            elif "url" in name:
                parts = urlsplit(value)
                found |= {parts.password, value} if parts.password else {value} if parts.query else set()
    if address := alerts.get("webhook", {}).get("url"):
        parts = urlsplit(address)
        # A short path is no secret, and struck out it would spoil other addresses.
        found |= {address, parts.query, *(path for path in (parts.path,) if len(path) >= _TELLING)}
    return sorted((value for value in found if value and len(value) > 3), key=len, reverse=True)
