"""A fourth provider is one short module in a folder of the application's own, and nothing else."""

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import providers
from providers.base import EmailTrust, Fault, Identity, ProviderError

MODULE = '''
"""GitLab, by its OAuth 2 API."""

from providers.base import EmailTrust, Identity, Provider, claim, claim_address, claim_url, get_json, numeric_subject


class GitLab(Provider):
    def identify(self, http, token, *, nonce):
        user = get_json(http, f"{self.api_url}/user", access_token=token["access_token"], call="profile")
        email = claim_address(user, "email") if user.get("confirmed_at") else None
        return Identity(
            issuer=self.issuer,
            subject=numeric_subject(user.get("id")),
            name=claim(user, "name", str),
            login=claim(user, "username", str),
            email=email,
            email_trust=EmailTrust.VERIFIED if email else EmailTrust.NONE,
            avatar=claim_url(user, "avatar_url"),
        )


provider = GitLab(
    title="GitLab",
    authorization_url="https://gitlab.com/oauth/authorize",
    token_url="https://gitlab.com/oauth/token",
    api_url="https://gitlab.com/api/v4",
    scopes=("read_user",),
)
'''
USER = {
    "id": 1,
    "username": "john_smith",
    "name": "John Smith",
    "email": "john@example.com",
    "confirmed_at": "2012-05-23",
}


@pytest.fixture
def gitlab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[providers.Provider]:
    (tmp_path / "gitlab.py").write_text(MODULE)
    monkeypatch.setattr(providers, "__path__", [*providers.__path__, str(tmp_path)])
    importlib.invalidate_caches()
    yield providers.load("gitlab", {"client_id": "id", "client_secret": "secret"})
    sys.modules.pop("providers.gitlab", None)
    vars(providers).pop("gitlab", None)


def test_it_takes_its_place_among_the_others(gitlab):
    assert providers.available() == ("facebook", "github", "gitlab", "google")
    assert (gitlab.name, gitlab.title, gitlab.issuer) == ("gitlab", "GitLab", "https://gitlab.com")


def test_it_signs_a_person_in(gitlab, http, net, answer):
    net.get("https://gitlab.com/api/v4/user", json=USER)
    token = gitlab.read_token(answer({"access_token": "t", "token_type": "Bearer", "expires_in": 7200}))
    assert gitlab.identify(http, token, nonce=None) == Identity(
        issuer="https://gitlab.com",
        subject="1",
        name="John Smith",
        login="john_smith",
        email="john@example.com",
        email_trust=EmailTrust.VERIFIED,
        avatar=None,
    )


def test_its_trouble_is_told_like_everybody_s(gitlab, http, net):
    net.get("https://gitlab.com/api/v4/user", json=USER | {"id": "1"})
    with pytest.raises(ProviderError) as caught:
        gitlab.identify(http, {"access_token": "t"}, nonce=None)
    assert caught.value.fault is Fault.SUBJECT


def test_it_is_short():
    assert len([line for line in MODULE.splitlines() if line.strip()]) <= 30
