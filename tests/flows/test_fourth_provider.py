"""A fourth provider is one short module in a folder of one's own and two settings; nothing else is changed."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import providers
from portal.models import OAuth
from providers.sandbox import running_sandbox
from tests.flows.conftest import MakeApp
from tests.person import HOME, Person

TREEHOUSE = '''
"""Treehouse: OAuth 2 with a profile of its own."""

from providers.base import EmailTrust, Identity, Provider, claim, get_json, numeric_subject


class Treehouse(Provider):
    def identify(self, http, token, *, nonce):
        user = get_json(http, f"{self.api_url}/user", access_token=token["access_token"], call="profile")
        return Identity(
            issuer=self.issuer,
            subject=numeric_subject(user.get("id")),
            name=claim(user, "name", str),
            login=claim(user, "login", str),
            email=None,
            email_trust=EmailTrust.NONE,
            avatar=None,
        )


provider = Treehouse(
    title="Treehouse",
    authorization_url="https://treehouse.example/authorize",
    token_url="https://treehouse.example/token",
    api_url="https://treehouse.example/api",
    scopes=("read:user",),
)
'''


@pytest.fixture
def at_treehouse(tmp_path: Path, make_app: MakeApp, monkeypatch: pytest.MonkeyPatch) -> Iterator[Person]:
    """Somebody in front of a portal that knows Treehouse too; the sandbox's GitHub stands in for it."""
    folder = tmp_path / "more_providers"
    folder.mkdir()
    (folder / "treehouse.py").write_text(TREEHOUSE)
    monkeypatch.setattr(providers, "__path__", [*providers.__path__, str(folder)])
    importlib.invalidate_caches()
    with running_sandbox(redirect_uris=[f"{HOME}/login/treehouse/authorized"]) as treehouse:
        settings = treehouse.settings["github"]
        yield Person(make_app(**{f"PORTAL_PROVIDERS__TREEHOUSE__{key}".upper(): v for key, v in settings.items()}))
    sys.modules.pop("providers.treehouse", None)
    vars(providers).pop("treehouse", None)


def test_its_button_stands_beside_the_others(at_treehouse: Person) -> None:
    at_treehouse.opens("/login")
    buttons = {form.action: form.button for form in at_treehouse.sees.forms}
    assert len(buttons) == 4
    assert buttons["/login/treehouse"] == "Continue with Treehouse"
    assert at_treehouse.sees.problems == []


def test_a_person_signs_in_out_and_in_again_with_it(at_treehouse: Person) -> None:
    person = at_treehouse
    assert _returns_without_iss(person).status_code == 303
    first = person.user_id
    assert "Ada Lovelace" in (person.account or "")
    assert "Treehouse" in (person.account or "")
    person.signs_out()
    _returns_without_iss(person)
    assert person.user_id == first
    assert person.cookies["portal_last"] == "treehouse"
    (oauth,) = person.app.extensions["portal"].store.scan(OAuth)
    assert (oauth.entry, oauth.subject) == ("treehouse", "1815")


def test_it_is_one_short_module() -> None:
    assert len([line for line in TREEHOUSE.splitlines() if line.strip()]) <= 25


def _returns_without_iss(person: Person):
    """Its stand-in is GitHub's, which names itself in the callback; Treehouse has not heard of that."""
    callback = person.consents(person.starts("treehouse"))
    return person.returns(callback.partition("&iss=")[0])
