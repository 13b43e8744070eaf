"""Each product gets the body it documents, signed as it wants it; mails go out encrypted; no secret is shown."""

from __future__ import annotations

import base64
import email
import email.policy
import hashlib
import hmac
import time
from urllib.parse import parse_qs, urlsplit

import pytest

from dagster_project.alerting import causes, channels, settings
from dagster_project.alerting.causes import Alert, Cause
from dagster_project.alerting.messages import SIGNATURE, Message, refusal
from dagster_project.config import House
from dagster_project.errors import ConfigurationError
from tests.unit.alert_receivers import mail_server, make_certificate, webhook

CAUSE = Cause("source", "pos <!channel> & co", "It could not be read.", "make run")
MESSAGE = Message("shop", (Alert("2026-06-30", "run1", CAUSE),))
TEXT = (
    "Omnihouse shop, data to 2026-06-30: a source is stale (pos ‹!channel› & co)\n"
    "It could not be read.\nNext: make run\nRun: run1"
)


def posted(form, answer=(200, b"ok", 0.0), secret=None, query=""):
    taken = []
    with webhook() as hook:
        hook.answer = answer
        channels.post(settings.Webhook(hook.url + query, form, secret), [MESSAGE], taken.append)
    assert taken == [MESSAGE]
    return hook.requests[0][0], hook.requests[0][1], hook.requests[0][2], hook.bodies[0]


def test_slack():
    """https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks: `text`, with & < > escaped."""
    _, headers, _, body = posted("slack")
    assert body == {"text": TEXT.replace("&", "&amp;")}
    assert headers["Content-Type"].startswith("application/json")


@pytest.mark.parametrize("answer", [b'{"code":0,"msg":"success","data":{}}', b'{"StatusCode":0,"StatusMessage":"ok"}'])
def test_feishu(answer):
    """Custom bots of open.feishu.cn: msg_type and content; the signature is keyed with stamp and secret, of nothing."""
    assert posted("feishu", (200, answer, 0.0))[3] == {"msg_type": "text", "content": {"text": TEXT}}
    body = posted("feishu", (200, answer, 0.0), secret="key")[3]
    assert set(body) == {"timestamp", "sign", "msg_type", "content"}
    assert abs(int(body["timestamp"]) - time.time()) < 60
    expected = hmac.new(f"{body['timestamp']}\nkey".encode(), b"", hashlib.sha256).digest()
    assert base64.b64decode(body["sign"]) == expected


def test_dingtalk():
    """Custom robots of open.dingtalk.com: stamp in milliseconds and signature in the address, beside the token."""
    path, _, _, body = posted("dingtalk", (200, b'{"errcode":0,"errmsg":"ok"}', 0.0), "SECkey", "?access_token=t")
    assert body == {"msgtype": "text", "text": {"content": TEXT}}
    query = parse_qs(urlsplit(path).query)
    assert query["access_token"] == ["t"]
    stamp = query["timestamp"][0]
    assert abs(int(stamp) / 1000 - time.time()) < 60
    expected = hmac.new(b"SECkey", f"{stamp}\nSECkey".encode(), hashlib.sha256).digest()
    assert base64.b64decode(query["sign"][0]) == expected


def test_wecom():
    """Group robots of developer.work.weixin.qq.com: msgtype and content of at most 2,048 bytes."""
    path, _, _, body = posted("wecom", (200, b'{"errcode":0,"errmsg":"ok"}', 0.0), query="?key=k")
    assert body == {"msgtype": "text", "text": {"content": TEXT}}
    assert urlsplit(path).query == "key=k"
    long = Message("shop", (Alert("2026-06-30", "run1", Cause("source", "店" * 900, "x", "make run")),))
    assert len(long.text.encode()) <= 2048


def test_json():
    _, headers, raw, body = posted("json", secret="key")
    assert body == {
        "home": "shop",
        "text": TEXT,
        "alerts": [
            {"business_date": "2026-06-30", "run_id": "run1", "kind": "source", "where": "pos <!channel> & co",
             "what": "It could not be read.", "next_step": "make run"}
        ],
    }  # fmt: skip
    assert headers[SIGNATURE] == "sha256=" + hmac.new(b"key", raw, hashlib.sha256).hexdigest()


@pytest.mark.parametrize(
    ("form", "answer", "said"),
    [
        ("feishu", b'{"code":19021,"msg":"sign match fail"}', "error 19021"),
        ("dingtalk", b'{"errcode":310000,"errmsg":"sign not match"}', "error 310000"),
        ("wecom", b'{"errcode":93000,"errmsg":"invalid webhook url"}', "error 93000"),
        ("wecom", b"ok", "ALERTS__WEBHOOK__FORM"),
        ("dingtalk", b"[1]", "ALERTS__WEBHOOK__FORM"),
        ("feishu", b'{"code":"of anna@example.com"}', "error unknown"),
    ],
)
def test_a_refusal_that_comes_as_200_is_one(form, answer, said):
    assert said in refusal(form, 200, answer)
    with pytest.raises(channels.NotSent) as caught:
        posted(form, (200, answer, 0.0))
    assert "anna" not in str(caught.value)


def test_every_kind_of_cause_has_a_title():
    assert set(causes.TITLES) == set(causes.KINDS)


@pytest.fixture
def certificate(tmp_path, monkeypatch):
    made = make_certificate(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(made))
    return made


@pytest.mark.parametrize("security", ["starttls", "ssl", "none"])
def test_a_mail_for_each_cause_in_one_session(certificate, security):
    password = "geheim" if security != "none" else None
    taken = []
    with mail_server(security, certificate, password) as server:
        box = settings.Mailbox(
            "localhost", server.port, security, "data@example.com", ("anna@example.com", "bo@example.com"),
            "data" if password else None, password,
        )  # fmt: skip
        channels.mail(box, [MESSAGE, MESSAGE], taken.append)
    assert taken == [MESSAGE, MESSAGE]
    assert server.was_encrypted == (security != "none")
    recipients, text = server.mails[0]
    assert [line.split("<")[1].split(">")[0] for line in recipients] == ["anna@example.com", "bo@example.com"]
    mail = email.message_from_string(text, policy=email.policy.default)
    # A line that is folded between two encoded words comes back with a blank more.
    assert mail["Subject"].split() == TEXT.split("\n")[0].split()
    assert mail.get_content().replace("\r\n", "\n").strip() == TEXT
    assert mail["Message-ID"]
    assert mail["Auto-Submitted"] == "auto-generated"


def test_a_wrong_password_is_told_without_what_the_server_says(certificate):
    with mail_server("starttls", certificate, "geheim") as server:
        box = settings.Mailbox("localhost", server.port, "starttls", "a@b.test", ("c@d.test",), "data", "falsch")
        with pytest.raises(channels.NotSent, match="SMTPAuthenticationError 535") as caught:
            channels.mail(box, [MESSAGE], lambda _: None)
    assert "anna" not in str(caught.value)
    assert server.mails == []


def test_a_mail_server_nobody_vouches_for_gets_no_password(certificate, monkeypatch):
    monkeypatch.delenv("SSL_CERT_FILE")
    with mail_server("starttls", certificate, "geheim") as server:
        box = settings.Mailbox("localhost", server.port, "starttls", "a@b.test", ("c@d.test",), "data", "geheim")
        with pytest.raises(channels.NotSent, match="SSLCertVerificationError"):
            channels.mail(box, [MESSAGE], lambda _: None)


MAIL = {
    "ALERTS__EMAIL__HOST": "smtp.test",
    "ALERTS__EMAIL__FROM": "a@b.test",
    "ALERTS__EMAIL__TO": "c@d.test, e@f.test",
}
WEBHOOK = {"ALERTS__WEBHOOK__URL": "https://x.test"}


def configured(tmp_path, **env):
    return House.from_environment({"OMNIHOUSE_HOME": str(tmp_path), **env})


def test_settings_and_their_defaults(tmp_path):
    found = settings.read(configured(tmp_path, **MAIL, ALERTS__WEBHOOK__URL="https://hooks.test/x").alerts)
    assert found.names == ("webhook", "email")
    assert (found.webhook.form, found.email.security, found.email.port) == ("json", "starttls", 587)
    assert found.email.recipients == ("c@d.test", "e@f.test")
    assert settings.read(configured(tmp_path, **MAIL, ALERTS__EMAIL__SECURITY="ssl").alerts).email.port == 465


@pytest.mark.parametrize(
    ("env", "named"),
    [
        ({"ALERTS__WEBHOOK__FORM": "slack"}, "ALERTS__WEBHOOK__URL"),
        ({"ALERTS__WEBHOOK__URL": "hooks.test/x"}, "ALERTS__WEBHOOK__URL"),
        ({"ALERTS__WEBHOOK__URL": "http://hooks.test/x"}, "ALERTS__WEBHOOK__URL"),
        ({"ALERTS__WEBHOOK__URL": "https://hooks.test:99999/x"}, "ALERTS__WEBHOOK__URL"),
        ({**WEBHOOK, "ALERTS__WEBHOOK__FORM": "teams"}, "ALERTS__WEBHOOK__FORM"),
        (
            {
                "ALERTS__WEBHOOK__URL": "https://x.test",
                "ALERTS__WEBHOOK__FORM": "wecom",
                "ALERTS__WEBHOOK__SECRET": "k",
            },
            "ALERTS__WEBHOOK__SECRET",
        ),
        ({"ALERTS__WEBHOOK__URI": "https://x.test"}, "ALERTS__WEBHOOK__URI"),
        ({"ALERTS__PAGER__URL": "https://x.test"}, "ALERTS__PAGER"),
        ({**MAIL, "ALERTS__EMAIL__TO": ""}, "ALERTS__EMAIL__TO"),
        ({**MAIL, "ALERTS__EMAIL__TO": "Anna"}, "ALERTS__EMAIL__TO"),
        ({**MAIL, "ALERTS__EMAIL__PORT": "smtp"}, "ALERTS__EMAIL__PORT"),
        ({**MAIL, "ALERTS__EMAIL__SECURITY": "tls"}, "ALERTS__EMAIL__SECURITY"),
        ({**MAIL, "ALERTS__EMAIL__USER": "data"}, "ALERTS__EMAIL__PASSWORD"),
        (
            {**MAIL, "ALERTS__EMAIL__USER": "d", "ALERTS__EMAIL__PASSWORD": "p", "ALERTS__EMAIL__SECURITY": "none"},
            "ALERTS__EMAIL__SECURITY",
        ),
    ],
)
def test_a_wrong_setting_is_named(tmp_path, env, named):
    with pytest.raises(ConfigurationError, match=named):
        settings.read(configured(tmp_path, **env).alerts)


def test_secrets_of_alerts_are_known_and_not_shown(tmp_path):
    found = configured(
        tmp_path, **MAIL, ALERTS__EMAIL__USER="data", ALERTS__EMAIL__PASSWORD="geheim",
        ALERTS__WEBHOOK__URL="https://hooks.test/services/T0/token?key=k123", ALERTS__WEBHOOK__SECRET="signing",
    )  # fmt: skip
    assert {
        "geheim",
        "signing",
        "https://hooks.test/services/T0/token?key=k123",
        "/services/T0/token",
        "key=k123",
    } == set(found.secrets())
    read = settings.read(found.alerts)
    for secret in ("geheim", "signing", "token"):
        assert secret not in repr(found) + repr(read)
    short = configured(tmp_path, ALERTS__WEBHOOK__URL="https://hooks.test/api")
    assert short.secrets() == ["https://hooks.test/api"]
