"""A YAML file that people write: read safely, and refused with file, line and reason where it is wrong.

What the keys mean belongs to the module of each grammar.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, NoReturn

import yaml

from ingestion.source import ConfigurationError

Key = tuple[str, ...]


class YamlFile:
    """The content of one file, which has to be a set of keys, and the line of each key."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.lines: dict[Key, int] = {}

    def refuse(self, key: Key, reason: str) -> NoReturn:
        """Raise a ConfigurationError at the line of a key, or of the nearest one around it."""
        line = next((self.lines[key[:n]] for n in range(len(key), 0, -1) if key[:n] in self.lines), 1)
        where = f"{self.path}, line {line}" + (f", {'.'.join(key)}" if key else "")
        raise ConfigurationError(f"{where}: {reason}")

    def content(self, what: str, needed: tuple[str, ...], keys: frozenset[str]) -> dict[str, Any]:
        """The file's keys and values, of which there must be the `needed` ones and none but `keys`."""
        try:
            loader = yaml.SafeLoader(self.path.read_text(encoding="utf-8-sig"))
            node = loader.get_single_node()
            content = loader.construct_document(node) if node else None
        except (yaml.YAMLError, UnicodeDecodeError) as error:
            mark = getattr(error, "problem_mark", None)
            line = mark.line + 1 if mark else 1
            reason = getattr(error, "problem", None) or "the file is not UTF-8 text"
            raise ConfigurationError(f"{self.path}, line {line}: not valid YAML ({reason}).") from error
        if not isinstance(content, dict):
            self.refuse((), f"{what} is a set of keys, with at least {' and '.join(f'`{key}`' for key in needed)}.")
        self._remember(node, ())
        self.known_keys((), content, keys)
        for key in needed:
            if key not in content:
                self.refuse((), f"the key `{key}` is missing.")
        return content

    def known_keys(self, key: Key, content: dict[Any, Any], keys: frozenset[str]) -> None:
        """Refuse a key that the grammar does not have."""
        for name in content:
            if name not in keys:
                self.refuse((*key, str(name)), f"there is no such key; there are {', '.join(sorted(keys))}.")

    def text(self, key: Key, value: Any) -> str:
        """A value that has to be a text."""
        if not isinstance(value, str) or not value:
            self.refuse(key, f"{value!r} is not a text; put it in quotes.")
        return value

    def texts(self, key: Key, value: Any) -> tuple[str, ...]:
        """One text or a list of some."""
        values = value if isinstance(value, list) else [value]
        if not values:
            self.refuse(key, "the list is empty.")
        return tuple(self.text(key, one) for one in values)

    def _remember(self, node: yaml.Node | None, key: Key) -> None:
        if isinstance(node, yaml.MappingNode):
            for name, value in node.value:
                self.lines[*key, str(name.value)] = name.start_mark.line + 1
                self._remember(value, (*key, str(name.value)))
        elif isinstance(node, yaml.SequenceNode):
            for number, value in enumerate(node.value, start=1):
                self.lines[*key, str(number)] = value.start_mark.line + 1
                self._remember(value, (*key, str(number)))
