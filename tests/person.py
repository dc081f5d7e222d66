"""An actor for the portal's own tests: beside what every application's people do, whatever one does with an account."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlsplit

from werkzeug.test import TestResponse

from portal import testing
from portal.testing import HOME

__all__ = ["HOME", "PROVIDERS", "Person"]

PROVIDERS = ("google", "github", "facebook")


@dataclass
class Person(testing.Person):
    """One browser, with its cookies. Every method is something that a person does."""

    def copies(self, other: Person) -> None:
        """Puts another browser's cookies into this one, as a thief would, or a second tab that was a moment earlier."""
        for name, value in other.cookies.items():
            self.keeps(name, value)

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
    def account(self) -> str | None:
        """The text of the account page; None where it asks to sign in."""
        page = self.browser.get("/account", base_url=self.home)
        return page.text if page.status_code == 200 else None

    @property
    def flows(self) -> list[str]:
        """The names of the cookies of this browser's flows."""
        return [name for name in self.cookies if "portal_flow_" in name]
