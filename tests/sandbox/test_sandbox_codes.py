"""The token call: who may redeem which code, with what, how often and for how long."""

from __future__ import annotations

import base64
import hashlib
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import pytest
from sandbox_application import CHALLENGE, VERIFIER, Application

from providers.sandbox.grants import Ask, Code, CodeFault, Grant, Grants, proves
from providers.sandbox.people import Person
from providers.sandbox.shelf import Shelf
from providers.sandbox.troubles import Call, Trouble

GRANT = Grant(Ask("http://r", None, (), CHALLENGE, None, False), Person("1"), frozenset(), Trouble.NONE, Call.PROFILE)


@pytest.mark.parametrize(
    "change",
    [
        {"client_secret": "wrong"},
        {"client_secret": None},
        {"client_id": "another"},
        {"client_id": None},
        {"redirect_uri": "http://localhost:8000/"},
        {"redirect_uri": None},
        {"code_verifier": "w" * 43},
        {"code_verifier": "v" * 42},
        {"code_verifier": CHALLENGE},
        {"code_verifier": None},
        {"code": "made-up"},
        {"code": None},
        {"code_verifier": [VERIFIER, VERIFIER]},
    ],
)
def test_a_token_call_with_one_thing_wrong_gets_no_token(application: Application, change: dict[str, object]) -> None:
    answer = application.redeems(application.gets_code(), **change)
    assert "error" in answer.json()
    assert "access_token" not in answer.text


def test_a_code_is_good_for_one_token(application: Application) -> None:
    code = application.gets_code()
    token = application.redeems(code).json()["access_token"]
    assert "error" in application.redeems(code).json()
    assert application.reads_profile(token).status_code == 200


def test_a_try_with_a_wrong_verifier_uses_the_code_up(application: Application) -> None:
    code = application.gets_code()
    application.redeems(code, code_verifier="w" * 43)
    assert "error" in application.redeems(code).json()


def test_somebody_without_the_secret_cannot_use_a_code_up(application: Application) -> None:
    code = application.gets_code()
    application.redeems(code, client_secret="wrong")
    assert "access_token" in application.redeems(code).json()


def test_the_secret_may_come_as_basic_credentials(application: Application) -> None:
    def redeems(secret: str) -> dict[str, object]:
        pair = f"{application.settings['client_id']}:{secret}".encode()
        application.http.headers["Authorization"] = f"Basic {base64.b64encode(pair).decode()}"
        try:
            answer = application.redeems(application.gets_code(), client_id=None, client_secret=None)
        finally:
            del application.http.headers["Authorization"]
        return dict(answer.json())

    assert "access_token" in redeems(application.settings["client_secret"])
    assert "error" in redeems("wrong")


def test_a_code_of_one_provider_is_nothing_at_another(application: Application) -> None:
    code = application.gets_code()
    for other in {"google", "github", "facebook"} - {application.name}:
        elsewhere = Application(application.sandbox, other, application.http)
        assert "error" in elsewhere.redeems(code).json()


def test_a_token_of_one_provider_is_nothing_at_another(application: Application) -> None:
    token = application.signs_in()["access_token"]
    for other in {"google", "github", "facebook"} - {application.name}:
        assert Application(application.sandbox, other, application.http).reads_profile(token).status_code in (400, 401)


def test_a_made_up_token_reads_nothing(application: Application) -> None:
    assert application.reads_profile("made-up").status_code in (400, 401)
    assert application.reads_profile("").status_code in (400, 401)


def test_a_code_lives_for_ten_minutes() -> None:
    now = 0.0
    grants = Grants(prefix="", life=60, clock=lambda: now)

    def redeemed_after(seconds: float) -> Grant | CodeFault:
        nonlocal now
        code = grants.codes.put(Code(GRANT))
        now += seconds
        return grants.redeem(code, redirect_uri="http://r", verifier=VERIFIER)

    assert redeemed_after(599) == GRANT
    assert redeemed_after(600) is CodeFault.UNKNOWN


def test_the_example_of_rfc_7636_appendix_b_holds() -> None:
    verifier, challenge = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk", "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
    assert proves(verifier, challenge)
    assert not proves(verifier, verifier)


@pytest.mark.parametrize("verifier", ["", "v" * 42, "v" * 129, "v" * 42 + "!", "v" * 42 + "ä"])
def test_a_verifier_of_the_wrong_length_or_alphabet_proves_nothing(verifier: str) -> None:
    digest = hashlib.sha256(verifier.encode()).digest()
    assert not proves(verifier, base64.urlsafe_b64encode(digest).rstrip(b"=").decode())


def test_a_full_shelf_forgets_the_oldest() -> None:
    shelf: Shelf[int] = Shelf(life=1, clock=lambda: 0.0, most=2)
    first, second, third = (shelf.put(number) for number in range(3))
    assert [shelf.get(key) for key in (first, second, third)] == [None, 1, 2]


class NaiveGrants(Grants):
    """Looks whether the code was used, then says that it is: what must not be done, and what the race must catch."""

    used: frozenset[str] = frozenset()
    both_looked = threading.Barrier(2)

    def redeem(self, code: str, *, redirect_uri: str, verifier: str) -> Grant | CodeFault:
        if code in self.used:
            return CodeFault.USED
        with suppress(threading.BrokenBarrierError):
            self.both_looked.wait(0.5)  # so that there are two who looked before either said it
        self.used |= {code}
        return GRANT


def test_of_sixteen_who_redeem_one_code_at_once_one_gets_it() -> None:
    assert _winners(Grants) == 1
    assert _winners(NaiveGrants) > 1


def _winners(kind: type[Grants]) -> int:
    grants = kind(prefix="", life=60, clock=time.monotonic)
    code = grants.codes.put(Code(GRANT))
    start, found = threading.Barrier(16), []

    def redeem() -> None:
        start.wait()
        found.append(grants.redeem(code, redirect_uri="http://r", verifier=VERIFIER))

    threads = [threading.Thread(target=redeem) for _ in range(16)]
    with _switching_often():
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert len(found) == 16
    return found.count(GRANT)


@contextmanager
def _switching_often() -> Iterator[None]:
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        yield
    finally:
        sys.setswitchinterval(before)
