"""What every module of the project may raise at whoever gave the settings."""

from __future__ import annotations


class ConfigurationError(Exception):
    """A setting is wrong or two settings contradict each other; the text says which and what to do."""
