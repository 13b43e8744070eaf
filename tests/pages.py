"""What a browser would find on a page: its text, the addresses it fetches by itself, those it leads to, its faults."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path

_EMPTY = {"meta", "link", "br", "img", "input", "hr"}
_FETCHED = {"src", "srcset", "poster", "data", "xlink:href"}


@dataclass
class Page(HTMLParser):
    """A page as read."""

    text: str = ""
    fetched: list[str] = field(default_factory=list)
    links: list[str] = field(default_factory=list)
    titles: list[str] = field(default_factory=list)
    _open: list[str] = field(default_factory=list)

    @classmethod
    def read(cls, html: str | Path) -> Page:
        html = html if isinstance(html, str) else html.read_text("utf-8")
        page = cls()
        page.feed(html)
        page.close()
        assert not page._open, f"never closed: {page._open}"
        page.fetched += re.findall(r"(?:@import|url\()\s*['\"]?([^'\")\s;]+)", html)
        return page

    def __post_init__(self) -> None:
        super().__init__(convert_charrefs=True)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if name in _FETCHED or (tag == "link" and name == "href"):
                self.fetched.append(value or "")
            elif tag == "a" and name == "href":
                self.links.append(value or "")
        assert tag != "script", "a page needs no script"
        if tag not in _EMPTY:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in _EMPTY:
            self._open.pop()

    def handle_endtag(self, tag: str) -> None:
        assert self._open, f"{tag} closed before it was opened"
        assert self._open.pop() == tag, f"{tag} closed out of turn"

    def handle_data(self, data: str) -> None:
        if not {"style"} & set(self._open):
            self.text += data
        if "figcaption" in self._open:
            self.titles.append(data)


def check(file: Path) -> Page:
    """Read a page that asks nobody for anything, and whose links lead to files and places that are there."""
    html = file.read_text("utf-8")
    page = Page.read(html)
    assert [address for address in page.fetched if not address.startswith("data:")] == [], file
    for link in page.links:
        assert "://" not in link, link
        path, _, place = link.partition("#")
        assert (file.parent / path).exists(), f"{file} leads to {link}"
        if place:
            assert f'id="{place}"' in (html if not path else (file.parent / path).read_text("utf-8")), link
    return page
