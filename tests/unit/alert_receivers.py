"""What takes alerts in the tests: a real HTTP server and a real mail server on this machine, each on a free port."""

from __future__ import annotations

import base64
import datetime
import http.server
import json
import socketserver
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


@dataclass
class Hook:
    """Requests that came in, and what the next ones are answered: status, body, seconds of silence before."""

    url: str = ""
    answers: list[tuple[int, bytes, float]] = field(default_factory=list)
    answer: tuple[int, bytes, float] = (200, b"ok", 0.0)
    requests: list[tuple[str, dict[str, str], bytes]] = field(default_factory=list)
    on_request: Callable[[], None] = lambda: None

    @property
    def bodies(self) -> list[dict]:
        return [json.loads(body) for _, _, body in self.requests]


@contextmanager
def webhook() -> Iterator[Hook]:
    hook = Hook()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            hook.requests.append((self.path, dict(self.headers), body))
            hook.on_request()
            status, text, silence = hook.answers.pop(0) if hook.answers else hook.answer
            time.sleep(silence)
            if not status:
                return
            self.send_response(status)
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        def log_message(self, *_: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        hook.url = f"http://127.0.0.1:{server.server_port}/services/T0/hook-key"
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield hook
        server.shutdown()


@dataclass
class MailServer:
    """Mails that came in, as they were sent; `password` is what a log-in has to give, None where none is offered."""

    port: int = 0
    password: str | None = None
    mails: list[tuple[list[str], str]] = field(default_factory=list)
    was_encrypted: bool = False


@contextmanager
def mail_server(security: str, certificate: Path, password: str | None = None) -> Iterator[MailServer]:
    """Enough of RFC 5321 for a client that greets, starts TLS, logs in with PLAIN and sends mails."""
    found = MailServer(password=password)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            wire = context.wrap_socket(self.request, server_side=True) if security == "ssl" else self.request
            encrypted, allowed, to = security == "ssl", found.password is None, []
            stream = wire.makefile("rwb")

            def say(*lines: str) -> None:
                for line in lines:
                    stream.write(line.encode() + b"\r\n")
                stream.flush()

            say("220 here")
            while line := stream.readline().decode().strip():
                command = line.split(" ")[0].upper()
                if command == "EHLO":
                    offered = ["STARTTLS"] if security == "starttls" and not encrypted else []
                    offered += ["AUTH PLAIN"] if found.password and encrypted else []
                    listed = ["here", *offered]
                    say(*[f"250-{one}" for one in listed[:-1]], f"250 {listed[-1]}")
                elif command == "STARTTLS":
                    say("220 go on")
                    wire = context.wrap_socket(wire, server_side=True)
                    stream, encrypted = wire.makefile("rwb"), True
                elif command == "AUTH":
                    given = base64.b64decode(line.split(" ")[2]).decode().split("\0")[2]
                    allowed = given == found.password
                    say("235 welcome" if allowed else "535 the password of anna@example.com is wrong")
                elif command == "RCPT":
                    to.append(line)
                    say("250 ok" if allowed else "530 log in first")
                elif command == "DATA":
                    say("354 go on")
                    text = []
                    while (part := stream.readline().decode()) != ".\r\n":
                        text.append(part)
                    found.mails.append((to, "".join(text)))
                    found.was_encrypted, to = encrypted, []
                    say("250 taken")
                elif command == "QUIT":
                    say("221 bye")
                    return
                else:
                    say("250 ok")

    class Server(socketserver.ThreadingTCPServer):
        daemon_threads = True

        def handle_error(self, *_: object) -> None:
            pass

    with Server(("127.0.0.1", 0), Handler) as server:
        found.port = server.server_address[1]
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield found
        server.shutdown()


def make_certificate(folder: Path) -> Path:
    """Key and certificate of `localhost` in one file, good for a day."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    file = folder / "localhost.pem"
    file.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        + made.public_bytes(serialization.Encoding.PEM)
    )
    return file
