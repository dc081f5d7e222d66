"""An application as the sandbox sees it: it does everything right, and each test makes it do one thing wrong."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import requests

from providers.sandbox import RunningSandbox

VERIFIER = "v" * 43
CHALLENGE = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).rstrip(b"=").decode()
AUTHORIZE = {
    "google": "/google/o/oauth2/v2/auth",
    "github": "/github/login/oauth/authorize",
    "facebook": "/facebook/v25.0/dialog/oauth",
}
TOKEN = {
    "google": "/google/token",
    "github": "/github/login/oauth/access_token",
    "facebook": "/facebook/v25.0/oauth/access_token",
}
PROFILE = {"google": "/google/v1/userinfo", "github": "/github/api/user", "facebook": "/facebook/v25.0/me"}
SCOPE = {"google": "openid email profile", "github": "read:user user:email", "facebook": "public_profile email"}
KEYS = {"google": "/google/oauth2/v3/certs"}


@dataclass
class Application:
    sandbox: RunningSandbox
    name: str
    http: requests.Session

    @property
    def settings(self) -> dict[str, str]:
        if self.name in AUTHORIZE:
            return self.sandbox.settings[self.name]
        return self.sandbox.issuer_settings(self.name)

    def path(self, known: dict[str, str], otherwise: str) -> str:
        """One of the three's own paths, or a plain issuer's."""
        return known.get(self.name, f"/issuer/{self.name}{otherwise}")

    @property
    def redirect_uri(self) -> str:
        return f"http://localhost:8000/login/{self.name}/authorized"

    def asks(self, person: dict[str, Any] | None = None, **changes: Any) -> requests.Response:
        """The authorisation request, as a browser brings it. A change to None leaves the parameter out."""
        params = {
            "client_id": self.settings["client_id"],
            "redirect_uri": self.redirect_uri,
            "response_type": "code",
            "scope": SCOPE.get(self.name, "openid email profile"),
            "state": "state-1",
            "code_challenge": CHALLENGE,
            "code_challenge_method": "S256",
        } | changes
        headers = {} if person is None else {"X-Sandbox-Person": json.dumps(person)}
        url = self.sandbox.base + self.path(AUTHORIZE, "/authorize")
        return self.http.get(url, params=params, headers=headers, allow_redirects=False)

    def gets_code(self, person: dict[str, Any] | None = None, **changes: Any) -> str:
        return callback(self.asks(person or {"name": "Someone"}, **changes))["code"]

    def redeems(self, code: str, /, **changes: Any) -> requests.Response:
        form = {
            "client_id": self.settings["client_id"],
            "client_secret": self.settings["client_secret"],
            "grant_type": "authorization_code",
            "redirect_uri": self.redirect_uri,
            "code": code,
            "code_verifier": VERIFIER,
        } | changes
        return self.http.post(
            self.sandbox.base + self.path(TOKEN, "/token"),
            data=form,
            headers={"Accept": "application/json"},
            allow_redirects=False,
        )

    def signs_in(self, person: dict[str, Any] | None = None, **changes: Any) -> dict[str, Any]:
        answer: dict[str, Any] = self.redeems(self.gets_code(person, **changes)).json()
        assert "access_token" in answer, answer
        return answer

    def calls(self, path: str, token: str, **params: Any) -> requests.Response:
        params = self.proof(token) | params
        headers = {"Authorization": f"Bearer {token}"}
        return self.http.get(self.sandbox.base + path, params=params, headers=headers, timeout=5)

    def reads_keys(self) -> list[dict[str, str]]:
        keys: list[dict[str, str]] = self.http.get(self.sandbox.base + self.path(KEYS, "/keys")).json()["keys"]
        return keys

    def proof(self, token: str) -> dict[str, str]:
        """What a call of the Graph carries beside the token; nothing for the other two."""
        if self.name != "facebook":
            return {}
        proof = hmac.new(self.settings["client_secret"].encode(), token.encode(), hashlib.sha256).hexdigest()
        return {"fields": "id,name,email,picture", "appsecret_proof": proof}

    def reads_profile(self, token: str, **params: Any) -> requests.Response:
        return self.calls(self.path(PROFILE, "/userinfo"), token, **params)

    def knows(self, person: dict[str, Any] | None = None, **changes: Any) -> Any:
        """The profile of whoever signs in."""
        return self.reads_profile(self.signs_in(person, **changes)["access_token"]).json()

    def presses(self, person: str, *, page: requests.Response | None = None, **fields: str) -> requests.Response:
        """Fill in the consent page and press one of its buttons."""
        page = page or self.asks()
        request_id = re.search(r'name="request" value="([^"]+)"', page.text)
        assert request_id is not None, page.text
        form = {"request": request_id[1], "person": person} | fields
        url = self.sandbox.base + self.path(AUTHORIZE, "/authorize")
        return self.http.post(url, data=form, allow_redirects=False)


def callback(answer: requests.Response) -> dict[str, str]:
    """What the browser carries back to the application."""
    assert answer.status_code == 303, answer.text
    return dict(parse_qsl(urlsplit(answer.headers["Location"]).query, keep_blank_values=True))
