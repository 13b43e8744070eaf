"""Reading JSON from a web API: one polite GET with time-outs, bounded retries and clear refusals.

What the pages mean and how they follow each other belongs to each source. Nothing is written to the API.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

import requests

from ingestion.source import SourceUnavailable

_CONNECT_SECONDS = 10
_SILENCE_SECONDS = 60
_BODY_SECONDS = 300
_ATTEMPTS = 6
# Nobody listening is rarely over in seconds; whoever runs the pull asks again later.
_CONNECTION_ATTEMPTS = 2
_NOT_THERE = ("no connection", "timed out")
_PATIENCE_SECONDS = 300.0
_LONGEST_WAIT_SECONDS = 60.0
_CHUNK_BYTES = 1 << 16


class Refused(SourceUnavailable):
    """The API answered and refused; `status` is its HTTP status. Asking again changes nothing."""

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status


@dataclass(frozen=True)
class Page:
    """One answer: the body's text as sent, and its `Link: rel=next` if it has one."""

    text: str
    next_url: str | None


class Api:
    """A JSON API at `base_url`. `name` is what messages call it; credentials appear in no message.

    `hints` says for a refusing status what its user can do about it. `pace` says, from an answer's headers, how many
    seconds to let pass before the next call, so that a limit which the API announces is not run into.
    """

    def __init__(
        self,
        name: str,
        base_url: str,
        headers: Mapping[str, str] | None = None,
        auth: tuple[str, str] | None = None,
        hints: Mapping[int, str] | None = None,
        sleep: Callable[[float], None] = time.sleep,
        *,
        pace: Callable[[Mapping[str, str]], float] | None = None,
    ) -> None:
        parts = urlsplit(base_url)
        self.name = name
        self.origin = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"
        self._hints = dict(hints or {})
        self._sleep = sleep
        self._pace = pace
        self._pause = 0.0
        self._session = requests.Session()
        # Proxies and .netrc credentials of the machine are not the company's settings for this API.
        self._session.trust_env = urlsplit(base_url).hostname not in {"127.0.0.1", "localhost"}
        self._session.headers.update({"Accept": "application/json", "User-Agent": "omnihouse", **(headers or {})})
        self._session.auth = auth

    def close(self) -> None:
        """Let go of the connections."""
        self._session.close()

    def get(self, target: str, parameters: Mapping[str, str] | None = None) -> Page:
        """Fetch a path, or a next-page URL, whose host is ignored so that the credential goes nowhere else."""
        parts = urlsplit(target)
        path = parts.path + (f"?{parts.query}" if parts.query else "")
        failures, waited = 0, 0.0
        if self._pause > 0:
            self._sleep(self._pause)
        while True:
            wait = min(2.0**failures / 2, _LONGEST_WAIT_SECONDS)
            try:
                with self._session.get(
                    self.origin + path,
                    params=dict(parameters or {}),
                    timeout=(_CONNECT_SECONDS, _SILENCE_SECONDS),
                    stream=True,
                    allow_redirects=False,
                ) as response:
                    body = _read(response)
            except requests.RequestException as error:
                failure = _plain(error)
            else:
                status = response.status_code
                self._pause = self._pace(response.headers) if self._pace else 0.0
                if status == 200 and _looks_whole(body):
                    return Page(body, response.links.get("next", {}).get("url"))
                failure = "the answer broke off" if status == 200 else f"status {status}"
                if status == 429 or status >= 500:
                    wait = _retry_after(response, wait)
                elif status != 200:
                    raise self._refusal(status, parts.path)
                if status == 429 and waited + wait <= _PATIENCE_SECONDS:
                    # Being told to slow down is no failure; only its sum is bounded.
                    waited += max(wait, 0.1)
                    self._sleep(wait)
                    continue
            failures += 1
            if failures >= (_CONNECTION_ATTEMPTS if failure in _NOT_THERE else _ATTEMPTS) or "429" in failure:
                raise SourceUnavailable(
                    f"{self.name} at {self.origin}{parts.path} did not answer ({failure}, attempt {failures}). Nothing "
                    "was loaded from it; the next run pulls everything missed. Check that the address is right and the "
                    "service is up."
                )
            self._sleep(wait)

    def _refusal(self, status: int, path: str) -> Refused:
        hint = self._hints.get(status, "Check the address and what the credential may read, then run again.")
        return Refused(f"{self.name} at {self.origin}{path} refused with status {status}. {hint}", status)


def _read(response: requests.Response) -> str:
    """The body, within a deadline: a server that sends a byte a second never runs into the time-out for silence."""
    deadline = time.monotonic() + _BODY_SECONDS
    chunks = []
    for chunk in response.iter_content(_CHUNK_BYTES):
        chunks.append(chunk)
        if time.monotonic() > deadline:
            raise requests.Timeout(f"the answer was not complete after {_BODY_SECONDS} seconds")
    return b"".join(chunks).decode("utf-8", "replace")


def _looks_whole(body: str) -> bool:
    # Without a Content-Length a cut connection looks like the end of the answer; a JSON document ends in its brace.
    return body.rstrip()[-1:] in {"}", "]"}


def _retry_after(response: requests.Response, otherwise: float) -> float:
    try:
        return min(max(float(response.headers["Retry-After"]), 0.0), _LONGEST_WAIT_SECONDS)
    except (KeyError, ValueError):
        return otherwise


def _plain(error: requests.RequestException) -> str:
    """What happened in a few words; the library's own text can hold the whole request."""
    if isinstance(error, requests.Timeout):
        return "timed out"
    if isinstance(error, requests.exceptions.SSLError):
        return "the TLS certificate was not accepted"
    if isinstance(error, (requests.exceptions.ChunkedEncodingError, requests.exceptions.ContentDecodingError)):
        return "the answer broke off"
    if isinstance(error, requests.ConnectionError):
        return "no connection"
    return type(error).__name__
