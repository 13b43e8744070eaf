"""Sending messages: one POST, or one mail session. Every wait is short, and no error text of a server is passed on.

What a failed message means for the run belongs to the package's `__init__`: nothing.
"""

from __future__ import annotations

import smtplib
import ssl
import time
from collections.abc import Callable, Sequence
from email.message import EmailMessage
from email.utils import formatdate, make_msgid

import requests
import urllib3

from dagster_project.alerting import messages
from dagster_project.alerting.messages import Message
from dagster_project.alerting.settings import Mailbox, Webhook

_CONNECT_SECONDS = 5.0
_ANSWER_SECONDS = 10.0
_ATTEMPTS = 3
_WAIT_SECONDS = 1.0
_BUSY = (429, 500, 502, 503, 504)
_LARGEST_ANSWER = 1 << 16


class NotSent(Exception):
    """A channel did not take a message; the text says why, without an address or a secret."""


def post(webhook: Webhook, waiting: Sequence[Message], taken: Callable[[Message], None]) -> None:
    """Post messages one after another, `taken` after each; raises `NotSent` at the first that is not taken."""
    with requests.Session() as session:
        session.trust_env = not webhook.is_here
        for message in waiting:
            _post(session, webhook, message)
            taken(message)


def _post(session: requests.Session, webhook: Webhook, message: Message) -> None:
    reason = ""
    for attempt in range(_ATTEMPTS):
        if attempt:
            time.sleep(_WAIT_SECONDS)
        request = messages.request(webhook, message, time.time())
        try:
            with session.post(
                request.url,
                data=request.body,
                headers=request.headers,
                timeout=(_CONNECT_SECONDS, _ANSWER_SECONDS),
                allow_redirects=False,
                stream=True,
            ) as answer:
                told = answer.raw.read(_LARGEST_ANSWER, decode_content=True)
                status = answer.status_code
        except requests.exceptions.SSLError:
            raise NotSent("no trusted TLS connection") from None
        except requests.exceptions.ConnectionError as problem:
            if not (problem.args and isinstance(problem.args[0], urllib3.exceptions.MaxRetryError)):
                # The line was there: it may have been taken, and asked again at once it would be told twice.
                raise NotSent("the connection was cut") from None
            reason = "no connection"
            continue
        except (requests.exceptions.Timeout, urllib3.exceptions.ReadTimeoutError):
            raise NotSent(f"no answer within {_ANSWER_SECONDS:.0f} s") from None
        except (requests.exceptions.RequestException, urllib3.exceptions.HTTPError) as problem:
            raise NotSent(type(problem).__name__) from None
        refused = messages.refusal(webhook.form, status, told)
        if refused is None:
            return
        reason = refused
        if status not in _BUSY:
            break
    raise NotSent(reason)


def mail(mailbox: Mailbox, waiting: Sequence[Message], taken: Callable[[Message], None]) -> None:
    """Send messages in one session, `taken` after each; raises `NotSent` at the first that is not taken."""
    try:
        with _session(mailbox) as session:
            for message in waiting:
                session.send_message(_mail(mailbox, message), mailbox.sender, list(mailbox.recipients))
                taken(message)
    except smtplib.SMTPResponseException as problem:
        raise NotSent(f"{type(problem).__name__} {problem.smtp_code}") from None
    except (smtplib.SMTPException, OSError) as problem:
        raise NotSent(type(problem).__name__) from None


def _session(mailbox: Mailbox) -> smtplib.SMTP:
    trusted = ssl.create_default_context()
    if mailbox.security == "ssl":
        session: smtplib.SMTP = smtplib.SMTP_SSL(mailbox.host, mailbox.port, timeout=_ANSWER_SECONDS, context=trusted)
    else:
        session = smtplib.SMTP(mailbox.host, mailbox.port, timeout=_ANSWER_SECONDS)
    try:
        if mailbox.security == "starttls":
            session.starttls(context=trusted)
        if mailbox.user and mailbox.password:
            session.login(mailbox.user, mailbox.password)
    except BaseException:
        session.close()
        raise
    return session


def _mail(mailbox: Mailbox, message: Message) -> EmailMessage:
    mail = EmailMessage()
    mail["Subject"], mail["From"], mail["To"] = message.subject, mailbox.sender, ", ".join(mailbox.recipients)
    mail["Date"], mail["Message-ID"] = formatdate(), make_msgid(domain="omnihouse.invalid")
    mail["Auto-Submitted"] = "auto-generated"
    mail.set_content(message.text + "\n")
    return mail
