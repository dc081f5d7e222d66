"""An actor: says what a person does in a browser, over the portal's test client and real HTTP to the sandbox."""

from __future__ import annotations

import html
import re
from dataclasses import dataclass, field
from http.cookies import SimpleCookie
from urllib.parse import quote, urlsplit

import requests
from flask import Flask
from werkzeug.test import TestResponse

from tests.pages import Form, Page

HOME = "http://localhost:8000"
PROVIDERS = ("google", "github", "facebook")
_REQUEST = re.compile(r'name="request" value="([^"]+)"')


@dataclass
class Person:
    """One browser, with its cookies. Every method is something that a person does."""

    app: Flask
    page: TestResponse | None = None
    at_provider: requests.Session = field(default_factory=requests.Session)
    home: str = HOME
    cookies: dict[str, str] = field(default_factory=dict)
    cookies_seen: set[str] = field(default_factory=set)  # every value a cookie ever had here
    pressed: int = 0  # buttons of the portal's own pages

    def __post_init__(self) -> None:
        self.browser = self.app.test_client()
        self.at_provider.trust_env = False

    # In the portal.

    def opens(self, path: str, **kwargs: object) -> TestResponse:
        """A GET, as typed or clicked; redirects within the portal are not followed."""
        return self.sends(path, method="GET", **kwargs)

    def presses(self, provider: str, *, next: str = "/") -> TestResponse:
        """The provider's button on the sign-in page."""
        self.opens(f"/login?next={quote(next, safe='/')}" if next != "/" else "/login")
        return self.posts(f"/login/{provider}")

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

    def copies(self, other: Person) -> None:
        """Puts another browser's cookies into this one, as a thief would, or a second tab that was a moment earlier."""
        for name, value in other.cookies.items():
            self.keeps(name, value)

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

    def ends_on(self, callback: str) -> str | None:
        """Follows the provider's redirect, and the portal's answer to it; the path that this ends on."""
        location = self.returns(callback).location
        return location.partition("#")[0] if location else None

    def arrives_on(self, callback: str) -> str | None:
        """The same, of somebody who says that they are new here if they are asked."""
        location = self.ends_on(callback)
        if location is None or urlsplit(location).path != "/welcome":
            return location
        return self.creates_an_account(location).location

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
        return answer.status_code == 303 and urlsplit(answer.location).path == "/welcome"

    def creates_an_account(self, asked: TestResponse | str) -> TestResponse:
        """Reads the page that asks, and presses "Create my account"."""
        self.opens((asked if isinstance(asked, str) else asked.location).partition("#")[0])
        return self.posts("/welcome")

    def signs_out(self) -> TestResponse:
        """Presses "Sign out" on the account page."""
        self.opens("/account")
        return self.posts("/logout")

    # Whose account it is.

    def claims_with(self, provider: str, as_: str = "ada") -> TestResponse:
        """On the page that asks: "Been here before?", and the old way in."""
        return self.returns(self.consents(self.posts(f"/login/{provider}").location, as_))

    def sets_out_to_link(self, provider: str) -> str:
        """Presses "Add" on the account page; gives the address at the provider that it leads to."""
        self.opens("/account")
        return self.posts(f"/account/link/{provider}").location

    def links(self, provider: str, as_: str = "ada", **fields: str) -> TestResponse:
        """From "Add" on the account page to the portal's answer to the callback."""
        return self.returns(self.consents(self.sets_out_to_link(provider), as_, **fields))

    def confirms(self) -> TestResponse:
        """Reads which identity is about to be added, and says yes."""
        self.opens("/account/add")
        return self.posts("/account/add")

    def adds(self, provider: str, as_: str = "ada", **fields: str) -> TestResponse:
        """The whole way to one more way in."""
        self.links(provider, as_, **fields)
        return self.confirms()

    def unlinks(self, title: str, *, ends_others: bool = True) -> TestResponse:
        """Removes the first identity of a provider, with the box ticked or not."""
        self.opens("/account")
        form = next(form for form in self.sees.forms if form.button == f"Remove {title}")
        return self.submits(form, others="1" if ends_others else "")

    def sets_out_to_prove(self, provider: str) -> str:
        """Presses a button on the page that asks whether it is still the same person."""
        return self.posts(f"/account/prove/{provider}").location

    def proves_with(self, provider: str, as_: str = "ada") -> TestResponse:
        """On that page: signs in once more."""
        return self.returns(self.consents(self.sets_out_to_prove(provider), as_))

    def renames(self, name: str) -> TestResponse:
        """Another name on the account page."""
        self.opens("/account")
        return self.posts("/account/name", name=name)

    def deletes(self) -> TestResponse:
        """Reads what goes, and presses the button."""
        self.opens("/account/delete")
        return self.posts("/account/delete")

    # What the person sees.

    @property
    def sees(self) -> Page:
        """The page that is open."""
        assert self.page is not None
        return Page(self.page.text)

    @property
    def account(self) -> str | None:
        """The text of the account page; None where it asks to sign in."""
        page = self.browser.get("/account", base_url=self.home)
        return page.text if page.status_code == 200 else None

    @property
    def user_id(self) -> str | None:
        """Who this browser is signed in as, read off its cookie."""
        cookie = self.cookies.get("portal_session") or self.cookies.get("__Host-portal_session")
        return cookie.partition(".")[0] if cookie else None

    @property
    def flows(self) -> list[str]:
        """The names of the cookies of this browser's flows."""
        return [name for name in self.cookies if "portal_flow_" in name]
