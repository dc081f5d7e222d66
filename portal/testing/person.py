"""An actor: says what a person does in a browser, over an application's test client and real HTTP to the stand-ins."""

from __future__ import annotations

import html
import re
from dataclasses import dataclass, field
from http.cookies import SimpleCookie
from urllib.parse import quote, urlsplit

import requests
from flask import Flask
from werkzeug.test import TestResponse

from portal.testing.pages import Form, Page

HOME = "http://localhost:8000"
_REQUEST = re.compile(r'name="request" value="([^"]+)"')


@dataclass
class Person:
    """One browser, with its cookies. Every method is something that a person does. `person.page` is what is open, and
    `person.sees` what is on it."""

    app: Flask
    page: TestResponse | None = None
    at_provider: requests.Session = field(default_factory=requests.Session)
    home: str = HOME
    cookies: dict[str, str] = field(default_factory=dict)
    cookies_seen: set[str] = field(default_factory=set)  # every value a cookie ever had here
    pressed: int = 0  # buttons of the pages

    def __post_init__(self) -> None:
        self.browser = self.app.test_client()
        self.at_provider.trust_env = False

    # In the application, and in the portal.

    def opens(self, path: str, **kwargs: object) -> TestResponse:
        """A GET, as typed or clicked; redirects within the application are not followed."""
        return self.sends(path, method="GET", **kwargs)

    def presses(self, provider: str, *, next: str = "/") -> TestResponse:
        """The provider's button on the sign-in page."""
        login = self.path_of("portal.login")
        self.opens(f"{login}?next={quote(next, safe='/')}" if next != "/" else login)
        return self.posts(f"{login}/{provider}")

    def posts(self, path: str, **fields: str) -> TestResponse:
        """The form of the open page that leads to `path`, sent as a browser would: its fields, and our own headers."""
        return self.submits(self.sees.form(path), **fields)

    def submits(self, form: Form, **fields: str) -> TestResponse:
        """One of the open page's forms, where several lead to one address; a field given as "" stays empty."""
        self.pressed += 1
        headers = {"Sec-Fetch-Site": "same-origin", "Origin": self.home}
        return self.sends(form.action, data=form.fields | fields, headers=headers)

    def sends(self, path: str, *, method: str = "POST", **kwargs: object) -> TestResponse:
        """A request of any making, to this portal unless `base_url` says otherwise."""
        how = {"base_url": self.home, "buffered": True, **kwargs}
        answer = self.browser.open(path, method=method, **how)  # type: ignore[arg-type]
        for header in answer.headers.getlist("Set-Cookie"):
            for name, morsel in SimpleCookie(header).items():
                self.cookies[name] = morsel.value
                self.cookies_seen.add(morsel.value)
        self.cookies = {name: value for name, value in self.cookies.items() if value}
        self.page = answer
        return answer

    def starts(self, provider: str, *, next: str = "/") -> str:
        """Presses the button and gives the address at the provider that it leads to."""
        started = self.presses(provider, next=next)
        assert started.status_code == 303, started.text
        return started.location

    def keeps(self, name: str, value: str) -> None:
        """A cookie that somebody put into this browser."""
        self.browser.set_cookie(name, value, domain=urlsplit(self.home).hostname or "")
        self.cookies[name] = value

    # At the provider.

    def consents(self, location: str, as_: str = "ada", **fields: str) -> str:
        """Chooses a sample person (or `own`, or `deny`) there; gives the address the provider sends back to."""
        page = self.at_provider.get(location, timeout=10)
        assert page.status_code == 200, page.text
        asked = _REQUEST.search(page.text)
        assert asked, page.text
        answer = self.at_provider.post(
            location.partition("?")[0],
            data={"request": html.unescape(asked[1]), "person": as_, **fields},
            allow_redirects=False,
            timeout=40,
        )
        assert answer.status_code in {302, 303}, answer.text
        return answer.headers["Location"]

    # And back.

    def returns(self, callback: str, **kwargs: object) -> TestResponse:
        """Follows the provider's redirect into the portal."""
        parts = urlsplit(callback)
        return self.opens(f"{parts.path}?{parts.query}", **kwargs)

    def comes_with(self, provider: str, as_: str = "ada", *, next: str = "/", **fields: str) -> TestResponse:
        """From the button to the portal's answer to the callback."""
        return self.returns(self.consents(self.starts(provider, next=next), as_, **fields))

    def signs_in_with(self, provider: str, as_: str = "ada", *, next: str = "/", **fields: str) -> TestResponse:
        """The whole way; if asked, the person says that they are new here."""
        answer = self.comes_with(provider, as_, next=next, **fields)
        return self.creates_an_account(answer) if self.is_asked(answer) else answer

    @staticmethod
    def is_asked(answer: TestResponse) -> bool:
        """Whether the portal wants to know first if one is new here."""
        return answer.status_code == 303 and urlsplit(answer.location).path.endswith("/welcome")

    def creates_an_account(self, asked: TestResponse | str) -> TestResponse:
        """Reads the page that asks, and presses "Create my account"."""
        self.opens((asked if isinstance(asked, str) else asked.location).partition("#")[0])
        return self.posts(self.path_of("portal.create"))

    def signs_out(self) -> TestResponse:
        """Presses "Sign out" on the account page."""
        self.opens(self.path_of("portal.account"))
        return self.posts(self.path_of("portal.logout"))

    # What the person sees.

    @property
    def sees(self) -> Page:
        """The page that is open."""
        assert self.page is not None
        return Page(self.page.text, self.page.request.path)

    @property
    def user_id(self) -> str | None:
        """Who this browser is signed in as, read off its cookie."""
        cookie = self.cookies.get("portal_session") or self.cookies.get("__Host-portal_session")
        return cookie.partition(".")[0] if cookie else None

    def path_of(self, endpoint: str, **values: object) -> str:
        """Where a page is, under whatever prefix."""
        return self.app.url_map.bind(urlsplit(self.home).netloc).build(endpoint, values)
