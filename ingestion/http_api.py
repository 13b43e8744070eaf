"""Reading JSON from a web API: one polite GET with time-outs, bounded retries and clear refusals.

What the pages mean and how they follow each other belongs to each source. Nothing is written to the API.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TypeVar
from urllib.parse import urlsplit

import requests
import urllib3

from ingestion.source import BadDelivery, ConfigurationError, SourceUnavailable

_CONNECT_SECONDS = 10
_SILENCE_SECONDS = 60
_BODY_SECONDS = 300
_ATTEMPTS = 6
# Nobody listening is rarely over in seconds; whoever runs the pull asks again later.
_CONNECTION_ATTEMPTS = 2
_NOT_THERE = ("no connection", "timed out")
_UNTRUSTED = "no trusted TLS connection"
_PATIENCE_SECONDS = 300.0
_LONGEST_WAIT_SECONDS = 60.0
_CHUNK_BYTES = 1 << 16
# A full page is a few megabytes; what is larger is no page, and memory is not for the server to fill.
_LARGEST_BYTES = 64 << 20
# What APIs answer to a page's address that they no longer know.
_EXPIRED = (400, 410, 422)
# A page may be delivered twice; pages that lead back to themselves again and again would never end.
_VISITS = 5

Content = TypeVar("Content")


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


def walk(
    first: Callable[[], Content], following: Callable[[Content], tuple[str, Callable[[], Content]] | None]
) -> Iterator[Content]:
    """The pages of a list; `following` gives a page's next one as its address and how to fetch it.

    An address that has expired leads back to the first page, once: the records that come twice are the same ones.
    """
    restarted, visits = False, Counter[str]()
    content = first()
    while True:
        yield content
        found = following(content)
        if found is None:
            return
        address, fetch = found
        visits[address] += 1
        if visits[address] > _VISITS:
            raise BadDelivery(
                f"The pages of {urlsplit(address).path} lead in a circle: the same next page was named {_VISITS + 1} "
                "times. Nothing was loaded; run again, and tell the vendor if it stays so."
            )
        try:
            content = fetch()
        except Refused as refusal:
            if refusal.status not in _EXPIRED or restarted:
                raise
            restarted = True
            content = first()


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
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ConfigurationError(
                f"The address of {name} has to begin with https:// and name a host, as https://<name>.example does."
            )
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
                if status == 200 and _is_web_page(response, body):
                    raise BadDelivery(
                        f"{self.name} at {self.origin}{parts.path} answered with a web page instead of data. Check "
                        "that the address is the API's own, and that no login page or proxy stands before it."
                    )
                failure = "the answer broke off" if status == 200 else f"status {status}"
                if status == 429 or status >= 500:
                    wait = _retry_after(response, wait)
                elif status != 200:
                    raise self._refusal(status, parts.path, response.headers.get("Location", ""))
                if status == 429 and waited + wait <= _PATIENCE_SECONDS:
                    # Being told to slow down is no failure; only its sum is bounded.
                    waited += max(wait, 0.1)
                    self._sleep(wait)
                    continue
            failures += 1
            if failure == _UNTRUSTED:
                raise SourceUnavailable(
                    f"{self.name} at {self.origin} is not trusted: its TLS certificate is not one that this machine "
                    "accepts, or it does not speak TLS. No credential was sent. Check the address and the machine's "
                    "clock; a company's own authority has to be in the file that REQUESTS_CA_BUNDLE names."
                )
            if failures >= (_CONNECTION_ATTEMPTS if failure in _NOT_THERE else _ATTEMPTS) or "429" in failure:
                raise SourceUnavailable(
                    f"{self.name} at {self.origin}{parts.path} did not answer ({failure}, attempt {failures}). Nothing "
                    "was loaded from it; the next run pulls everything missed. Check that the address is right and the "
                    "service is up."
                )
            self._sleep(wait)

    def _refusal(self, status: int, path: str, location: str) -> Refused:
        hint = self._hints.get(status, "Check the address and what the credential may read, then run again.")
        if 300 <= status < 400 and status not in self._hints:
            elsewhere = urlsplit(location)
            place = f"{elsewhere.scheme}://{elsewhere.hostname}" if elsewhere.hostname else "another address"
            hint = f"It points to {place}, and a credential is not carried along: set the address that answers itself."
        return Refused(f"{self.name} at {self.origin}{path} refused with status {status}. {hint}", status)


def _read(response: requests.Response) -> str:
    """The body, within a deadline and a size: a server that sends a byte a second never runs into the time-out for
    silence, and one that never stops would fill the memory."""
    deadline = time.monotonic() + _BODY_SECONDS
    chunks, size = [], 0
    for chunk in _arriving(response):
        chunks.append(chunk)
        size += len(chunk)
        if size > _LARGEST_BYTES:
            address = urlsplit(str(response.url))
            raise BadDelivery(
                f"{address.scheme}://{address.netloc.rpartition('@')[2]}{address.path} answered with more than "
                f"{_LARGEST_BYTES >> 20} MB, which is no page of data. Nothing was loaded from it; check the address."
            )
        if time.monotonic() > deadline:
            raise requests.Timeout(f"the answer was not complete after {_BODY_SECONDS} seconds")
    return b"".join(chunks).decode("utf-8", "replace")


def _arriving(response: requests.Response) -> Iterator[bytes]:
    """The body as it arrives; to wait for a full chunk would let a slow sender past every deadline."""
    try:
        while chunk := response.raw.read1(_CHUNK_BYTES, decode_content=True):
            yield chunk
    except urllib3.exceptions.ReadTimeoutError as error:
        raise requests.ReadTimeout(str(error)) from error
    except urllib3.exceptions.DecodeError as error:
        raise requests.exceptions.ContentDecodingError(str(error)) from error
    except urllib3.exceptions.HTTPError as error:
        raise requests.exceptions.ChunkedEncodingError(str(error)) from error


def _looks_whole(body: str) -> bool:
    # Without a Content-Length a cut connection looks like the end of the answer; a JSON document ends in its brace.
    return body.rstrip()[-1:] in {"}", "]"}


def _is_web_page(response: requests.Response, body: str) -> bool:
    kind = response.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    return kind in ("text/html", "application/xhtml+xml") or body.lstrip("\ufeff \t\r\n")[:1] == "<"


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
        return _UNTRUSTED
    if isinstance(error, (requests.exceptions.ChunkedEncodingError, requests.exceptions.ContentDecodingError)):
        return "the answer broke off"
    if isinstance(error, requests.ConnectionError):
        return "no connection"
    return type(error).__name__
