"""Where alerts go: the groups `ALERTS__WEBHOOK__*` and `ALERTS__EMAIL__*`, checked before a run.

Here: what may be set and how it is read. Not here: the environment and its files, which `grouped_settings` reads.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from dagster_project.errors import ConfigurationError

FORMS = ("slack", "feishu", "dingtalk", "wecom", "json")
_SIGNING = ("feishu", "dingtalk", "json")
_PORTS = {"starttls": 587, "ssl": 465, "none": 25}
_NAMES = {
    "webhook": {"url", "form", "secret"},
    "email": {"host", "port", "security", "user", "password", "from", "to"},
}
_HERE = ("127.0.0.1", "::1", "localhost")
_ADDRESS = r"[^@\s,<>]+@[^@\s,<>]+"


@dataclass(frozen=True)
class Webhook:
    """An address that takes messages, in the form of the product behind it."""

    url: str = field(repr=False)
    form: str
    secret: str | None = field(default=None, repr=False)

    @property
    def is_here(self) -> bool:
        """Whether it is on this machine, to which no proxy leads."""
        return urlsplit(self.url).hostname in _HERE


@dataclass(frozen=True)
class Mailbox:
    """A mail server that takes messages for people; `security` is starttls, ssl or none."""

    host: str
    port: int
    security: str
    sender: str
    recipients: tuple[str, ...]
    user: str | None = None
    password: str | None = field(default=None, repr=False)


@dataclass(frozen=True)
class Channels:
    """The ways that are configured."""

    webhook: Webhook | None = None
    email: Mailbox | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """What the journal of alerts calls them."""
        return tuple(name for name in ("webhook", "email") if getattr(self, name))


def read(settings: Mapping[str, Mapping[str, str]]) -> Channels:
    """The channels that are set; raises `ConfigurationError` naming the first wrong setting, never its value."""
    for group, values in settings.items():
        if group not in _NAMES:
            raise ConfigurationError(f"ALERTS__{group.upper()} is no group of settings; there are WEBHOOK and EMAIL.")
        for name in values:
            if name not in _NAMES[group]:
                known = ", ".join(sorted(_NAMES[group])).upper()
                raise ConfigurationError(f"ALERTS__{group.upper()}__{name.upper()} is no setting; there are {known}.")
    return Channels(
        _webhook(settings["webhook"]) if settings.get("webhook") else None,
        _mailbox(settings["email"]) if settings.get("email") else None,
    )


def _webhook(values: Mapping[str, str]) -> Webhook:
    url, form, secret = values.get("url", ""), values.get("form", "json").lower(), values.get("secret")
    try:
        parts = urlsplit(url)
        complete = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        complete = False
    if not complete:
        raise ConfigurationError("ALERTS__WEBHOOK__URL has to be a whole address that begins with https://.")
    if parts.scheme == "http" and parts.hostname not in _HERE:
        raise ConfigurationError(
            "ALERTS__WEBHOOK__URL begins with http://, so that its secret would be readable on the way. Use https://."
        )
    if form not in FORMS:
        raise ConfigurationError(f"ALERTS__WEBHOOK__FORM is {form!r}; it has to be one of {', '.join(FORMS)}.")
    if secret and form not in _SIGNING:
        raise ConfigurationError(
            f"ALERTS__WEBHOOK__SECRET signs messages to {', '.join(_SIGNING)}; {form} has no signature. Remove it."
        )
    return Webhook(url, form, secret)


def _mailbox(values: Mapping[str, str]) -> Mailbox:
    for name in ("host", "from", "to"):
        if not values.get(name):
            raise ConfigurationError(
                f"ALERTS__EMAIL__{name.upper()} is missing. E-mail needs HOST, FROM and TO, and USER and PASSWORD "
                "where the server wants a log-in."
            )
    security = values.get("security", "starttls").lower()
    if security not in _PORTS:
        raise ConfigurationError(f"ALERTS__EMAIL__SECURITY is {security!r}; it has to be starttls, ssl or none.")
    port = values.get("port", str(_PORTS[security]))
    if not port.isdigit() or not 0 < int(port) < 65536:
        raise ConfigurationError(f"ALERTS__EMAIL__PORT is {port!r}; it has to be a number up to 65535.")
    if bool(values.get("user")) != bool(values.get("password")):
        raise ConfigurationError("ALERTS__EMAIL__USER and ALERTS__EMAIL__PASSWORD belong together; one is missing.")
    if security == "none" and values.get("user") and values["host"] not in _HERE:
        raise ConfigurationError(
            "ALERTS__EMAIL__SECURITY is none, so that the password would be readable on the way. Use starttls or ssl."
        )
    recipients = tuple(filter(None, re.split(r"[,;\s]+", values["to"])))
    for name, addresses in (("FROM", (values["from"],)), ("TO", recipients)):
        if not all(re.fullmatch(_ADDRESS, address) for address in addresses):
            raise ConfigurationError(f"ALERTS__EMAIL__{name} has to hold plain addresses such as data@example.com.")
    return Mailbox(
        values["host"], int(port), security, values["from"], recipients, values.get("user"), values.get("password")
    )
