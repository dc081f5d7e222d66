"""The portal as a browser reaches it, through whatever stands before it: is it there, is it this one, and does it send
people to the redirect URI that is registered. It starts a sign-in and ends none."""

from __future__ import annotations

import html
import re
from http.cookies import CookieError, Morsel, SimpleCookie
from typing import Any
from urllib.parse import parse_qs, urlsplit

import requests
from flask import Flask
from itsdangerous import BadSignature

from portal.backchannel import deadline
from portal.config import ClientAddress, Config
from portal.parts import Parts
from portal.setup.findings import Finding, good, problem, untested, warning
from portal.setup.origins import LOCALHOST

SECONDS = 12.0
_ABOUT = "outside"
_TOKEN = re.compile(r'name="csrf_token" value="([^"]+)"')


def check_outside(app: Flask, http: requests.Session) -> list[Finding]:
    """`app` is the portal that this configuration makes; what answers at its address need not be it."""
    parts: Parts = app.extensions["portal"]
    base = parts.config.base_url
    if base is None:
        says = f"base_url is not set: the portal is for this machine alone, at {LOCALHOST}"
        return [untested(_ABOUT, says, "base_url")]
    with deadline(SECONDS):
        try:
            alive = http.get(f"{base}/healthz")
        except requests.RequestException as error:
            return [_unreachable(parts.config, base, error)]
        if wrong := _not_alive(alive, base):
            return [wrong]
        findings = [good(_ABOUT, f"{base} answers"), *_check_proxy(parts.config, alive)]
        try:
            findings += _check_page(app, parts, base, http)
            findings += _check_plain(base, http)
        except requests.RequestException as error:
            findings.append(problem(_ABOUT, f"{base} stopped answering ({_kind(error)})", "base_url"))
    return findings


def _unreachable(config: Config, base: str, error: requests.RequestException) -> Finding:
    kind = _kind(error)
    if config.on_this_machine:
        return untested(
            _ABOUT, f"nobody serves {base} at the moment ({kind}): start it with manage.py run, and check again"
        )
    hint = {
        "its name is not known": "the name must be in the DNS",
        "its certificate is not accepted": "the proxy needs one for this name, with its chain",
        "nobody listens there": "the proxy must be running, and reachable from here",
    }.get(kind, "is a proxy or firewall in between?")
    return problem(_ABOUT, f"base_url {base} can't be reached: {kind}; {hint}", "base_url")


def _kind(error: requests.RequestException) -> str:
    told = repr(error)
    if isinstance(error, requests.exceptions.SSLError):
        return "its certificate is not accepted"
    if isinstance(error, requests.Timeout):
        return "no answer in time"
    if "NameResolution" in told:
        return "its name is not known"
    return "nobody listens there" if "refused" in told else type(error).__name__


def _not_alive(alive: requests.Response, base: str) -> Finding | None:
    status, location = alive.status_code, alive.headers.get("Location", "")
    if alive.is_redirect:
        elsewhere = location.removesuffix("/healthz")
        if location.startswith("/") or location == f"{base}/healthz":
            says = f"{base} redirects to itself: the proxy before it must pass requests on instead"
        else:
            says = f"{base} sends people on to {elsewhere}: base_url must be the address that they end at"
        return problem(_ABOUT, says, "base_url")
    if status in (502, 503, 504):
        says = f"{base} answers {status}: a proxy is there and reaches no portal; is it started, on the proxy's port?"
        return problem(_ABOUT, says, "base_url")
    if status != 200 or alive.text.strip() != "ok":
        return problem(_ABOUT, f"something else than a portal answers at {base} (status {status})", "base_url")
    return None


def _check_proxy(config: Config, alive: requests.Response) -> list[Finding]:
    """By what proxies say of themselves. Of one that says nothing, nothing is known."""
    server = alive.headers.get("Server", "")
    named = alive.headers.get("Via") or (server if server and not server.startswith(("gunicorn", "Werkzeug")) else "")
    if named and config.client_address is ClientAddress.CONNECTION and not config.on_this_machine:
        says = f'a proxy ({named}) stands before it: with client_address = "connection" all people have its address; '
        return [warning(_ABOUT, says + 'write "x-forwarded-for", if it is the only one', "client_address")]
    return []


def _check_page(app: Flask, parts: Parts, base: str, http: requests.Session) -> list[Finding]:
    shown = [name for name in parts.providers if parts.ways.is_shown(name)]
    if not shown:
        return [untested(_ABOUT, "no provider has a button, so no sign-in could be begun")]
    page = http.get(f"{base}/login/{shown[0]}", allow_redirects=False)
    if page.status_code != 200:
        says = f"its page {base}/login/{shown[0]} answers {page.status_code}: was it started with this configuration?"
        return [problem(_ABOUT, says, "providers")]
    cookies = _cookies(page)
    name = app.config["SESSION_COOKIE_NAME"]
    mine = cookies.get(name)
    if mine is None:
        says = f"its pages come without the cookie {name}: a cache or proxy must leave Set-Cookie alone"
        return [problem(_ABOUT, says, "base_url")]
    try:
        app.session_interface.get_signing_serializer(app).loads(mine.value)  # type: ignore[attr-defined]
    except BadSignature:
        says = f"another portal answers at {base}, or this one with another secret_key: restart it"
        return [problem(_ABOUT, says, "secret_key")]
    if not parts.config.development and not (mine["secure"] and mine["path"] == "/" and not mine["domain"]):
        says = f"the cookie {name} was changed on its way: a proxy must not rewrite its Secure, Path or Domain"
        return [problem(_ABOUT, says, "base_url")]
    return [
        good(_ABOUT, "it is this portal: its cookie is signed with our key"),
        *_check_start(shown[0], page, base, http),
    ]


def _check_start(provider: str, page: requests.Response, base: str, http: requests.Session) -> list[Finding]:
    """Press the button, as a person would, and look where it leads."""
    token = _TOKEN.search(page.text)
    cookies = "; ".join(f"{name}={morsel.value}" for name, morsel in _cookies(page).items())
    answer = http.post(
        f"{base}/login/{provider}",
        data={"csrf_token": html.unescape(token[1]) if token else ""},
        headers={"Cookie": cookies, "Origin": base, "Sec-Fetch-Site": "same-origin"},
        allow_redirects=False,
    )
    location = answer.headers.get("Location", "")
    used = parse_qs(urlsplit(location).query).get("redirect_uri", [""])[0]
    expected = f"{base}/login/{provider}/authorized"
    if answer.status_code != 303 or not used:
        if answer.status_code in (502, 503, 504):
            return [untested(_ABOUT, f"a sign-in can't begin there ({answer.status_code}): see {provider}")]
        says = (
            f"pressing the button for {provider} answers {answer.status_code}: a proxy must pass on cookies and forms"
        )
        return [problem(_ABOUT, says, "base_url")]
    if used != expected:
        says = f"it sends the redirect URI {used} and base_url makes it {expected}: restart it with this configuration"
        return [problem(_ABOUT, says, "base_url")]
    return [good(_ABOUT, f"a sign-in there uses the redirect URI {used}")]


def _check_plain(base: str, http: requests.Session) -> list[Finding]:
    """What plain http leads to, for people type names without a scheme."""
    parts = urlsplit(base)
    if parts.scheme != "https" or parts.port is not None:
        return []
    try:
        answer = http.get(f"http://{parts.netloc}/", allow_redirects=False)
    except requests.RequestException:
        return [good(_ABOUT, "plain http is not answered")]
    if answer.is_redirect and answer.headers.get("Location", "").startswith(f"{base}/"):
        return [good(_ABOUT, "plain http leads to https")]
    says = f"http://{parts.netloc} is answered with status {answer.status_code}: the proxy should redirect it to {base}"
    return [warning(_ABOUT, says, "base_url")]


def _cookies(response: requests.Response) -> dict[str, Morsel[str]]:
    """With their attributes, which a session would only obey."""
    lines: list[str] = response.raw.headers.getlist("Set-Cookie") if response.raw else []
    cookies: dict[str, Any] = {}
    for line in lines:
        try:
            cookies.update(SimpleCookie(line))
        except CookieError:
            continue
    return cookies
