"""How alerts read, and the body that each chat product wants of them. Pure; nothing here sends."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from dataclasses import asdict, dataclass
from typing import Any
from urllib.parse import urlencode

from dagster_project.alerting.causes import TITLES, Alert
from dagster_project.alerting.settings import Webhook

# The shortest of the products' limits: WeCom cuts a text at 2,048 bytes.
_LONGEST = 2000
SIGNATURE = "X-Omnihouse-Signature"


@dataclass(frozen=True)
class Message:
    """One message: of one alert, or of all that are left when there are many."""

    home: str
    alerts: tuple[Alert, ...]

    @property
    def subject(self) -> str:
        """One line."""
        first = self.alerts[0]
        what = f"{TITLES[first.cause.kind]} ({first.cause.where})"
        if len(self.alerts) > 1:
            what = f"{len(self.alerts)} more alerts"
        return _plain(f"Omnihouse {self.home}, data to {first.day}: {what}")

    @property
    def text(self) -> str:
        """What, where, next step; cut where a product would cut it."""
        lines = [self.subject]
        for alert in self.alerts:
            if len(self.alerts) > 1:
                lines += ["", f"{alert.day}, {TITLES[alert.cause.kind]} ({alert.cause.where})"]
            lines += [alert.cause.what, f"Next: {alert.cause.next_step}", f"Run: {alert.run_id}"]
        text = "\n".join(map(_plain, lines))
        raw = text.encode()
        if len(raw) <= _LONGEST:
            return text
        return raw[: _LONGEST - 60].decode(errors="ignore") + " …\nThe whole list is in runs/alerts.jsonl of the home."


@dataclass(frozen=True)
class Request:
    """What is posted: address, headers, body."""

    url: str
    headers: dict[str, str]
    body: bytes


def request(webhook: Webhook, message: Message, at: float) -> Request:
    """The request of a message in the webhook's form, signed where a secret is set; `at` is the time in seconds."""
    text, url = message.text, webhook.url
    headers = {"Content-Type": "application/json; charset=utf-8"}
    content: dict[str, Any]
    if webhook.form == "slack":
        content = {"text": text.replace("&", "&amp;")}
    elif webhook.form == "feishu":
        content = {"msg_type": "text", "content": {"text": text}}
        if webhook.secret:
            stamp = str(int(at))
            content = {"timestamp": stamp, "sign": _hmac(f"{stamp}\n{webhook.secret}", ""), **content}
    elif webhook.form in ("dingtalk", "wecom"):
        content = {"msgtype": "text", "text": {"content": text}}
        if webhook.secret:
            stamp = str(int(at * 1000))
            signed = urlencode({"timestamp": stamp, "sign": _hmac(webhook.secret, f"{stamp}\n{webhook.secret}")})
            url += ("&" if "?" in url else "?") + signed
    else:
        content = {
            "home": message.home,
            "text": text,
            "alerts": [
                {"business_date": alert.day, "run_id": alert.run_id, **asdict(alert.cause)} for alert in message.alerts
            ],
        }
    body = json.dumps(content, ensure_ascii=False).encode()
    if webhook.form == "json" and webhook.secret:
        digest = hmac.new(webhook.secret.encode(), body, hashlib.sha256).hexdigest()
        headers[SIGNATURE] = f"sha256={digest}"
    return Request(url, headers, body)


def refusal(form: str, status: int, answer: bytes) -> str | None:
    """Why the product did not take a message, or None. Some answer 200 to what they refuse and say so in the body."""
    if not 200 <= status < 300:
        return f"HTTP {status}"
    if form in ("slack", "json"):
        return None
    try:
        told = json.loads(answer)
        code = next(told[name] for name in ("errcode", "code", "StatusCode") if name in told)
    except (ValueError, TypeError, StopIteration):
        return "the answer is none of this product's; check ALERTS__WEBHOOK__FORM"
    return None if code == 0 else f"error {int(code) if str(code).lstrip('-').isdigit() else 'unknown'}"


def _hmac(key: str, text: str) -> str:
    return base64.b64encode(hmac.new(key.encode(), text.encode(), hashlib.sha256).digest()).decode()


def _plain(text: str) -> str:
    """One line without what a product would read as a mention, a link or a tag."""
    return " ".join(text.replace("<", "‹").replace(">", "›").split())
