"""The stand-ins end an access as strictly as the originals, and tell tests that they did."""

from __future__ import annotations

import hashlib
import hmac

import pytest
import requests

from providers.sandbox import Issuer, RunningSandbox, running_sandbox
from providers.sandbox.troubles import Trouble
from tests.sandbox.sandbox_application import Application


@pytest.fixture(scope="module")
def office() -> RunningSandbox:
    with running_sandbox(issuers=[Issuer(name="office")], pace=0.001) as sandbox:
        yield sandbox


@pytest.fixture(autouse=True)
def _calm(office: RunningSandbox) -> None:
    office.reset()
    for name in ("google", "github", "facebook", "office"):
        office.revoking(name).trouble = Trouble.NONE


def application(sandbox: RunningSandbox, name: str) -> Application:
    session = requests.Session()
    session.trust_env = False
    return Application(sandbox, name, session)


def delete_grant(app: Application, token: object, **how: object) -> requests.Response:
    client, secret = app.settings["client_id"], app.settings["client_secret"]
    options: dict[str, object] = {"auth": (client, secret), "json": {"access_token": token}, "timeout": 5, **how}
    return app.http.delete(f"{app.sandbox.base}/github/api/applications/{client}/grant", **options)  # type: ignore[arg-type]


def test_github_deletes_a_grant_with_all_its_tokens_for_its_own_app_alone(office: RunningSandbox) -> None:
    app = application(office, "github")
    first, second = (app.signs_in({"subject": "42"})["access_token"] for _ in range(2))
    other = app.signs_in({"subject": "43"})["access_token"]
    assert delete_grant(app, first, auth=None).status_code == 401
    assert delete_grant(app, first, auth=(app.settings["client_id"], "wrong")).status_code == 401
    assert delete_grant(app, first, json={}).status_code == 422
    assert delete_grant(app, "gho_unknown").status_code == 404
    assert office.revoking("github").done == 0
    assert delete_grant(app, first).status_code == 204
    assert delete_grant(app, first).status_code == 404
    assert [app.reads_profile(token).status_code for token in (first, second, other)] == [401, 401, 200]
    assert office.revoking("github").done == 1


def test_facebook_wants_the_proof_and_calls_a_second_time_dead(office: RunningSandbox) -> None:
    app = application(office, "facebook")
    token = app.signs_in()["access_token"]
    url = f"{office.base}/facebook/v25.0/me/permissions"
    proof = hmac.new(app.settings["client_secret"].encode(), token.encode(), hashlib.sha256).hexdigest()
    how = {"headers": {"Authorization": f"Bearer {token}"}, "timeout": 5}
    assert app.http.delete(url, **how).json()["error"]["code"] == 100
    assert app.http.delete(url, params={"appsecret_proof": proof}, **how).json() == {"success": True}
    assert app.http.delete(url, params={"appsecret_proof": proof}, **how).json()["error"]["code"] == 190


def test_an_issuer_wants_to_know_who_asks_and_minds_no_unknown_token(office: RunningSandbox) -> None:
    """RFC 7009, sections 2.1 and 2.2."""
    app = application(office, "office")
    token = app.signs_in()["access_token"]
    url = f"{office.base}/issuer/office/revoke"
    assert app.http.post(url, data={"token": token}, timeout=5).status_code == 401
    who = {name: app.settings[name] for name in ("client_id", "client_secret")}
    for each in (token, token, "unknown"):
        assert app.http.post(url, data={"token": each, **who}, timeout=5).status_code == 200
    assert app.reads_profile(token).status_code == 401
    assert office.revoking("office").done == 1


def test_trouble_is_ordered_and_what_was_done_is_told_over_http(office: RunningSandbox) -> None:
    app = application(office, "github")
    order, told = f"{office.base}/_sandbox/revoking/", f"{office.base}/_sandbox/requests"
    token = app.signs_in()["access_token"]
    assert app.http.post(order + "github", data={"trouble": "error500"}, timeout=5).status_code == 204
    assert delete_grant(app, token).status_code == 500
    assert app.http.get(told, timeout=5).json()["revoking"]["github"] == {"done": 0}
    assert app.http.post(order + "github", data={"trouble": "none"}, timeout=5).status_code == 204
    assert delete_grant(app, token).status_code == 204
    assert app.http.get(told, timeout=5).json()["revoking"]["github"] == {"done": 1}
    assert app.http.post(order + "github", data={"trouble": "much"}, timeout=5).status_code == 400
    assert app.http.post(order + "nobody", data={}, timeout=5).status_code == 404
