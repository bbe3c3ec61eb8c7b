"""A person with a browser without JavaScript: keeps cookies, reads pages, fills in forms, follows nothing unasked."""

import urllib.error
import urllib.request
from dataclasses import dataclass, field
from html.parser import HTMLParser
from http.cookiejar import CookieJar
from typing import Any
from urllib.parse import urlencode, urljoin, urlsplit


@dataclass
class Form:
    """`fields` are what a browser would send; `buttons` name → values of named buttons."""

    action: str
    method: str
    fields: dict[str, str] = field(default_factory=dict)
    buttons: list[tuple[str, str]] = field(default_factory=list)


@dataclass
class Page:
    status: int
    url: str
    headers: Any
    html: str
    text: str
    forms: list[Form]

    @property
    def location(self) -> str:
        """Where the answer redirects."""
        return urljoin(self.url, str(self.headers["Location"]))

    def form(self, part: str = "") -> Form:
        """The first form whose address ends in `part`, else the first that contains it."""
        ends = [form for form in self.forms if form.action.endswith(part)]
        return ends[0] if ends else next(form for form in self.forms if part in form.action)

    @property
    def own_form(self) -> Form:
        """The form that is sent to the page's own address."""
        return self.form(urlsplit(self.url).path)


class Reader(HTMLParser):
    """Collects visible text and forms."""

    def __init__(self) -> None:
        super().__init__()
        self.words: list[str] = []
        self.forms: list[Form] = []
        self.select = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "form":
            self.forms.append(Form(given.get("action", ""), given.get("method", "get")))
        if not self.forms:
            return
        form = self.forms[-1]
        name = given.get("name", "")
        if tag == "select":
            self.select = name
        elif tag == "option" and (self.select not in form.fields or "selected" in given):
            form.fields[self.select] = given.get("value", "")
        elif tag == "button" and name:
            form.buttons.append((name, given["value"]))
        elif tag in ("input", "textarea") and name:
            if given.get("type") in ("radio", "checkbox") and "checked" not in given:
                return
            form.fields[name] = given.get("value", "")

    def handle_data(self, data: str) -> None:
        self.words.append(data)


class Stay(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *args: Any, **kwargs: Any) -> None:
        return None


class Visitor:
    def __init__(self, url: str) -> None:
        self.url = url
        self.jar = CookieJar()
        self.opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(self.jar), Stay)

    def open(self, address: str, *, data: dict[str, str] | None = None) -> Page:
        """Fetch, or post `data`; a redirect is returned, not followed."""
        target = urljoin(self.url, address)
        body = urlencode(data).encode() if data is not None else None
        try:
            answer = self.opener.open(urllib.request.Request(target, data=body), timeout=30)
        except urllib.error.HTTPError as refused:
            answer = refused
        with answer:
            html = answer.read().decode()
        reader = Reader()
        reader.feed(html)
        return Page(answer.status, target, answer.headers, html, " ".join(" ".join(reader.words).split()), reader.forms)

    def send(self, page: Page, part: str = "", **typed: str) -> Page:
        """Fill in and send the page's form whose address contains `part`."""
        form = page.form(part)
        return self.open(urljoin(page.url, form.action), data={**form.fields, **typed})

    def follow(self, page: Page) -> Page:
        """Go where an answer redirects."""
        return self.open(page.location)
