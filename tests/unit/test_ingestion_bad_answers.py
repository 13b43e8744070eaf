"""What is no answer of the API at all: web pages, floods, detours, strangers. One clear message, no secret, no hang."""

from __future__ import annotations

import ssl
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from ingestion import BadDelivery, ConfigurationError, IngestionError, Ledger, SourceUnavailable, http_api, land, plan
from ingestion.sources import discover

TOKEN = "shpat_very_secret"
NOW = datetime(2026, 8, 10, tzinfo=UTC)
Answer = Callable[[BaseHTTPRequestHandler], None]


@contextmanager
def serving(answer: Answer, context: ssl.SSLContext | None = None) -> Iterator[tuple[int, list[str]]]:
    """A loopback server; yields its port and the paths asked for."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            answer(self)

        def log_message(self, format: str, *args: object) -> None:
            """Quiet."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        server.block_on_close = False
        if context:
            server.socket = context.wrap_socket(server.socket, server_side=True)
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        yield server.server_port, asked
        server.shutdown()


@pytest.fixture(autouse=True)
def _no_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_api.Api.__init__, "__defaults__", (None, None, None, lambda seconds: None))


def refusal(root: Path, address: str) -> IngestionError:
    """What a pull of a shop at an address ends in."""
    settings = {"shopify": {"shop_url": address, "access_token": TOKEN}}
    (delivery,) = plan(discover()["shopify"], settings, [], [], Ledger(root / "lake"), now=NOW)
    begun = time.monotonic()
    with pytest.raises(IngestionError) as caught:
        land(delivery, root / "lake", root / "work")
    assert time.monotonic() - begun < 60
    assert TOKEN not in str(caught.value)
    assert "\n" not in str(caught.value)
    return caught.value


def sends(body: bytes, status: int = 200, **headers: str) -> Answer:
    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(status)
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)

    return answer


@pytest.mark.parametrize(
    "answer",
    [
        sends(b"<!DOCTYPE html><html><body>Please log in {}</body></html>", Content_Type="text/html; charset=utf-8"),
        sends("\ufeff\n <html>{}</html>".encode(), Content_Type="application/json"),
    ],
)
def test_a_web_page_instead_of_data(tmp_path: Path, answer: Answer) -> None:
    with serving(answer) as (port, asked):
        problem = refusal(tmp_path, f"http://127.0.0.1:{port}")
    assert isinstance(problem, BadDelivery)
    assert "answered with a web page instead of data" in str(problem)
    assert len(asked) == 1


def test_an_answer_that_does_not_end_is_not_read_to_its_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sent = 0

    def flood(handler: BaseHTTPRequestHandler) -> None:
        nonlocal sent
        handler.send_response(200)
        handler.end_headers()
        try:
            while sent < 1 << 30:
                handler.wfile.write(b'{"orders": [' + b" " * (1 << 20))
                sent += 1 << 20
        except OSError:
            pass

    monkeypatch.setattr(http_api, "_LARGEST_BYTES", 8 << 20)
    with serving(flood) as (port, _):
        problem = refusal(tmp_path, f"http://127.0.0.1:{port}")
    assert isinstance(problem, BadDelivery)
    assert "answered with more than 8 MB" in str(problem)
    assert sent < 64 << 20


def test_the_limit_of_an_answer_is_well_above_a_full_page_and_below_a_hundred_megabytes() -> None:
    assert 32 << 20 <= http_api._LARGEST_BYTES < 100 << 20


def test_a_byte_now_and_then_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def drip(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.end_headers()
        try:
            for _ in range(1000):
                handler.wfile.write(b" ")
                time.sleep(0.02)
        except OSError:
            pass

    monkeypatch.setattr(http_api, "_BODY_SECONDS", 0.3)
    with serving(drip) as (port, asked):
        problem = refusal(tmp_path, f"http://127.0.0.1:{port}")
    assert isinstance(problem, SourceUnavailable)
    assert "timed out" in str(problem)
    assert len(asked) == 2


def test_silence_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    done = threading.Event()
    monkeypatch.setattr(http_api, "_SILENCE_SECONDS", 0.2)
    with serving(lambda handler: bool(done.wait(10)) and None) as (port, _):
        problem = refusal(tmp_path, f"http://127.0.0.1:{port}")
        done.set()
    assert "timed out" in str(problem)


def test_a_redirect_takes_no_credential_along(tmp_path: Path) -> None:
    with serving(sends(b"{}")) as (stranger, visited):
        location = f"http://localhost:{stranger}/login?next={TOKEN}"
        with serving(sends(b"", 302, Location=location)) as (port, asked):
            problem = refusal(tmp_path, f"http://127.0.0.1:{port}")
    assert "It points to http://localhost" in str(problem)
    assert (len(asked), len(visited)) == (1, 0)


def test_a_next_page_at_a_stranger_is_asked_of_the_shop(tmp_path: Path) -> None:
    with serving(sends(b"{}")) as (stranger, visited):
        link = f'<http://localhost:{stranger}/admin/api/x/orders.json?page_info=a>; rel="next"'
        with serving(sends(b'{"orders": []}', Link=link)) as (port, asked):
            problem = refusal(tmp_path, f"http://127.0.0.1:{port}")
    assert "lead in a circle" in str(problem)
    assert not visited
    assert len(asked) < 20


def test_plain_http_where_tls_was_meant(tmp_path: Path) -> None:
    with serving(sends(b"{}")) as (port, asked):
        problem = refusal(tmp_path, f"https://127.0.0.1:{port}")
    assert isinstance(problem, SourceUnavailable)
    assert "does not speak TLS" in str(problem)
    assert not asked


def test_a_certificate_that_nobody_vouches_for(tmp_path: Path) -> None:
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    command = ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj", "/CN=127.0.0.1"]
    try:
        subprocess.run(
            ["openssl", *command, "-keyout", key, "-out", certificate], check=True, capture_output=True, timeout=60
        )
    except FileNotFoundError:
        pytest.skip("no openssl is installed to make a certificate with")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    with serving(sends(b"{}"), context) as (port, asked):
        problem = refusal(tmp_path, f"https://127.0.0.1:{port}")
    assert "certificate is not one that this machine accepts" in str(problem)
    assert not asked


@pytest.mark.parametrize("address", ["x.myshopify.com", "ftp://x.example", "https://", "//x"])
def test_an_address_that_is_none(tmp_path: Path, address: str) -> None:
    problem = refusal(tmp_path, address)
    assert isinstance(problem, ConfigurationError)
    assert "has to begin with https://" in str(problem)


def test_a_host_that_does_not_exist(tmp_path: Path) -> None:
    problem = refusal(tmp_path, "http://no-such-host.invalid")
    assert isinstance(problem, SourceUnavailable)
    assert "did not answer" in str(problem)
