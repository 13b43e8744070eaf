"""The ground the demo company's HTTP servers stand on: JSON replies, routing to one handler, ports, threads.

Belongs here: what shop and desk have in common as servers. Does not belong here: any vendor's API.
"""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, urlsplit


@dataclass(frozen=True, slots=True)
class Request:
    """A GET request: path without query, query values by name, headers, and the address the client used."""

    path: str
    query: dict[str, str]
    headers: Message
    base_url: str


@dataclass(frozen=True, slots=True)
class Reply:
    """A reply; ``body`` is JSON text or an object to be written as JSON.

    Of a reply that is ``cut`` only half the body leaves before the connection is closed; one that is ``slow`` rests for
    so many seconds in the middle.
    """

    status: int
    body: object
    headers: dict[str, str] = field(default_factory=dict)
    cut: bool = False
    slow: float = 0.0


Handler = Callable[[Request], Reply]


class Throttle:
    """Counts requests; early on and then at regular intervals one of them is one too many."""

    def __init__(self, first: int, every: int) -> None:
        self.first, self.every = first, every
        self._count = 0
        self._lock = threading.Lock()

    def next(self) -> tuple[int, bool]:
        """(running number of this request, whether it is refused)."""
        with self._lock:
            self._count += 1
            return self._count, self._count % self.every == self.first


def json_server(handler: Handler) -> ThreadingHTTPServer:
    """A server on a free loopback port that answers GET with the handler's JSON."""

    class _Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True
        wbufsize = -1  # head and body leave in one packet

        def do_GET(self) -> None:
            address = urlsplit(self.path)
            query = dict(parse_qsl(address.query, keep_blank_values=True))
            scheme = self.headers.get("X-Forwarded-Proto", "http")
            base_url = f"{scheme}://{self.headers.get('Host', '127.0.0.1')}"
            reply = handler(Request(address.path, query, self.headers, base_url))
            text = reply.body if isinstance(reply.body, str) else json.dumps(reply.body, ensure_ascii=False)
            body = text.encode()
            self.send_response(reply.status)
            self.send_header("Content-Type", "application/json; charset=utf-8")
            self.send_header("Content-Length", str(len(body)))
            for name, value in reply.headers.items():
                self.send_header(name, value)
            self.end_headers()
            half = len(body) // 2
            self.wfile.write(body[:half])
            if reply.slow:
                self.wfile.flush()
                time.sleep(reply.slow)
            if reply.cut:
                self.close_connection = True
            else:
                self.wfile.write(body[half:])
            self.wfile.flush()

        def log_message(self, format: str, *args: object) -> None:
            """Stay quiet: a run's log belongs to the run."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    server.daemon_threads = True
    server.block_on_close = False
    return server


@contextmanager
def serving(server: ThreadingHTTPServer) -> Iterator[int]:
    """Run a server in a daemon thread; yields its port."""
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield int(server.server_address[1])
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@contextmanager
def silent_port() -> Iterator[int]:
    """A loopback port that is taken and on which nobody listens: connections to it are refused."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as held:
        held.bind(("127.0.0.1", 0))
        yield int(held.getsockname()[1])


def page_text(name: str, bodies: list[str]) -> str:
    """``{"orders": [...]}`` from documents that are JSON text already."""
    return f'{{"{name}":[{",".join(bodies)}]}}'
