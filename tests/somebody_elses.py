"""An OpenID Provider that somebody else wrote, `oidc-provider-mock`, over real HTTP; and a person who signs in there.

It shares no line and no reading of the standards with us: it checks no PKCE, announces neither its claims nor how
clients authenticate, gives its key no `kid` in a token, and denies without the `state`.
"""

from __future__ import annotations

import io
import json
import warnings
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import requests
from werkzeug.test import run_wsgi_app

from tests.person import Person

with warnings.catch_warnings():
    from authlib.deprecate import AuthlibDeprecationWarning  # which puts a filter of its own in front of all others

    warnings.simplefilter("ignore", AuthlibDeprecationWarning)  # of its own parts, while they are imported
    import oidc_provider_mock

Tamper = Callable[[dict[str, Any]], dict[str, Any]]
THEIR_WARNING = r"ignore:get_jwt_config\(self, grant\) is deprecated:DeprecationWarning"  # at each token, for pytest
OWN = ("/oauth2/authorize", "/users/", "/oauth2/clients")  # what browsers and tests ask, not the portal


@dataclass
class SomebodyElses:
    """Where it is, what the portal asked it so far, and what happens to its token answers on the way."""

    base: str
    asked: list[str] = field(default_factory=list)
    tampers: Tamper | None = None
    answers: list[dict[str, Any]] = field(default_factory=list)  # to the portal's token requests, untampered

    @property
    def port(self) -> int:
        return int(self.base.rpartition(":")[2])

    def knows(self, sub: str, **claims: object) -> None:
        """Somebody with these claims; whoever it doesn't know has their `sub` for an address, and no more."""
        requests.put(f"{self.base}/users/{sub}", json=claims, timeout=10).raise_for_status()

    def registers(self, redirect_uri: str, method: str = "client_secret_basic") -> dict[str, str]:
        """A client of its own with one redirect URI, as the settings of a provider entry."""
        asked = {"redirect_uris": [redirect_uri], "token_endpoint_auth_method": method}
        client = requests.post(f"{self.base}/oauth2/clients", json=asked, timeout=10).json()
        return {"issuer": self.base, "client_id": client["client_id"], "client_secret": client["client_secret"]}

    def __call__(self, app: Any, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        path = environ["PATH_INFO"]
        if not path.startswith(OWN):
            self.asked.append(path)
        if path != "/oauth2/token":
            return app(environ, start_response)
        chunks, status, headers = run_wsgi_app(app, environ, buffered=True)
        body = b"".join(chunks)
        if status.startswith("200"):
            self.answers.append(json.loads(body))
            if self.tampers:
                body = json.dumps(self.tampers(json.loads(body))).encode()
                headers["Content-Length"] = str(len(body))
        start_response(status, headers.to_wsgi_list())
        return io.BytesIO(body)


@contextmanager
def running(port: int = 0, **options: Any) -> Iterator[SomebodyElses]:
    """A fresh one, with a key of its own, until the block ends; `options` are those of `oidc_provider_mock.app`."""
    with oidc_provider_mock.run_server_in_thread(port, **options) as server:
        # `localhost`: Authlib takes http from no other name. To the portal's browsers that makes no difference here.
        provider = SomebodyElses(f"http://localhost:{server.server_port}")
        app = server.app
        server.app = lambda environ, start_response: provider(app, environ, start_response)
        yield provider


class Visitor(Person):
    """A person whose provider is somebody else's: types a name there, or denies."""

    def consents(self, location: str, as_: str = "ada", **fields: str) -> str:
        if "/oauth2/authorize?" not in location:
            return super().consents(location, as_, **fields)
        assert self.at_provider.get(location, timeout=10).status_code == 200
        data = {"action": "deny"} if as_ == "deny" else {"sub": as_}
        answer = self.at_provider.post(location, data=data, allow_redirects=False, timeout=10)
        assert answer.status_code == 302, answer.text
        return answer.headers["Location"]
