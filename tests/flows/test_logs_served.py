"""What a real gunicorn writes, its own lines and the access log included, while everything is at DEBUG (T19, T70)."""

from __future__ import annotations

import base64
import json
import re
import socket
from datetime import datetime
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from portal.crypto import TokenCipher
from portal.flow import Flows
from portal.models import OAuth, Token
from portal.storage import open_store
from providers.sandbox import settings
from tests.person import PROVIDERS
from tests.races.crowd import Visitor
from tests.serving import Served, served

TOKEN_KEY = "c2l4dGVlbi1ieXRlcy1hbmQtc2l4dGVlbi1tb3JlLTA"
SECRET_KEY = "a-secret-key-that-is-a-canary-itself-0123456789"
NUMBER = re.compile(r"<code>(\w{4}-\w{4})</code>")


def walk(visitor: Visitor, provider: str) -> set[str]:
    """In, a code twice, a code that is none, out of ways: gives what opened something."""
    callback = visitor.gets_callback("4711", "Ada", provider)
    query = parse_qs(urlsplit(callback).query)
    names = {cookie.name: cookie.value or "" for cookie in visitor.http.cookies}
    flow = Flows([SECRET_KEY], secure=False).get(names, query["state"][0])
    assert flow
    visitor.returns(callback)
    page = visitor.http.get(f"{visitor.served.base}/welcome", timeout=30)
    if found := re.search(r'name="csrf_token" value="([^"]+)"', page.text):
        visitor.http.post(f"{visitor.served.base}/welcome", data={"csrf_token": found[1]}, timeout=30)
    visitor.returns(callback)
    visitor.http.get(f"{visitor.served.base}/account", timeout=30)
    cookies = {cookie.value for cookie in visitor.http.cookies if len(cookie.value or "") > 20}
    return {flow.state, flow.nonce, flow.verifier, query["code"][0], *cookies, *(c.partition(".")[2] for c in cookies)}


def tokens_in(folder: Path) -> set[str]:
    """The access tokens that are kept, opened."""
    store = open_store(f"sqlite:///{folder}/portal.db")
    cipher = TokenCipher([base64.urlsafe_b64decode(TOKEN_KEY + "=")])
    owners = {oauth.id: oauth.user_id for oauth in store.scan(OAuth)}
    opened = set()
    for token in store.scan(Token):
        owner = (Token.KIND, token.oauth_id, owners[token.oauth_id], "sealed", str(token.version))
        opened.add(json.loads(cipher.unseal(token.sealed, *owner))["access_token"])
    store.close()
    return opened


def sends_a_bad_request_line(portal: Served) -> None:
    """Gunicorn quotes it in its log, query and all."""
    port = urlsplit(portal.base).port or 0
    with socket.create_connection(("127.0.0.1", port), timeout=10) as raw:
        raw.sendall(b"GET /login/github/authorized?code=a-raw-canary&x=y z HTTP/9.9\r\nHost: localhost\r\n\r\n")
        raw.recv(1000)


@pytest.mark.full
@pytest.mark.parametrize("form", ["json", "text"])
def test_no_line_of_a_real_server_shows_a_secret(tmp_path: Path, form: str) -> None:
    canaries = {"a-local-canary", "a-raw-canary", SECRET_KEY, TOKEN_KEY}
    canaries |= {values["client_secret"] for values in settings("http://127.0.0.1:1").values()}
    keys = {"PORTAL_SECRET_KEY": SECRET_KEY, "PORTAL_TOKEN_KEYS": TOKEN_KEY}
    with served("tests.flows.loud_app:make()", folder=tmp_path, PORTAL_LOG=form, **keys) as portal:
        visitor = Visitor(portal)
        for provider in PROVIDERS:
            visitor = Visitor(portal)
            canaries |= walk(visitor, provider)
        broken = visitor.http.get(f"{portal.base}/broken", timeout=30)
        visitor.http.get(f"{portal.base}/nowhere%0A2026-01-01%20forged%1b[31m?code=a-raw-canary", timeout=30)
        sends_a_bad_request_line(portal)
        kept = tokens_in(tmp_path)
        assert len(kept) == len(PROVIDERS)
        canaries |= kept
        log = portal.log
    text = log.read_text(encoding="utf-8")
    canaries.discard("")
    assert len(canaries) >= 20
    assert [canary for canary in canaries if canary in text] == []
    number = NUMBER.search(broken.text)
    assert number
    assert "RuntimeError: a bug that held 14 characters" in text
    assert "\x1b" not in text
    if form == "json":
        judge_entries([json.loads(line) for line in text.splitlines()], number[1])
    else:
        starts = [line for line in text.splitlines() if not line.startswith("    ")]
        assert all(re.match(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d [A-Z]+ +[\w.]+: ", line) for line in starts)
        assert text.count(number[1]) == 2, "with the traceback, and with the outcome"


def judge_entries(entries: list[dict], number: str) -> None:
    """Every line is an entry; those of one request can be found by its number; the access log is one of requests."""
    assert all(entry["severity"] in {"DEBUG", "INFO", "WARNING", "ERROR"} for entry in entries)
    assert all(datetime.fromisoformat(entry["time"]) for entry in entries)
    assert {entry["logger"] for entry in entries} <= {"portal", "gunicorn.error", "gunicorn.access"}
    assert [entry["severity"] for entry in entries if entry.get("incident") == number] == ["ERROR", "ERROR"]
    (traceback,) = [entry for entry in entries if "stack_trace" in entry]
    assert traceback["stack_trace"].startswith("Traceback (most recent call last):")
    asked = [entry["httpRequest"] for entry in entries if entry["logger"] == "gunicorn.access"]
    assert len(asked) >= 15
    assert all("?" not in request["requestUrl"] for request in asked if "requestUrl" in request)
    page = next(request for request in asked if request.get("requestUrl") == "/broken")
    assert (page["requestMethod"], page["status"], page["remoteIp"]) == ("GET", 500, "127.0.0.1")
    assert re.fullmatch(r"\d+\.\d{3}s", page["latency"])
