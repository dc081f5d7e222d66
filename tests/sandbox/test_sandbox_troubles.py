"""Every trouble, seen by a client over real HTTP."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
import requests
from sandbox_application import PROFILE, Application, callback

from providers.sandbox import RunningSandbox, running_sandbox
from providers.sandbox.troubles import WORDS, Call, Trouble

CALLS = {
    "google": ["token", "profile"],
    "github": ["token", "profile", "email"],
    "facebook": ["token", "profile"],
}
ZOE = {"subject": "4711", "name": "Zoë", "email": "zoe@example.com", "verified": True}


@pytest.fixture(scope="module")
def hurried() -> Iterator[RunningSandbox]:
    """Every wait takes a hundredth of its time: 0.08 s for slow, 0.3 s for hang, 5 ms a drop."""
    with running_sandbox(pace=0.01) as running:
        yield running


@pytest.fixture(scope="module")
def unhurried() -> Iterator[RunningSandbox]:
    """A drop every 50 ms, so that a busy machine still tells them apart."""
    with running_sandbox(pace=0.1) as running:
        yield running


def test_every_trouble_has_its_words() -> None:
    assert set(WORDS) == set(Trouble)


@pytest.mark.parametrize("trouble", ["error500", "html", "garbage"])
def test_a_bad_answer_comes_at_the_call_it_was_ordered_for_and_nowhere_else(
    application: Application, trouble: str
) -> None:
    for ordered in CALLS[application.name]:
        answers = _all_calls(application, trouble, ordered)
        for call, answer in answers.items():
            assert _is_bad(answer, trouble) == (call == ordered), (ordered, call)


def test_an_address_call_can_only_be_troubled_where_there_is_one(application: Application) -> None:
    answer = application.asks(ZOE | {"trouble": "html", "at": "email"})
    assert answer.status_code == (303 if application.name == "github" else 400)


def test_the_consent_page_orders_trouble_for_the_profile_unless_told_otherwise(application: Application) -> None:
    code = callback(application.presses("ada", trouble="html"))["code"]
    token = application.redeems(code).json()["access_token"]
    assert application.reads_profile(token).headers["Content-Type"].startswith("text/html")
    code = callback(application.presses("own", name="Zoë", trouble="html", at="token"))["code"]
    assert application.redeems(code).headers["Content-Type"].startswith("text/html")


def test_slow_answers_rightly_but_late(application: Application, hurried: RunningSandbox) -> None:
    application.sandbox = hurried
    token = application.signs_in(ZOE | {"trouble": "slow"})["access_token"]
    start = time.monotonic()
    profile = application.reads_profile(token).json()
    assert time.monotonic() - start >= 0.08
    assert profile["name"] == "Zoë"


def test_hang_ends_without_an_answer(application: Application, hurried: RunningSandbox) -> None:
    application.sandbox = hurried
    token = application.signs_in(ZOE | {"trouble": "hang"})["access_token"]
    with pytest.raises(requests.ConnectionError):
        application.reads_profile(token)


def test_a_hanging_thread_comes_back_once_its_client_is_gone(application: Application) -> None:
    token = application.signs_in(ZOE | {"trouble": "hang"})["access_token"]
    before = len(application.sandbox.requests)
    with _connection(application, token):
        time.sleep(0.15)
        assert len(application.sandbox.requests) == before
    deadline = time.monotonic() + 2
    while len(application.sandbox.requests) == before and time.monotonic() < deadline:
        time.sleep(0.02)
    assert [line.status for line in application.sandbox.requests[before:]] == [504]


def test_drip_sends_its_header_at_once_and_its_body_in_drops(
    application: Application, unhurried: RunningSandbox
) -> None:
    application.sandbox = unhurried
    token = application.signs_in(ZOE | {"trouble": "drip"})["access_token"]
    with _connection(application, token) as line:
        head = line.recv(4096)
        assert head.startswith(b"HTTP/1.1 200")
        assert b"\r\n\r\n" in head
        assert len(_four_pieces(line)) < 16


def test_drip_headers_sends_even_the_status_line_in_drops(application: Application, unhurried: RunningSandbox) -> None:
    application.sandbox = unhurried
    token = application.signs_in(ZOE | {"trouble": "drip_headers"})["access_token"]
    with _connection(application, token) as line:
        came = _four_pieces(line)
    assert len(came) < 16
    assert b"HTTP/1.1 200 OK\r\n".startswith(came)


def test_a_drip_that_is_waited_for_ends_as_a_whole_answer(application: Application, hurried: RunningSandbox) -> None:
    application.sandbox = hurried
    token = application.signs_in(ZOE | {"trouble": "drip"})["access_token"]
    start = time.monotonic()
    assert "drip" in application.reads_profile(token).json()
    assert time.monotonic() - start > 0.25


@pytest.mark.parametrize("trouble", ["subject_null", "subject_float", "subject_string", "subject_big"])
def test_a_bad_subject_is_told_as_ordered(application: Application, trouble: str) -> None:
    token = application.signs_in(ZOE | {"trouble": trouble})["access_token"]
    told = application.reads_profile(token)
    subject = told.json()["sub" if application.name == "google" else "id"]
    odd = {"google": "ада 1", "github": "4711", "facebook": "ada.lovelace"}[application.name]
    wanted = {"subject_null": None, "subject_float": 4711.0, "subject_string": odd, "subject_big": 2**53 + 1}[trouble]
    assert (type(subject), subject) == (type(wanted), wanted)
    if trouble == "subject_float":
        assert "4711.0" in told.text


def test_no_profile_leaves_nothing_but_the_subject(application: Application) -> None:
    token = application.signs_in(ZOE | {"trouble": "no_profile"})["access_token"]
    assert "Zoë" not in json.dumps(application.reads_profile(token).json(), ensure_ascii=False)
    assert "zoe@example.com" not in application.reads_profile(token).text
    if application.name == "github":
        assert application.calls("/github/api/user/emails", token).json() == []


def test_scope_reduced_keeps_the_address_back(application: Application) -> None:
    answer = application.signs_in(ZOE | {"trouble": "scope_reduced"})
    assert "email" not in answer.get("scope", "")
    profile = application.reads_profile(answer["access_token"]).json()
    assert profile["name"] == "Zoë"
    assert "zoe@example.com" not in str(profile)
    if application.name == "github":
        assert application.calls("/github/api/user/emails", answer["access_token"]).status_code == 404


def _all_calls(application: Application, trouble: str, at: str) -> dict[str, requests.Response]:
    answers = {"token": application.redeems(application.gets_code(ZOE | {"trouble": trouble, "at": at}))}
    if Call(at) is not Call.TOKEN:
        token = answers["token"].json()["access_token"]
        answers["profile"] = application.reads_profile(token)
        if application.name == "github":
            answers["email"] = application.calls("/github/api/user/emails", token)
    return answers


def _is_bad(answer: requests.Response, trouble: str) -> bool:
    match trouble:
        case "error500":
            return answer.status_code == 500
        case "html":
            return answer.status_code == 200 and answer.headers["Content-Type"].startswith("text/html")
        case _:
            try:
                answer.json()
            except ValueError:
                return answer.status_code == 200 and answer.headers["Content-Type"] == "application/json"
            return False


def _profile_url(application: Application, token: str) -> str:
    prepared = requests.Request(
        "GET", application.sandbox.base + PROFILE[application.name], params=application.proof(token)
    )
    url = prepared.prepare().url
    assert url is not None
    return url


def _connection(application: Application, token: str) -> socket.socket:
    """A bare connection on which the profile has been asked for."""
    url = urlsplit(_profile_url(application, token))
    line = socket.create_connection((url.hostname or "", url.port or 0), timeout=2)
    headers = f"Host: {url.netloc}\r\nUser-Agent: test\r\nAuthorization: Bearer {token}\r\n\r\n"
    line.sendall(f"GET {url.path}?{url.query} HTTP/1.1\r\n{headers}".encode())
    return line


def _four_pieces(line: socket.socket) -> bytes:
    """What four reads bring. On a busy machine a read may find two or three drops at once."""
    return b"".join(line.recv(4096) for _ in range(4))
