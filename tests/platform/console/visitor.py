"""A visitor of the console without a browser: pages by plain HTTP, forms with their proof."""

from __future__ import annotations

import re
from html import unescape
from html.parser import HTMLParser

import requests


class Page(HTMLParser):
    """An answer, with what its HTML holds."""

    def __init__(self, answer: requests.Response) -> None:
        super().__init__()
        self.answer = answer
        self.status = answer.status_code
        self.html = answer.text
        self.path = re.sub(r"^https?://[^/]+", "", answer.url)
        self.tags: list[tuple[str, dict[str, str]]] = []
        self._words: list[str] = []
        if answer.headers.get("content-type", "").startswith("text/html"):
            self.feed(answer.text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, {name: value or "" for name, value in attrs}))

    def handle_data(self, data: str) -> None:
        self._words.append(data)

    @property
    def text(self) -> str:
        """Words of the page, with single blanks."""
        return " ".join(" ".join(self._words).split())

    def all(self, tag: str, **attributes: str) -> list[dict[str, str]]:
        """Attributes of the elements of a tag that have these."""
        return [
            found for name, found in self.tags if name == tag and all(found.get(k) == v for k, v in attributes.items())
        ]

    @property
    def links(self) -> list[str]:
        """Where the page leads."""
        return [link["href"] for link in self.all("a") if "href" in link]


class Visitor:
    """Keeps cookies as a browser does; `csrf` is that of the last page."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.session = requests.Session()
        self.session.trust_env = False
        self.csrf = ""

    def get(self, path: str, **options: object) -> Page:
        """Open a page, following where it leads."""
        return self._page(self.session.get(self._address(path), timeout=120, **options))  # type: ignore[arg-type]

    def post(self, path: str, fields: dict[str, object] | None = None, **options: object) -> Page:
        """Send a form with the last page's proof, unless the fields have another one."""
        data = {"csrf": self.csrf, **(fields or {})}
        return self._page(self.session.post(self._address(path), data=data, timeout=120, **options))  # type: ignore[arg-type]

    def sign_in(self, token: str, next: str = "/") -> Page:
        """Sign in by the form."""
        return self.post("/sign-in", {"token": token, "next": next})

    def _address(self, path: str) -> str:
        return path if path.startswith("http") else self.url + path

    def _page(self, answer: requests.Response) -> Page:
        found = re.search(r'name="csrf" value="([^"]*)"', answer.text)
        if found:
            self.csrf = unescape(found[1])
        return Page(answer)
