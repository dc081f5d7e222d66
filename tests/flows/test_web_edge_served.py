"""The web edge as gunicorn serves it: what it reads of hostile bytes, and what it refuses before us."""

from __future__ import annotations

import re
import runpy
import socket
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from tests.serving import ROOT, Served, served

GUNICORN = runpy.run_path(str(ROOT / "gunicorn.conf.py"))


@pytest.fixture(scope="module")
def portal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder: Path = tmp_path_factory.mktemp("edge")
    with served("portal:create_app()", folder=folder, PORTAL_CLIENT_ADDRESS="x-forwarded-for") as running:
        yield running


def says(portal: Served, head: str, *, body: bytes = b"") -> str:
    """Everything that comes back over one connection for these very bytes; `HOST` stands for the right one."""
    host, port = portal.base.removeprefix("http://").split(":")
    message = head.replace("HOST", f"{host}:{port}").replace("\n", "\r\n").encode("latin-1") + b"\r\n\r\n" + body
    with socket.create_connection(("127.0.0.1", int(port)), timeout=10) as connection:
        connection.sendall(message)
        with suppress(OSError):  # it may have answered and gone
            connection.shutdown(socket.SHUT_WR)
        came = b""
        while piece := connection.recv(65_536):
            came += piece
    return came.decode("latin-1")


def status(answer: str) -> int:
    return int(answer.split(" ", 2)[1]) if answer else 0


REFUSED_BY_GUNICORN = {
    "an address of 5 KB": ("GET /login?next=" + "x" * 5_000 + " HTTP/1.1\nHost: HOST", 414),
    "a header of 9 KB": ("GET /login HTTP/1.1\nHost: HOST\nCookie: a=" + "x" * 9_000, 431),
    "200 headers": ("GET /login HTTP/1.1\nHost: HOST\n" + "\n".join(f"X-{n}: 1" for n in range(200)), 431),
    "no request at all": ("<script>alert(1)</script>", 400),
    "an odd method": ("G<E>T / HTTP/1.1\nHost: HOST", 400),
    "a folded header": ("GET / HTTP/1.1\nHost: HOST\nX-A: 1\n 2", 400),
    "a header with a space": ("GET / HTTP/1.1\nHost: HOST\nX-A : 1", 400),
}


@pytest.mark.full
@pytest.mark.parametrize(("head", "expected"), REFUSED_BY_GUNICORN.values(), ids=REFUSED_BY_GUNICORN)
def test_bombs_end_before_they_reach_us_t27(portal: Served, head: str, expected: int) -> None:
    """These answers are gunicorn's, without our headers: they close the connection, set nothing, and hold no markup of
    whoever sent them."""
    answer = says(portal, head)
    assert status(answer) == expected
    assert "Set-Cookie" not in answer
    assert "Connection: close" in answer
    assert "<script>" not in answer


@pytest.mark.full
def test_as_many_cookies_as_a_browser_of_ours_holds_get_through(portal: Served) -> None:
    cookies = "; ".join(f"portal_flow_{number:016d}={'A' * 1_400}" for number in range(4))
    assert status(says(portal, f"GET /login HTTP/1.1\nHost: HOST\nConnection: close\nCookie: {cookies}")) == 200


@pytest.mark.full
@pytest.mark.parametrize("length", ["chunked", "said", "too small"])
def test_a_body_beyond_the_limit_is_refused_however_its_length_is_said_t27(portal: Served, length: str) -> None:
    form, how = b"csrf_token=" + b"x" * 200_000, "Content-Length: 200011"
    if length == "chunked":
        how, form = "Transfer-Encoding: chunked", b"%x\r\n%s\r\n0\r\n\r\n" % (len(form), form)
    if length == "too small":
        how = "Content-Length: 11"
    head = (
        f"POST /logout HTTP/1.1\nHost: HOST\nConnection: close\nContent-Type: application/x-www-form-urlencoded\n{how}"
    )
    # Where no length is said werkzeug reads up to the limit and no further, and the token that was cut is none.
    assert status(says(portal, head, body=form)) == (413 if length == "said" else 400)


@pytest.mark.full
def test_what_a_proxy_on_this_machine_passes_on_changes_no_address_t29(portal: Served) -> None:
    """By default gunicorn believes these from 127.0.0.1, whoever wrote them first."""
    plain = "GET /account HTTP/1.1\nHost: HOST\nConnection: close"
    hostile = "\nX-Forwarded-Proto: https\nX-Forwarded-Ssl: off\nX-Forwarded-Host: evil.example\nSCRIPT_NAME: /evil"
    hostile += "\nPATH_INFO: /evil\nX-Forwarded-Prefix: /evil\nForwarded: host=evil.example\nREMOTE_USER: admin"
    answers = [says(portal, plain), says(portal, plain + hostile)]
    assert [status(answer) for answer in answers] == [303, 303]
    assert [re.findall(r"Location: (\S+)", answer) for answer in answers] == [["/login?next=/account"]] * 2


@pytest.mark.full
@pytest.mark.parametrize(
    "hosts", ["Host: evil.example", "Host: HOST\nHost: evil.example", "Host: evil.example\nHost: HOST"]
)
def test_a_foreign_or_a_second_host_is_refused_t28(portal: Served, hosts: str) -> None:
    answer = says(portal, f"GET /login HTTP/1.1\n{hosts}\nConnection: close")
    assert status(answer) == 400
    assert "evil" not in answer


@pytest.mark.full
def test_an_absolute_address_names_no_other_host_t28(portal: Served) -> None:
    answer = says(portal, "GET http://evil.example/account HTTP/1.1\nHost: HOST\nConnection: close")
    assert "evil" not in answer
    assert status(answer) in {303, 400}


@pytest.mark.full
@pytest.mark.parametrize("method", ["TRACE", "CONNECT", "PROPFIND", "PUT"])
def test_no_other_method_does_anything_t107(portal: Served, method: str) -> None:
    answer = says(portal, f"{method} /account HTTP/1.1\nHost: HOST\nCookie: secret=1\nConnection: close")
    assert status(answer) in {400, 405}
    assert "secret" not in answer, "a TRACE would show a script the cookies it may not read"


@pytest.mark.full
def test_the_access_log_has_the_address_that_the_proxy_said_t79(portal: Served) -> None:
    said = '"192.0.2.1, 198.51.100.7\nX-Real-IP: 192.0.2.2\nX-Appengine-User-Ip: 192.0.2.3\nForwarded: for=192.0.2.4'
    says(portal, f"GET /healthz HTTP/1.1\nHost: HOST\nConnection: close\nX-Forwarded-For: {said}")
    log = portal.log.read_text()
    assert "198.51.100.7" in log
    assert "192.0.2." not in log


def test_gunicorn_s_own_limits_are_set_and_it_believes_nobody() -> None:
    """T27, T29."""
    assert (GUNICORN["limit_request_line"], GUNICORN["limit_request_fields"]) == (4094, 100)
    assert GUNICORN["limit_request_field_size"] <= 8_190
    assert GUNICORN["forwarded_allow_ips"] == GUNICORN["forwarder_headers"] == ""
    assert GUNICORN["secure_scheme_headers"] == {}
